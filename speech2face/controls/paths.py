"""What motion is made of, moment after moment: rests and ways between them, beats, drift.

Each is asked for later and later seconds and forgets what is over, so an hour costs what a minute
does. All are smooth: neither speed nor acceleration jumps.
"""

import math

import numpy as np
from jaxtyping import Float

Row = Float[np.ndarray, " size"]


def ease(share: float) -> float:
    """Go from 0 to 1 with no speed and no acceleration at either end (a minimum-jerk way)."""
    held = min(max(share, 0.0), 1.0)
    return held**3 * (10.0 + held * (6.0 * held - 15.0))


def pole(step: float, seconds: float) -> float:
    """Compute the share of the way that a first-order filter goes in `step` seconds."""
    return 1.0 - math.exp(-step / seconds)


class Path:
    """A value that rests, and goes to its next rest."""

    def __init__(self, size: int) -> None:
        """Rest at zero."""
        self.target: Row = np.zeros(size)
        self._base: Row = np.zeros(size)
        self._ways: list[tuple[float, float, Row]] = []

    def go(self, target: Row, start: float, span: float) -> None:
        """Go to `target` between the seconds `start` and `start + span`."""
        self._ways.append((start, span, target - self.target))
        self.target = target

    def at(self, now: float) -> Row:
        """Return the value at the second `now`."""
        over = [way for way in self._ways if now >= way[0] + way[1]]
        self._ways = [way for way in self._ways if now < way[0] + way[1]]
        self._base = self._base + sum((way for _, _, way in over), np.zeros_like(self._base))
        value = self._base
        for start, span, way in self._ways:
            value = value + ease((now - start) / span) * way
        return value

    def forget(self, now: float) -> None:
        """Drop the ways that have not begun at the second `now`."""
        self._ways = [way for way in self._ways if way[0] <= now]
        self.target = self._base + sum((way for _, _, way in self._ways), 0.0 * self._base)


class Beats:
    """Bumps that add up: each rises to its height and falls back."""

    def __init__(self, size: int) -> None:
        """Begin with none."""
        self._size = size
        self._beats: list[tuple[float, float, float, Row]] = []

    def add(self, time: float, rise: float, fall: float, height: Row) -> None:
        """Add one that is highest at the second `time`; `rise` and `fall` are seconds."""
        self._beats.append((time, rise, fall, height))

    def at(self, now: float) -> Row:
        """Return their sum at the second `now`."""
        self._beats = [beat for beat in self._beats if now < beat[0] + beat[2]]
        total = np.zeros(self._size)
        for time, rise, fall, height in self._beats:
            share = 1.0 + (now - time) / rise if now < time else 1.0 - (now - time) / fall
            if share > 0.0:
                total = total + ease(share) * height
        return total

    def forget(self, now: float) -> None:
        """Drop those that have not begun at the second `now`."""
        self._beats = [beat for beat in self._beats if beat[0] - beat[1] <= now]


class Drift:
    """Smooth noise around 0 that never repeats: values drawn one after another, joined smoothly."""

    def __init__(self, rng: np.random.Generator, size: int, every: float) -> None:
        """Draw `size` values (standard deviation 1) every so many seconds."""
        self._rng, self._size, self._every = rng, size, every
        self._knots = [rng.normal(size=size) for _ in range(4)]
        self._start = 0.0

    def at(self, now: float) -> Row:
        """Return the noise at the second `now`; its standard deviation is about 1."""
        while now >= self._start + self._every:
            self._start += self._every
            self._knots = [*self._knots[1:], self._rng.normal(size=self._size)]
        share = (now - self._start) / self._every
        # A uniform cubic B-spline, which keeps 0.7 of the knots' standard deviation.
        weights = (
            (1.0 - share) ** 3,
            3.0 * share**3 - 6.0 * share**2 + 4.0,
            -3.0 * share**3 + 3.0 * share**2 + 3.0 * share + 1.0,
            share**3,
        )
        total = np.zeros(self._size)
        for weight, knot in zip(weights, self._knots, strict=True):
            total = total + weight / (6.0 * 0.7) * knot
        return total
