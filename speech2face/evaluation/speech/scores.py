"""What one clip's lips are scored by, and what a row of scores says."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from speech2face import landmarks
from speech2face.evaluation.tables import Cell
from speech2face.evaluation.video.sync import bootstrap_mean
from speech2face.models.speech2landmarks import PHONE_CLASSES
from speech2face.training.speech.align import read_words
from speech2face.training.speech.data import Stretch

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
_LONG = 3
"""Frames from which an open vowel must be seen."""
_TOGETHER = 10
"""Clips whose correlations are averaged before their best lag is read: one clip's is too noisy."""

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
    swallowed: int
    """Open vowels through which the lips stay closed."""
    vowels: int
    """Open vowels there are."""
    sync: float | None = None
    """The sync network's cosine, mean over windows of two seconds."""


def score(clip: Stretch, offsets: Offsets, closures: list[int], sync: float | None = None) -> Score:
    """Compare movements with a clip's real ones.

    Args:
        clip: The real ones.
        offsets: From the same rest landmarks, of the same length.
        closures: Frames at which the lips must meet.
        sync: What the sync network says, where it was asked.
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
    vowels = [bool(shut[first:last].all()) for first, last in open_vowels(clip)]
    return Score(
        error=float(np.linalg.norm(wrong, axis=-1).mean()),
        rest_error=float(np.linalg.norm(clip.offsets[:, lips, :2], axis=-1).mean()),
        r=float(correlations[_LAGS]),
        amplitude=float(said.std() / real.std()),
        correlations=correlations,
        silence=float(speed[silent].mean() / max(speed[spoken].mean(), 1e-9)) if both else np.nan,
        closed=sum(hits),
        closures=len(hits),
        swallowed=sum(vowels),
        vowels=len(vowels),
        sync=sync,
    )


def open_vowels(clip: Stretch) -> list[tuple[int, int]]:
    """List the open vowels that last long enough to be seen: first frame, and the one after it."""
    marked = np.concatenate([[False], clip.phones == _OPEN, [False]])
    edges = np.flatnonzero(marked[1:] != marked[:-1]).reshape(-1, 2)
    return [(int(first), int(last)) for first, last in edges if last - first >= _LONG]


_OPEN = PHONE_CLASSES.index("open")


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
    """Return the steps between frames that are far from every word, and those that are in words."""
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
    """Summarise clips: means, some with half the width of their 95 % bootstrap interval."""
    mean = np.mean([one.correlations for one in scores], 0)
    closures = sum(one.closures for one in scores)
    vowels = sum(one.vowels for one in scores)
    rest = float(np.mean([one.rest_error for one in scores]))
    near = [one.correlations[_LAGS - 1 : _LAGS + 2].max() for one in scores]
    silence = [one.silence for one in scores if np.isfinite(one.silence)]
    sync = [one.sync for one in scores if one.sync is not None]
    return {
        **_with_interval("error / rest", [one.error / rest for one in scores]),
        "error": float(np.mean([one.error for one in scores])),
        **_with_interval("r", [one.r for one in scores]),
        "best lag": int(mean.argmax()) - _LAGS if mean.max() > 0 else None,
        f"lag within ±1, over {_TOGETHER}": punctual(scores),
        "r at best of ±1": float(np.mean(near)),
        **_with_interval("amplitude", [one.amplitude for one in scores]),
        "closures met": sum(one.closed for one in scores) / closures if closures else None,
        "open vowels shut": sum(one.swallowed for one in scores) / vowels if vowels else None,
        "lip speed in silence": float(np.mean(silence)) if silence else None,
        **(_with_interval("sync", sync) if sync else {}),
    }


def _with_interval(name: str, values: list[float]) -> dict[str, Cell]:
    interval = bootstrap_mean(values)
    return {name: interval.mean, f"{name} ±": (interval.high - interval.low) / 2}


def punctual(scores: list[Score]) -> float | None:
    """Return the share of groups of ten neighbouring clips whose mean correlation peaks within ±1.

    Every clip begins one group; after the last comes the first again. None where nothing moves.
    """
    curves = np.stack([one.correlations for one in scores])
    if curves.max() <= 0:
        return None
    count = min(_TOGETHER, len(curves))
    groups = [np.roll(curves, -first, 0)[:count].mean(0) for first in range(len(curves))]
    return float(np.mean([abs(int(group.argmax()) - _LAGS) <= 1 for group in groups]))
