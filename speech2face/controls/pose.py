"""Head and brows in talk: they follow the melody, mark stresses, and come back to rest.

Nothing here is learnt. What drives what is known from measurements: head motion goes with pitch and
loudness (Yehia, Kuratate and Vatikiotis-Bateson, "Linking facial animation, head motion and speech
acoustics", 2002; Munhall et al., "Visual prosody and speech intelligibility", 2004), nods and brow
raises with stressed words (Krahmer and Swerts, "The effects of visual beats on prosodic
prominence", 2007), changes of posture with phrases. The sizes were chosen by looking.
"""

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from speech2face.controls.hearing import Heard
from speech2face.controls.prosody import RATE, Prosody
from speech2face.signals import Wander, bumps, smoothstep

POSE_LIMITS = (8.0, 5.0, 4.0)
"""Degrees of yaw, pitch and roll that natural motion never passes at strength 1."""

_FREE = (2.2, 1.2, 1.3)  # degrees of the slow drift, yaw, pitch, roll, while speaking
_IN_SILENCE = 0.45  # of it while listening
_START = 1.2  # seconds in which the motion grows out of the portrait's own pose
_SMOOTH = 0.05  # seconds (standard deviation): no corner in the path of a heavy head
_RAISE = 0.15  # degrees of pitch a semitone of melody
_UP_BEFORE, _UP, _DOWN = 0.2, 0.55, 0.9  # seconds: a posture begins, grows, is let go of
_NOD = {"rise": 0.2, "fall": 0.42, "hold": 0.03}  # seconds
_BROW = 0.05  # of a full raise a semitone of melody
_EARLY = 0.02  # seconds that brows lead a stress
_RAISED = {"rise": 0.16, "fall": 0.45, "hold": 0.08}  # seconds
_SLOW, _QUICK = 0.18, 0.4  # share of the way in a motion frame: 0.2 s and 0.08 s (1 / e)


def natural_pose(
    prosody: Prosody, seconds: Float[np.ndarray, " frames"], rng: np.random.Generator
) -> Float[np.ndarray, "frames 3"]:
    """Move the head as a calm speaker does.

    Args:
        prosody: What is said, and how.
        seconds: The time of each frame, evenly spaced.
        rng: The stream of the pose.

    Returns:
        Yaw, pitch, roll in degrees, zero at frame 0, within `POSE_LIMITS`.
    """
    talk = _talking(prosody, seconds)
    life = _IN_SILENCE + (1.0 - _IN_SILENCE) * talk
    drift = [size * life * path.at(seconds) for size, path in zip(_FREE, _paths(rng), strict=True)]
    pose = np.stack(drift, 1) + _postures(prosody, seconds, rng) + _beats(prosody, seconds, rng)
    pose[:, 1] += _RAISE * np.clip(_at(prosody.pitch, seconds) * talk, -5.0, 5.0)
    bounded = _bounded(pose) * smoothstep(seconds / _START)[:, None]
    step = float(seconds[1] - seconds[0]) if len(seconds) > 1 else 1.0
    smooth = ndimage.gaussian_filter1d(bounded, _SMOOTH / step, axis=0, mode="nearest")
    return smooth - smooth[0] * (1.0 - smoothstep(seconds / _START)[:, None])


class LiveHead:
    """The motion of `natural_pose` for a speech that is still arriving, one moment after another.

    Postures and nods start when their phrase and stress become known, which is a little later than
    planned ones; the anticipating lift before a nod has no time to happen.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        """Begin at rest; `rng` is the stream of the pose."""
        self._rng = rng
        self._paths = _paths(rng)
        self._postures: list[tuple[float, float, Float[np.ndarray, " 3"]]] = []
        self._beats: list[tuple[float, Float[np.ndarray, " 4"]]] = []
        self._talk = self._melody = 0.0

    def hear(self, heard: Heard, now: float) -> None:
        """Take up what became known; nothing begins before the second `now`."""
        if heard.started is not None:
            size = _posture_sizes(1, self._rng)[0]
            self._postures.append((max(heard.started, now + _UP_BEFORE), np.inf, size))
        if heard.ended is not None:
            self._end_phrase(max(heard.ended, now))
        for time, strength in heard.accents:
            late, heights = _beat_heights(np.array([strength]), self._rng)
            heights[:, 2] = 0.0
            self._beats.append((max(time + late[0], now + _NOD["rise"]), heights[0]))

    def forget(self, now: float) -> None:
        """Drop what has not begun at the second `now`; the posture of the phrase is let go of."""
        self._end_phrase(now)
        self._beats = [beat for beat in self._beats if beat[0] - _NOD["rise"] <= now]

    def _end_phrase(self, stop: float) -> None:
        self._postures = [(start, min(end, stop), size) for start, end, size in self._postures]

    def at(self, now: float, talking: float, melody: float) -> Float[np.ndarray, " 3"]:
        """Compute yaw, pitch, roll in degrees at the second `now`, `1 / MOTION_FPS` after the last.

        Args:
            now: Seconds since the session began.
            talking: How much somebody speaks at that moment, 0 to 1.
            melody: Semitones above the speaker's usual.
        """
        self._talk += (talking - self._talk) * _SLOW
        self._melody += (float(np.clip(melody * self._talk, -5.0, 5.0)) - self._melody) * _QUICK
        self._postures = [kept for kept in self._postures if now < kept[1] + _DOWN]
        self._beats = [beat for beat in self._beats if now < beat[0] + _NOD["hold"] + _NOD["fall"]]
        seconds = np.array([now])
        life = _IN_SILENCE + (1.0 - _IN_SILENCE) * self._talk
        pose = life * np.array(_FREE) * np.array([path.at(seconds)[0] for path in self._paths])
        for start, stop, size in self._postures:
            pose = pose + _posture(seconds, start, stop)[0] * size
        if self._beats:
            times, heights = zip(*self._beats, strict=True)
            pose = pose + _beat_motion(seconds, np.array(times), np.array(heights))[0]
        pose[1] += _RAISE * self._melody
        return _bounded(pose) * smoothstep(seconds / _START)


def _bounded(pose: Float[np.ndarray, "*frames 3"]) -> Float[np.ndarray, "*frames 3"]:
    limits = np.array(POSE_LIMITS)
    return limits * np.tanh(pose / limits)


def _paths(rng: np.random.Generator) -> list[Wander]:
    """Draw the slow drift of yaw, pitch and roll."""
    return [Wander(rng, shortest=4.5, longest=15.0, waves=3) for _ in _FREE]


def _at(
    values: Float[np.ndarray, " steps"], seconds: Float[np.ndarray, " frames"]
) -> Float[np.ndarray, " frames"]:
    """Read a value of the prosody at any time; it holds beyond its ends."""
    return np.interp(seconds, np.arange(len(values)) / RATE, values)


def _talking(
    prosody: Prosody, seconds: Float[np.ndarray, " frames"]
) -> Float[np.ndarray, " frames"]:
    """Tell how much the person is talking, 0 to 1, smooth over half a second."""
    return _at(ndimage.gaussian_filter1d(prosody.speaking.astype(float), 0.35 * RATE), seconds)


def _postures(
    prosody: Prosody, seconds: Float[np.ndarray, " frames"], rng: np.random.Generator
) -> Float[np.ndarray, "frames 3"]:
    """Take a posture with each phrase, tilted a little, and let go of it as the phrase ends."""
    total = np.zeros((len(seconds), 3))
    sizes = _posture_sizes(len(prosody.phrases), rng)
    for (start, stop), size in zip(prosody.phrases, sizes, strict=True):
        first, last = np.searchsorted(seconds, [start - _UP_BEFORE, stop + _DOWN])
        total[first:last] += _posture(seconds[first:last], start, stop)[:, None] * size
    return total


def _posture_sizes(count: int, rng: np.random.Generator) -> Float[np.ndarray, "phrases 3"]:
    sizes = rng.normal(0.0, (1.3, 0.5, 1.2), (count, 3))
    return np.clip(sizes, -2.2, 2.2) + np.array([0.0, 0.5, 0.0])  # the head comes up to speak


def _posture(
    moments: Float[np.ndarray, " frames"], start: float, stop: float
) -> Float[np.ndarray, " frames"]:
    """Compute how much of its posture a phrase from `start` to `stop` asks for, 0 to 1."""
    up = smoothstep((moments - start + _UP_BEFORE) / _UP)
    down = smoothstep((moments - stop) / _DOWN)
    # In a long phrase the posture fades: nobody holds a tilt for five seconds.
    fade = np.exp(-np.maximum(moments - start - 1.0, 0.0) / 2.5)
    return up * (1.0 - down) * fade


def _beats(
    prosody: Prosody, seconds: Float[np.ndarray, " frames"], rng: np.random.Generator
) -> Float[np.ndarray, "frames 3"]:
    """Nod on stressed syllables: down and back, with a touch of the other two axes."""
    times, strength = prosody.accents.T
    late, heights = _beat_heights(strength, rng)
    return _beat_motion(seconds, times + late, heights)


def _beat_heights(
    strength: Float[np.ndarray, " accents"], rng: np.random.Generator
) -> tuple[Float[np.ndarray, " accents"], Float[np.ndarray, "accents 4"]]:
    """Draw how late each nod is, and the degrees of its turn, nod, lift before it, and tilt."""
    count = len(strength)
    # Speakers mark some stresses only, and some by a small upward jerk.
    depth = strength * rng.uniform(0.4, 1.6, count) * rng.binomial(1, 0.8, count)
    sign = np.where(rng.binomial(1, 0.15, count), 0.5, -1.0)
    late = rng.uniform(-0.04, 0.08, count)
    turn, tilt = (depth * rng.normal(0.0, size, count) for size in (0.45, 0.4))
    return late, np.stack([turn, 2.8 * sign * depth, -0.5 * sign * depth, tilt], 1)


def _beat_motion(
    seconds: Float[np.ndarray, " frames"],
    times: Float[np.ndarray, " accents"],
    heights: Float[np.ndarray, "accents 4"],
) -> Float[np.ndarray, "frames 3"]:
    """Compute yaw, pitch and roll of nods at `times` with the heights of `_beat_heights`."""
    turn, nod, tilt = (bumps(seconds, times, heights[:, part], **_NOD) for part in (0, 1, 3))
    lift = bumps(seconds, times - 0.24, heights[:, 2], rise=0.18, fall=0.2)
    return np.stack([turn, nod + lift, tilt], 1)


def natural_brow(
    prosody: Prosody, seconds: Float[np.ndarray, " frames"], rng: np.random.Generator
) -> Float[np.ndarray, " frames"]:
    """Raise the brows on strong stresses and peaks of the melody.

    Args:
        prosody: What is said, and how.
        seconds: The time of each frame.
        rng: The stream of the brows.

    Returns:
        0 to 1, mostly 0.
    """
    times, strength = prosody.accents.T
    beats = _brow_beats(seconds, times, _brow_heights(strength, rng))
    melody = _BROW * np.clip(_at(prosody.pitch, seconds), 0.0, 6.0) * _talking(prosody, seconds)
    return np.clip(beats + melody, 0.0, 1.0)


class LiveBrow:
    """The raises of `natural_brow` for a speech that is still arriving."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Begin at rest; `rng` is the stream of the brows."""
        self._rng = rng
        self._beats: list[tuple[float, float]] = []
        self._melody = 0.0

    def hear(self, heard: Heard, now: float) -> None:
        """Take up what became known; nothing begins before the second `now`."""
        for time, strength in heard.accents:
            height = float(_brow_heights(np.array([strength]), self._rng)[0])
            self._beats.append((max(time, now + _RAISED["rise"] + _EARLY), height))

    def forget(self, now: float) -> None:
        """Drop what has not begun at the second `now`."""
        self._beats = [beat for beat in self._beats if beat[0] - _RAISED["rise"] - _EARLY <= now]

    def at(self, now: float, talking: float, melody: float) -> float:
        """Compute the raise, 0 to 1, at the second `now`; arguments as in `LiveHead.at`."""
        self._melody += (float(np.clip(melody, 0.0, 6.0)) * talking - self._melody) * _QUICK
        over = _RAISED["hold"] + _RAISED["fall"]
        self._beats = [beat for beat in self._beats if now < beat[0] + over]
        times, heights = np.array(self._beats).reshape(-1, 2).T
        beats = _brow_beats(np.array([now]), times, heights)[0]
        return float(np.clip(beats + _BROW * self._melody, 0.0, 1.0))


def _brow_heights(
    strength: Float[np.ndarray, " accents"], rng: np.random.Generator
) -> Float[np.ndarray, " accents"]:
    """Draw which stresses raise the brows, and how far."""
    count = len(strength)
    raised = rng.uniform(size=count) < np.clip(1.6 * strength - 0.55, 0.0, 0.85)
    return raised * strength * rng.uniform(0.35, 0.85, count)


def _brow_beats(
    seconds: Float[np.ndarray, " frames"],
    times: Float[np.ndarray, " accents"],
    heights: Float[np.ndarray, " accents"],
) -> Float[np.ndarray, " frames"]:
    return bumps(seconds, times - _EARLY, heights, **_RAISED)
