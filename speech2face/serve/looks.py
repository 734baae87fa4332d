"""A portrait while settings are chosen: one frame at a time, drawn at once.

A portrait is looked at and encoded once; a few of them are kept in memory, for a time.
"""

import io
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from http import HTTPStatus

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from speech2face.controls.words import parse_emotion, parse_gaze
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.avatar import Avatar
from speech2face.jobs.settings import Settings
from speech2face.motion.solve import Solve
from speech2face.serve.notes import noted
from speech2face.serve.refusals import Refusal
from speech2face.timing import MOTION_FPS
from speech2face.types import ControlTrack, LandmarkTrack

_MOST = 4
"""Portraits that are kept."""
_KEPT_SECONDS = 1800.0
_LONGEST_SIDE = 1024
"""Of the frames as they are shown."""
_QUALITY = 88


@dataclass
class _Portrait:
    image: UInt8[np.ndarray, "height width 3"]
    used: float = field(default_factory=time.monotonic)
    avatars: dict[str, Avatar] = field(default_factory=dict[str, Avatar])
    """By the choice of the face."""


class Looks:
    """The portraits that somebody is choosing settings for."""

    def __init__(self, engine: Speech2Face) -> None:
        """Take what draws."""
        self._engine = engine
        self._portraits = OrderedDict[str, _Portrait]()
        self._lock = threading.Lock()
        self._drawing = threading.Lock()

    def keep(self, image: UInt8[np.ndarray, "height width 3"]) -> str:
        """Keep a portrait (upright, sRGB); return the key by which frames of it are asked for."""
        key = secrets.token_urlsafe(16)
        with self._lock:
            self._portraits[key] = _Portrait(image)
            while len(self._portraits) > _MOST:
                self._portraits.popitem(last=False)
        return key

    def sweep(self) -> None:
        """Forget the portraits that nobody has asked for of late."""
        last = time.monotonic() - _KEPT_SECONDS
        with self._lock:
            for key in [key for key, one in self._portraits.items() if one.used < last]:
                del self._portraits[key]

    def draw(self, key: str, settings: Settings) -> bytes:
        """Draw a portrait at rest as settings have its emotion and its gaze.

        Returns:
            A JPEG.

        Raises:
            Refusal: The portrait is not kept, or no more.
            Speech2FaceError: It has no such face.
        """  # noqa: DOC502 the parts raise the second
        with self._lock:
            portrait = self._portraits.get(key)
            if portrait is None:
                msg = "this portrait is not kept, or no more; look for its faces again"
                raise Refusal(HTTPStatus.NOT_FOUND, msg, "NoPortrait")
            self._portraits.move_to_end(key)
            portrait.used = time.monotonic()
        with self._drawing, noted():
            avatar = portrait.avatars.get(settings.face_select)
            if avatar is None:
                avatar = self._engine.avatar(portrait.image, replace(settings, size=None))
                portrait.avatars = {settings.face_select: avatar}
            return as_jpeg(_frame(avatar, settings))


def _frame(avatar: Avatar, settings: Settings) -> UInt8[np.ndarray, "height width 3"]:
    gaze = parse_gaze(settings.gaze)
    controls = replace(
        ControlTrack.neutral(1, MOTION_FPS),
        emotion=np.array([parse_emotion(settings.emotion)], np.float32),
        gaze=np.zeros((1, 2), np.float32)
        if isinstance(gaze, str)
        else np.array([gaze], np.float32),
    )
    rest = LandmarkTrack(points=avatar.view.likeness.rest[None].astype(np.float32), fps=MOTION_FPS)
    (frame,) = avatar.moved(Solve(avatar.view)(rest, controls), None, settings)
    return frame


def as_jpeg(image: UInt8[np.ndarray, "height width 3"]) -> bytes:
    """Return a picture as pages show it."""
    picture = Image.fromarray(image)
    picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
