"""What one clip's lips are scored by, and what a row of scores says."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from speech2face import landmarks
from speech2face.evaluation.tables import Cell
from speech2face.training.speech_data import Stretch, read_words

_FLAT = 1e-6
"""Standard deviation below which a mouth does not move."""
_LAGS = 5
"""Frames searched for the best lag, to either side."""
_CLOSED = 0.25
"""Lips count as closed below this part of the clip's usual opening (its 90th percentile)."""
_NEAR = 2
"""Frames around a closure in which it may happen."""
_FAR = 2
"""Frames from marked speech, which has a margin of its own, from which on silence counts."""

_STARTS_CLOSED = frozenset({"bin", "blue", "by", "b", "place", "please", "p"})
_ENDS_CLOSED = frozenset({"m"})

Offsets = Float[np.ndarray, "frames 70 3"]


@dataclass(frozen=True, kw_only=True)
class Score:
    """One clip."""

    error: float
    """Mean distance of the 20 lip landmarks in the picture plane over the outer-eye distance."""
    rest_error: float
    """The same for a mouth that rests."""
    r: float
    """Pearson correlation of the mouth opening at lag 0."""
    amplitude: float
    """Standard deviation of the opening over the real one's."""
    correlations: Float[np.ndarray, " lags"]
    """The correlation at lags -5 to 5; a positive lag is late."""
    silence: float
    """Speed of the lips away from words over their speed in words."""
    closed: int
    """Closures of p, b, m that are met."""
    closures: int
    """Closures there are."""


def score(clip: Stretch, offsets: Offsets, closures: list[int]) -> Score:
    """Compare movements with a clip's real ones.

    Args:
        clip: The real ones.
        offsets: From the same rest landmarks, of the same length.
        closures: Frames at which the lips must meet.
    """
    lips = landmarks.MOUTH
    wrong = (offsets - clip.offsets)[:, lips, :2]
    real, said = opening(clip, clip.offsets), opening(clip, offsets)
    correlations = np.array([correlation(real, said, lag) for lag in range(-_LAGS, _LAGS + 1)])
    speed = np.linalg.norm(np.diff(offsets[:, lips, :2], axis=0), axis=-1).mean(-1)
    silent, spoken = _silence(clip)
    both = bool(silent.any() and spoken.any())
    # Half a hundredth more, because a resting mouth is shut too.
    shut = said < _CLOSED * np.percentile(said, 90) + 0.005
    hits = [bool(shut[max(0, at - _NEAR) : at + _NEAR + 1].any()) for at in closures]
    return Score(
        error=float(np.linalg.norm(wrong, axis=-1).mean()),
        rest_error=float(np.linalg.norm(clip.offsets[:, lips, :2], axis=-1).mean()),
        r=float(correlations[_LAGS]),
        amplitude=float(said.std() / real.std()),
        correlations=correlations,
        silence=float(speed[silent].mean() / max(speed[spoken].mean(), 1e-9)) if both else np.nan,
        closed=sum(hits),
        closures=len(hits),
    )


def opening(clip: Stretch, offsets: Offsets) -> Float[np.ndarray, " frames"]:
    """Measure the mouth opening of movements from a clip's rest."""
    return landmarks.mouth_opening(clip.rest + offsets)


def correlation(
    real: Float[np.ndarray, " frames"], said: Float[np.ndarray, " frames"], lag: int
) -> float:
    """Correlate two openings, the second `lag` frames late; 0 where one of them does not move."""
    one = real[max(0, -lag) : len(real) - max(0, lag)]
    other = said[max(0, lag) : len(said) - max(0, -lag)]
    if min(one.std(), other.std()) < _FLAT:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def _silence(clip: Stretch) -> tuple[Bool[np.ndarray, " steps"], Bool[np.ndarray, " steps"]]:
    """Tell the steps between frames that are far from every word, and those that are in words."""
    spoken = clip.speech == 1
    near = np.convolve(spoken, np.ones(2 * _FAR + 1), "same") > 0
    silent = (clip.speech == 0) & ~near
    return silent[1:] & silent[:-1], spoken[1:] & spoken[:-1]


def closure_frames(align: Path) -> list[int]:
    """Read when lips must meet from a GRID .align file: b, p at a word's start, m at its end."""
    if not align.is_file():
        return []
    words = read_words(align)
    starts = [round(first * 25) for first, _, word in words if word in _STARTS_CLOSED]
    return starts + [round(last * 25) - 1 for _, last, word in words if word in _ENDS_CLOSED]


def row_of(scores: list[Score]) -> dict[str, Cell]:
    """Summarise clips: means, and the confidence interval of the correlation."""
    mean = np.mean([one.correlations for one in scores], 0)
    closures = sum(one.closures for one in scores)
    r = np.array([one.r for one in scores])
    error = float(np.mean([one.error for one in scores]))
    near = [one.correlations[_LAGS - 1 : _LAGS + 2].max() for one in scores]
    silence = [one.silence for one in scores if np.isfinite(one.silence)]
    return {
        "error / rest": error / float(np.mean([one.rest_error for one in scores])),
        "error": error,
        "r": float(r.mean()),
        "± (95 %)": float(1.96 * r.std() / np.sqrt(len(r))),
        "best lag": int(mean.argmax()) - _LAGS if mean.max() > 0 else None,
        "r at best of ±1": float(np.mean(near)),
        "amplitude": float(np.mean([one.amplitude for one in scores])),
        "closures met": sum(one.closed for one in scores) / closures if closures else None,
        "lip speed in silence": float(np.mean(silence)) if silence else None,
    }
