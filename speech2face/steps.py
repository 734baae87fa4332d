"""Steps: the stages as things that are fed piece by piece, so that offline and live are one path.

A whole clip is one `feed` and one `finish`; a live session is many small feeds. What comes out does
not depend on how the input was cut.
"""

from fractions import Fraction
from typing import Protocol, TypeVar

import numpy as np
from jaxtyping import Float

In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)


class Step(Protocol[In_contra, Out_co]):
    """Takes pieces of one kind and returns pieces of another."""

    @property
    def late(self) -> int:
        """How many frames what comes out lies behind what went in."""
        ...

    def feed(self, piece: In_contra, /) -> Out_co:
        """Take the next piece; return what is known by now, perhaps nothing."""
        ...

    def finish(self) -> Out_co:
        """Return the rest; nothing more will be fed."""
        ...


class Resample:
    """Brings rows from one rate to another by linear interpolation in time, as they arrive.

    The same numbers as `timing.resample`; at equal rates rows pass as they are.
    """

    def __init__(self, fps: Fraction, target_fps: Fraction) -> None:
        """Begin at time 0.

        Args:
            fps: Rate of what is fed.
            target_fps: Rate of what is returned.
        """
        self._step = fps / target_fps
        self._rows: np.ndarray | None = None
        self._first = 0  # number of the first row that is still kept
        self._given = 0

    @property
    def late(self) -> int:
        """A row between two waits for the second of them."""
        return 0 if self._step.denominator == 1 else 1

    def feed(self, piece: Float[np.ndarray, "rows size"]) -> Float[np.ndarray, "some size"]:
        """Take rows; return those that lie between known ones."""
        self._rows = piece if self._rows is None else np.concatenate([self._rows, piece])
        known = self._first + len(self._rows)
        # The last row that needs none after the known ones: position <= known - 1.
        ready = int((known - 1) / self._step) + 1 if known else 0
        return self._answer(max(ready, self._given))

    def finish(self, frames: int) -> Float[np.ndarray, "some size"]:
        """Return the rest of so many rows in all; the last one that was fed holds."""
        return self._answer(max(frames, self._given))

    def _answer(self, stop: int) -> np.ndarray:
        rows = self._rows
        if stop == self._given or rows is None or len(rows) == 0:
            return np.zeros((0, 0) if rows is None else (0, *rows.shape[1:]), np.float32)
        places = [number * self._step for number in range(self._given, stop)]
        last = len(rows) - 1
        left = np.array([min(int(place) - self._first, last) for place in places])
        share = np.array([float(place - int(place)) for place in places], rows.dtype)[:, None]
        share[left == last] = 0  # the last row holds
        right = np.minimum(left + 1, last)
        resampled = rows[left] * (1 - share) + rows[right] * share
        self._given = stop
        keep = min(int(stop * self._step) - self._first, last)
        self._rows, self._first = rows[keep:], self._first + keep
        return resampled
