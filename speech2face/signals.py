"""Shapes in time that every control is made of: slow wandering, bumps around events, eased steps.

All of them are functions of time alone, so that a longer clip starts like a shorter one.
"""

from fractions import Fraction
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

STREAMS = ("emotion", "blink", "gaze", "tremble", "pose", "brow")
"""Names of the random streams; a control draws from its own only, so none disturbs another."""


def stream(seed: int, name: str) -> np.random.Generator:
    """Open the random stream of one control, one of `STREAMS`."""
    return np.random.default_rng([seed, STREAMS.index(name)])


_Array = TypeVar("_Array")


def eased(share: _Array) -> _Array:
    """Return 3 x^2 - 2 x^3 of a share from 0 to 1, array or tensor: no speed at either end."""
    x: Any = share
    return x * x * (3 - 2 * x)


def smoothstep(share: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Ease from 0 to 1 with no speed at either end; the share is held inside 0 to 1."""
    return eased(np.clip(share, 0.0, 1.0))


class Wander:
    """A smooth path around 0, never beyond -1 and 1, that can be read at any time.

    A sum of sine waves with drawn periods and phases: it needs no state, returns to its centre by
    itself, and its speed is bounded by 2 pi / `shortest`.
    """

    def __init__(
        self, rng: np.random.Generator, *, shortest: float, longest: float, waves: int = 3
    ) -> None:
        """Draw the waves.

        Args:
            rng: Draws the periods and phases.
            shortest: Bounds of the waves' periods in seconds.
            longest: See `shortest`.
            waves: How many sine waves are added.
        """
        share = (np.arange(waves) + rng.uniform(0.0, 1.0, waves)) / waves
        self._periods = shortest * (longest / shortest) ** share
        self._phases = rng.uniform(0.0, 2.0 * np.pi, waves)

    def at(self, seconds: Float[np.ndarray, " frames"]) -> Float[np.ndarray, " frames"]:
        """Read the path at these times."""
        total = np.zeros(len(seconds))
        for period, phase in zip(self._periods, self._phases, strict=True):
            total += np.sin(2.0 * np.pi * seconds / period + phase)
        return total / len(self._periods)


def wander(
    seconds: Float[np.ndarray, " frames"],
    rng: np.random.Generator,
    *,
    shortest: float,
    longest: float,
    waves: int = 3,
) -> Float[np.ndarray, " frames"]:
    """Draw a `Wander` and read it at `seconds`."""
    return Wander(rng, shortest=shortest, longest=longest, waves=waves).at(seconds)


def bump(
    offset: Float[np.ndarray, " frames"], rise: float, fall: float, hold: float = 0.0
) -> Float[np.ndarray, " frames"]:
    """Rise to 1 before an event, hold, and fall back to 0 after it, in raised cosines.

    Args:
        offset: Seconds since the event, negative before it.
        rise: Seconds from 0 to 1, ending at the event.
        fall: Seconds from 1 to 0, starting `hold` after the event.
        hold: Seconds at 1.
    """
    distance = np.where(offset < 0, -offset / rise, (offset - hold) / fall)
    return 0.5 + 0.5 * np.cos(np.pi * np.clip(distance, 0.0, 1.0))


def bumps(
    seconds: Float[np.ndarray, " frames"],
    times: Float[np.ndarray, " events"],
    heights: Float[np.ndarray, " events"],
    *,
    rise: float,
    fall: float,
    hold: float = 0.0,
) -> Float[np.ndarray, " frames"]:
    """Add one `bump` an event.

    Args:
        seconds: When to look; growing.
        times: When each event is, in seconds.
        heights: How high each bump is.
        rise: As in `bump`.
        fall: As in `bump`.
        hold: As in `bump`.
    """
    total = np.zeros(len(seconds))
    first = np.searchsorted(seconds, times - rise)
    last = np.searchsorted(seconds, times + hold + fall)
    for time, height, start, stop in zip(times, heights, first, last, strict=True):
        total[start:stop] += height * bump(seconds[start:stop] - time, rise, fall, hold)
    return total


def resample(
    values: Float[np.ndarray, " frames *rest"], fps: Fraction, target_fps: Fraction, frames: int
) -> Float[np.ndarray, " target_frames *rest"]:
    """Resample a track to another rate by linear interpolation in time; the last value holds.

    Args:
        values: One row a frame at `fps`.
        fps: The rate of `values`.
        target_fps: The rate wanted.
        frames: How many frames to give at `target_fps`.
    """
    position = np.arange(frames) * float(fps / target_fps)
    position = np.clip(position, 0, len(values) - 1)
    left = np.floor(position).astype(np.int64)
    right = np.minimum(left + 1, len(values) - 1)
    weight = (position - left).astype(values.dtype).reshape(-1, *[1] * (values.ndim - 1))
    return values[left] * (1 - weight) + values[right] * weight
