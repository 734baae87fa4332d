"""The head of a video leads the portrait's: `--pose VIDEO` becomes keyframes of the timeline.

What is followed is the turn of the head alone: against the video's own mean pose, so that the
portrait moves around the way it already looks. A video shorter than the speech is played to and
fro, which has no jump; of a longer one the start is used.
"""

from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from speech2face.controls.settings import ControlSettings
from speech2face.controls.timeline import Key, Keys
from speech2face.errors import NoFaceError
from speech2face.face.normalize import fit_head
from speech2face.face.track import FaceTracker
from speech2face.geometry import rotation_angles
from speech2face.media.video.video import VideoReader
from speech2face.signals import resample
from speech2face.sources.playing import play
from speech2face.sources.tracks import track_face
from speech2face.timing import MOTION_FPS

LIMITS = (25.0, 18.0, 18.0)
"""Degrees of yaw, pitch and roll that a followed head nears but never passes."""

_STEADY = 0.04
"""Seconds, standard deviation: the tracker's jitter goes, of a nod in half a second 88 % stays."""
_LEAST_SEEN = 0.5
"""Share of the frames that must show the face."""

AnySettings = TypeVar("AnySettings", bound=ControlSettings)


def follow_pose(settings: AnySettings, tracker: FaceTracker, frames: int) -> AnySettings:
    """Put the keyframes of the video's head where settings name a video; others stay as they are.

    Args:
        settings: What is asked for.
        tracker: Follows the face.
        frames: How many frames of motion are wanted, at 25 a second.

    Raises:
        NoFaceError: The video shows no face most of the time.
        MediaError: The video cannot be decoded.
    """  # noqa: DOC502 VideoReader raises the last
    plan = settings.resolve()
    if not isinstance(plan.pose, Path):
        return settings
    reader = VideoReader(plan.pose)
    needed = int(frames * reader.fps / MOTION_FPS) + 2
    track = track_face(islice(reader, needed), tracker)
    seen = track.seen
    if seen.mean() < _LEAST_SEEN if len(seen) else True:
        msg = (
            f"only {int(seen.sum())} of {len(seen)} frames of {plan.pose} show a face; expected a "
            "video of one head; give another one, or --pose natural"
        )
        raise NoFaceError(msg)
    found = np.stack([fit_head(mesh).rotation for mesh in track.meshes[seen]])
    pose = head_motion(found, np.flatnonzero(seen), len(seen), reader.fps, frames)
    # A word at its default lets the timeline's track stand.
    return replace(settings, pose="natural", timeline=replace(plan, pose=_keys(pose)))


def head_motion(
    rotations: Float[np.ndarray, "seen 3 3"],
    places: np.ndarray,
    count: int,
    fps: Fraction,
    frames: int,
) -> Float[np.ndarray, "frames 3"]:
    """Turn the rotations of a video's head into motion around its own mean.

    Args:
        rotations: Of the frames that show the face.
        places: Which frames these are, in order.
        count: How many frames the video has.
        fps: The video's rate.
        frames: How many frames to give, at 25 a second.

    Returns:
        Yaw, pitch and roll in degrees, within `LIMITS`, smooth, bridged where no face was seen.
    """
    left, _, right = np.linalg.svd(rotations.mean(0))
    mean = left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right
    angles = rotation_angles(rotations @ mean.T)
    limits = np.array(LIMITS)
    bounded = limits * np.tanh(angles / limits)
    whole = np.stack([np.interp(np.arange(count), places, axis) for axis in bounded.T], 1)
    even = resample(whole, fps, MOTION_FPS, max(1, int(count * MOTION_FPS / fps)))
    smooth = ndimage.gaussian_filter1d(even, _STEADY * float(MOTION_FPS), axis=0, mode="reflect")
    return smooth[play("bounce", len(smooth), MOTION_FPS, frames / MOTION_FPS).frames]


def _keys(pose: Float[np.ndarray, "frames 3"]) -> Keys:
    return tuple(
        Key(time=i / float(MOTION_FPS), value=tuple(map(float, angles)), ease="linear")
        for i, angles in enumerate(pose)
    )
