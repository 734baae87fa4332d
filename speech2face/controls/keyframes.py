"""Keyframes read at any times."""

from typing import get_args

import numpy as np
from jaxtyping import Float

from speech2face.controls.timeline import Ease, Keys
from speech2face.signals import smoothstep


def sample(
    keys: Keys, seconds: Float[np.ndarray, " frames"]
) -> Float[np.ndarray, "frames channels"]:
    """Read keyframes at any times.

    Args:
        keys: At least one, in order of time; equal times make a jump.
        seconds: When to look.
    """
    return Curve(keys).at(seconds)


class Curve:
    """Keyframes as arrays, to be read many times."""

    def __init__(self, keys: Keys) -> None:
        """Take keys as `sample` does."""
        self._times = np.array([key.time for key in keys], float)
        self._values = np.array([key.value for key in keys], float)
        self._eases = np.array([get_args(Ease).index(key.ease) for key in keys])

    def at(self, seconds: Float[np.ndarray, " frames"]) -> Float[np.ndarray, "frames channels"]:
        """Read the keyframes at these times."""
        times, last = self._times, len(self._times) - 1
        if not last:
            return np.repeat(self._values, len(seconds), axis=0)
        after = np.clip(np.searchsorted(times, seconds, side="right"), 1, max(last, 1))
        after = np.minimum(after, last)
        before = np.maximum(after - 1, 0)
        # `side="right"` never picks two keys of one time but at the very end: the span is 0 there.
        span = times[after] - times[before]
        elapsed = seconds - times[before]
        share = np.where(span > 0, np.clip(elapsed, 0, span) / np.where(span > 0, span, 1.0), 1.0)
        ease = self._eases[after]
        share = np.choose(ease, [share, smoothstep(share), np.floor(share)])[:, None]
        return self._values[before] * (1.0 - share) + self._values[after] * share
