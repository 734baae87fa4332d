"""Head and brows in talk: they follow the melody, mark stresses, and come back to rest.

Nothing here is learnt. What drives what is known from measurements: head motion goes with pitch and
loudness (Yehia, Kuratate and Vatikiotis-Bateson, "Linking facial animation, head motion and speech
acoustics", 2002; Munhall et al., "Visual prosody and speech intelligibility", 2004), nods and brow
raises with stressed words (Krahmer and Swerts, "The effects of visual beats on prosodic
prominence", 2007), changes of posture with phrases. The sizes were chosen by looking.
"""

from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from speech2face.controls.prosody import RATE, Prosody
from speech2face.errors import InputError
from speech2face.signals import bumps, smoothstep, wander

POSE_LIMITS = (8.0, 5.0, 4.0)
"""Degrees of yaw, pitch and roll that natural motion never passes at strength 1."""

_FREE = (2.2, 1.2, 1.3)  # degrees of the slow drift, yaw, pitch, roll, while speaking
_IN_SILENCE = 0.45  # of it while listening
_START = 1.2  # seconds in which the motion grows out of the portrait's own pose
_SMOOTH = 0.05  # seconds (standard deviation): no corner in the path of a heavy head


def parse_pose(text: str) -> Literal["natural", "still"] | Path:
    """Read "natural", "still", or the path of a video whose head is followed.

    Raises:
        InputError: It is none of these.
    """
    word = text.strip().lower()
    if word == "natural" or word == "still":  # noqa: PLR1714 (a tuple would not narrow the type)
        return word
    path = Path(text.strip())
    if path.suffix.lower() in {".toml", ".json"}:
        msg = (
            f"the pose {text!r} names a timeline; expected natural, still or a video; "
            "give keyframes as --timeline"
        )
        raise InputError(msg)
    if path.is_file():
        return path
    msg = (
        f"the pose {text!r} is unknown and no such file exists; write natural or still, name a "
        "video whose head is followed, or give keyframes in a timeline file"
    )
    raise InputError(msg)


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
    drift = [
        size * life * wander(seconds, rng, shortest=4.5, longest=15.0, waves=3) for size in _FREE
    ]
    pose = np.stack(drift, 1) + _postures(prosody, seconds, rng) + _beats(prosody, seconds, rng)
    pose[:, 1] += 0.15 * np.clip(_at(prosody.pitch, seconds) * talk, -5.0, 5.0)
    limits = np.array(POSE_LIMITS)
    bounded = limits * np.tanh(pose / limits) * smoothstep(seconds / _START)[:, None]
    step = float(seconds[1] - seconds[0]) if len(seconds) > 1 else 1.0
    smooth = ndimage.gaussian_filter1d(bounded, _SMOOTH / step, axis=0, mode="nearest")
    return smooth - smooth[0] * (1.0 - smoothstep(seconds / _START)[:, None])


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
    sizes = rng.normal(0.0, (1.3, 0.5, 1.2), (len(prosody.phrases), 3))
    sizes = np.clip(sizes, -2.2, 2.2) + np.array([0.0, 0.5, 0.0])  # the head comes up to speak
    for (start, stop), size in zip(prosody.phrases, sizes, strict=True):
        rise, fall = 0.55, 0.9
        first, last = np.searchsorted(seconds, [start - 0.2, stop + fall])
        moments = seconds[first:last]
        up = smoothstep((moments - start + 0.2) / rise)
        down = smoothstep((moments - stop) / fall)
        # In a long phrase the posture fades: nobody holds a tilt for five seconds.
        fade = np.exp(-np.maximum(moments - start - 1.0, 0.0) / 2.5)
        total[first:last] += (up * (1.0 - down) * fade)[:, None] * size
    return total


def _beats(
    prosody: Prosody, seconds: Float[np.ndarray, " frames"], rng: np.random.Generator
) -> Float[np.ndarray, "frames 3"]:
    """Nod on stressed syllables: down and back, with a touch of the other two axes."""
    times, strength = prosody.accents.T
    count = len(times)
    # Speakers mark some stresses only, and some by a small upward jerk.
    depth = strength * rng.uniform(0.4, 1.6, count) * rng.binomial(1, 0.8, count)
    sign = np.where(rng.binomial(1, 0.15, count), 0.5, -1.0)
    late = rng.uniform(-0.04, 0.08, count)
    shape = {"rise": 0.2, "fall": 0.42, "hold": 0.03}
    nod = bumps(seconds, times + late, 2.8 * sign * depth, **shape)
    lift = bumps(seconds, times + late - 0.24, -0.5 * sign * depth, rise=0.18, fall=0.2)
    turn = bumps(seconds, times + late, depth * rng.normal(0.0, 0.45, count), **shape)
    tilt = bumps(seconds, times + late, depth * rng.normal(0.0, 0.4, count), **shape)
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
    count = len(times)
    raised = rng.uniform(size=count) < np.clip(1.6 * strength - 0.55, 0.0, 0.85)
    height = raised * strength * rng.uniform(0.35, 0.85, count)
    beats = bumps(seconds, times - 0.02, height, rise=0.16, fall=0.45, hold=0.08)
    melody = 0.05 * np.clip(_at(prosody.pitch, seconds), 0.0, 6.0) * _talking(prosody, seconds)
    return np.clip(beats + melody, 0.0, 1.0)
