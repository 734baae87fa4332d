"""The director: decides beside the words how the face lives, from the sound and a few wishes."""

from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from speech2face.controls.blink import blink_times, blink_track
from speech2face.controls.emotion import living_emotion
from speech2face.controls.gaze import eyes_in_head, natural_gaze
from speech2face.controls.head_room import HeadRoom
from speech2face.controls.keyframes import sample
from speech2face.controls.life import FACE, HEAD, planned_life, temper
from speech2face.controls.prosody import Prosody, analyse
from speech2face.controls.settings import ControlSettings
from speech2face.controls.timeline import Keys, Timeline
from speech2face.errors import InputError
from speech2face.signals import stream
from speech2face.timing import MOTION_FPS, SPEECH_RATE
from speech2face.types import ControlTrack, Speech


def direct(
    speech: Speech,
    settings: ControlSettings,
    frames: int,
    fps: Fraction = MOTION_FPS,
    room: HeadRoom | None = None,
) -> ControlTrack:
    """Decide emotion, blinks, gaze, pose, brows and smile for a whole clip.

    Blinks are planned for the whole speech, so that a preview of a few frames shows what the full
    clip will. Eyes turn against the head: the line of sight stays where it was asked for while the
    head moves.

    Args:
        speech: The sound; the head, the brows, the gaze and the lids listen to it.
        settings: What is asked for.
        frames: How many frames to give, at least 1.
        fps: Their rate.
        room: How far natural motion may turn the head; without one, that of a frontal view.

    Raises:
        InputError: `frames` is less than 1, or the pose is still the path of a video.
    """
    if frames < 1:
        msg = f"{frames} frames cannot be directed; ask for at least 1"
        raise InputError(msg)
    plan, prosody, seed = settings.resolve(), analyse(speech), settings.seed
    room = room or HeadRoom()
    seconds = np.arange(frames) / float(fps)
    duration = max(frames / float(fps), len(speech.samples) / SPEECH_RATE)
    expression = sample(plan.expression, seconds)
    natural = settings.liveliness * planned_life(prosody, seconds, stream(seed, "pose"))
    pose = _pose(plan, natural[:, HEAD], seconds, room)
    lids = stream(seed, "blink")
    times = blink_times(plan.blink, prosody, duration, lids)
    emotion = living_emotion(sample(plan.emotion, seconds), seconds, stream(seed, "emotion"))
    emotion = emotion * expression
    face = temper(natural[:, FACE] * expression, emotion).astype(np.float32)
    return ControlTrack(
        emotion=emotion.astype(np.float32),
        blink=blink_track(times, seconds, lids).astype(np.float32),
        gaze=_gaze(plan, prosody, pose, seconds, seed).astype(np.float32),
        pose=pose.astype(np.float32),
        brow=face[:, 0],
        frown=face[:, 1],
        smile=face[:, 2],
        fps=fps,
    )


def _pose(
    plan: Timeline,
    natural: Float[np.ndarray, "frames 3"],
    seconds: Float[np.ndarray, " frames"],
    room: HeadRoom,
) -> Float[np.ndarray, "frames 3"]:
    """Return yaw, pitch and roll of every frame; natural motion stays inside the room.

    Raises:
        InputError: The pose is to come from a video that nobody has looked at.
    """  # noqa: DOC502 require_followed raises it
    keys = require_followed(plan.pose)
    if keys == "still":
        return np.zeros((len(seconds), 3))
    strength = sample(plan.pose_strength, seconds)
    return room.hold(strength * natural) if keys == "natural" else strength * sample(keys, seconds)


def require_followed(
    pose: Literal["natural", "still"] | Path | Keys,
) -> Literal["natural", "still"] | Keys:
    """Refuse a pose that is still the path of a video.

    Raises:
        InputError: It is.
    """
    if isinstance(pose, Path):
        msg = (
            f"the head in {pose} has not been followed yet; expected its pose as keyframes; "
            "call jobs.pose_video.follow_pose first"
        )
        raise InputError(msg)
    return pose


def _gaze(
    plan: Timeline,
    prosody: Prosody,
    pose: Float[np.ndarray, "frames 3"],
    seconds: Float[np.ndarray, " frames"],
    seed: int,
) -> Float[np.ndarray, "frames 2"]:
    if plan.gaze == "camera":
        sight = np.zeros((len(seconds), 2))
    elif plan.gaze == "natural":
        sight = natural_gaze(prosody, seconds, stream(seed, "gaze"))
    else:
        sight = sample(plan.gaze, seconds)
    return eyes_in_head(sight, pose, seconds, stream(seed, "tremble"))
