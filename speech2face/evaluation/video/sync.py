"""Lip sync: how well the mouth of a video follows the mouth of the real recording.

Both are tracked by the same judge; compared is the inner-lip gap over the outer-eye distance. Two
clips of different GRID sentences already correlate at about 0.43, because all sentences share one
grammar: a figure without its wrong-audio row says nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

_FLAT = 1e-6
"""Standard deviation (eye distances) below which a mouth does not move: nothing to correlate."""
_SEARCH, _WIDE_SEARCH = 1, 8
"""Lags up to this many frames may be chosen for `r`, and for `wide_lag`."""
_DRAWS = 2000
"""Of the bootstrap."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """How well one clip's mouth follows another's."""

    r: float
    """Pearson correlation at `lag`."""
    lag: int
    """Frames by which the output is late; negative: early."""
    amplitude: float
    """Standard deviation of the output's opening over that of the real one."""
    wide_lag: int
    """The best lag of a wide search: it must read a shift back."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean with its 95 % confidence interval."""

    mean: float
    low: float
    high: float


def pearson(a: Float[np.ndarray, " frames"], b: Float[np.ndarray, " frames"]) -> float:
    """Correlate two signals; 0 where one of them does not vary."""
    if min(a.std(), b.std()) < _FLAT:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def correlation_at(
    output: Float[np.ndarray, " frames"], real: Float[np.ndarray, " frames2"], lag: int
) -> float:
    """Correlate frame i of the real signal with frame i + `lag` of the output, where both exist."""
    start, end = max(0, -lag), min(len(real), len(output) - lag)
    return pearson(output[start + lag : end + lag], real[start:end])


def match(output: Float[np.ndarray, " frames"], real: Float[np.ndarray, " frames2"]) -> Match:
    """Compare the mouth openings of two clips of the same frame rate.

    Args:
        output: Opening in the video under test.
        real: Opening in the real recording.
    """
    lags = range(-_WIDE_SEARCH, _WIDE_SEARCH + 1)
    scores = {lag: correlation_at(output, real, lag) for lag in lags}
    # Ties, as with a still mouth, go to the smallest lag.
    best = max(
        (lag for lag in lags if abs(lag) <= _SEARCH), key=lambda lag: (scores[lag], -abs(lag))
    )
    widest = max(lags, key=lambda lag: (scores[lag], -abs(lag)))
    spread = float(real.std())
    amplitude = float(output.std()) / spread if spread > _FLAT else 0.0
    return Match(r=scores[best], lag=best, amplitude=amplitude, wide_lag=widest)


def delayed(
    values: Float[np.ndarray, " frames *rest"], frames: int
) -> Float[np.ndarray, " frames *rest"]:
    """Delay a signal by whole frames, its first value held."""
    index = np.clip(np.arange(len(values)) - frames, 0, len(values) - 1)
    return values[index]


def bootstrap_mean(values: Sequence[float]) -> Interval:
    """Return a mean and its 95 % percentile-bootstrap interval over clips.

    Source: Efron, "Bootstrap methods: another look at the jackknife" (1979).
    """
    array = np.asarray(values, np.float64)
    random = np.random.default_rng(0)
    means = array[random.integers(0, len(array), (_DRAWS, len(array)))].mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(mean=float(array.mean()), low=float(low), high=float(high))
