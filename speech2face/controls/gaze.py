"""Gaze: where the eyes look, and how they stay there while the head moves.

Eyes never glide: they rest on a point, trembling by a fraction of a degree, and jump to the next in
20-60 ms (saccades; duration 2.2 ms a degree + 21 ms, Carpenter, "Movements of the eyes", 1988). A
speaker looks at the listener most of the time and away for moments, mostly where a phrase begins
(Kendon, "Some functions of gaze-direction in social interaction", 1967).
"""

import math

import numpy as np
from jaxtyping import Float

from speech2face.controls.hearing import Heard
from speech2face.controls.prosody import Prosody
from speech2face.controls.words import GAZE_LIMITS
from speech2face.signals import Wander, smoothstep

_TREMBLE = 0.3
"""Degrees of wandering around the point looked at, on each axis: below half a degree in all."""

_NEAR = 0.5
"""Seconds around the start of a phrase in which a speaker likes to look away."""


def natural_gaze(
    prosody: Prosody, seconds: Float[np.ndarray, " frames"], rng: np.random.Generator
) -> Float[np.ndarray, "frames 2"]:
    """Look at the camera most of the time, over it in small steps, and away for moments.

    Args:
        prosody: Phrase starts are when a speaker looks away.
        seconds: The time of each frame.
        rng: The stream of the gaze.

    Returns:
        Degrees to the image's right and up, of the line of sight against the portrait's.
    """
    starts = prosody.phrases[:, 0]
    times, points = [0.0], [(0.0, 0.0)]
    away = True  # so that the first step is not a look away
    while times[-1] < seconds[-1]:
        time = times[-1] + _stay(rng, away=away)
        near = np.searchsorted(starts, time - _NEAR) < np.searchsorted(starts, time + _NEAR)
        away, point = _look(rng, away=away, phrase_begins=bool(near))
        times.append(time)
        points.append(point)
    return _jump(np.array(times), np.array(points), seconds)


class LiveGaze:
    """The gaze of `natural_gaze` for a speech that is still arriving, one moment after another."""

    def __init__(self, rng: np.random.Generator, now: float) -> None:
        """Look at the camera at the second `now`; `rng` is the stream of the gaze."""
        self._rng = rng
        self._times, self._points = [now], [(0.0, 0.0)]
        self._away = True  # so that the first step is not a look away
        self._next = now + _stay(rng, away=True)
        self._began = -math.inf

    def hear(self, heard: Heard) -> None:
        """Take up that a phrase begins."""
        if heard.started is not None:
            self._began = heard.started

    def at(self, now: float) -> Float[np.ndarray, " 2"]:
        """Compute the line of sight at the second `now`, degrees to the image's right and up."""
        if now >= self._next:
            begins = abs(self._began - self._next) < _NEAR
            self._away, point = _look(self._rng, away=self._away, phrase_begins=begins)
            self._times = [self._times[-1], self._next]
            self._points = [self._points[-1], point]
            self._next += _stay(self._rng, away=self._away)
        return _jump(np.array(self._times), np.array(self._points), np.array([now]))[0]


def _stay(rng: np.random.Generator, *, away: bool) -> float:
    """Draw for how many seconds the eyes rest on a point."""
    if away:
        return float(rng.uniform(0.35, 0.95))
    return float(np.clip(rng.lognormal(math.log(1.1), 0.5), 0.4, 3.5))


def _look(
    rng: np.random.Generator, *, away: bool, phrase_begins: bool
) -> tuple[bool, tuple[float, float]]:
    """Draw whether the next point lies aside, and the point."""
    looks_away = rng.uniform() < (0.55 if phrase_begins else 0.13)
    away = not away and looks_away
    return away, _aside(rng) if away else _at_camera(rng)


def _at_camera(rng: np.random.Generator) -> tuple[float, float]:
    """Look at the other's eyes or mouth: within a degree and a half."""
    return float(rng.uniform(-1.2, 1.2)), float(rng.uniform(-0.9, 0.6))


def _aside(rng: np.random.Generator) -> tuple[float, float]:
    """Look a few degrees away, more often sideways or down than up."""
    side = 1.0 if rng.uniform() < 0.5 else -1.0  # noqa: PLR2004 (either side alike)
    return side * float(rng.uniform(2.5, 6.0)), float(rng.uniform(-4.0, 2.5))


def _jump(
    times: Float[np.ndarray, " points"],
    points: Float[np.ndarray, "points 2"],
    seconds: Float[np.ndarray, " frames"],
) -> Float[np.ndarray, "frames 2"]:
    """Rest on each point from its time on; jump in the time a saccade of that size takes."""
    now = np.searchsorted(times, seconds, side="right") - 1
    before = np.maximum(now - 1, 0)
    size = np.linalg.norm(points[now] - points[before], axis=1)
    share = smoothstep((seconds - times[now]) / (0.021 + 0.0022 * size))[:, None]
    return points[before] * (1.0 - share) + points[now] * share


def eyes_in_head(
    sight: Float[np.ndarray, "frames 2"],
    pose: Float[np.ndarray, "frames 3"],
    seconds: Float[np.ndarray, " frames"],
    rng: np.random.Generator,
) -> Float[np.ndarray, "frames 2"]:
    """Turn the eyes in the head so that the line of sight stays although the head moves.

    Args:
        sight: The line of sight wanted, degrees to the image's right and up.
        pose: The head's yaw, pitch and roll in degrees, in the same directions.
        seconds: The time of each frame.
        rng: Draws how the eyes tremble around their point.

    Returns:
        Degrees against the head, within `GAZE_LIMITS`.
    """
    return Tremble(rng).hold(sight, pose, seconds)


class Tremble:
    """How eyes tremble around the point that they are held on."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Draw the paths of both axes."""
        self._paths = [Wander(rng, shortest=0.25, longest=1.5) for _ in range(2)]

    def hold(
        self,
        sight: Float[np.ndarray, "frames 2"],
        pose: Float[np.ndarray, "frames 3"],
        seconds: Float[np.ndarray, " frames"],
    ) -> Float[np.ndarray, "frames 2"]:
        """Turn the eyes in the head; arguments and result as in `eyes_in_head`."""
        tremble = np.stack([_TREMBLE * path.at(seconds) for path in self._paths], 1)
        return np.clip(sight + tremble - pose[:, :2], -np.array(GAZE_LIMITS), GAZE_LIMITS)
