"""A portrait and a WAV become a narrated avatar video.

Importing costs nothing: what a name needs is loaded when the name is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from speech2face.errors import (
        DeviceError,
        InputError,
        MediaError,
        NoFaceError,
        OutputError,
        Speech2FaceError,
        Speech2FaceWarning,
        WeightsError,
    )
    from speech2face.jobs.animate import Speech2Face
    from speech2face.jobs.avatar import Avatar
    from speech2face.jobs.clip import Clip, Progress
    from speech2face.jobs.dub.frames import Dubbed
    from speech2face.jobs.dub.settings import DubSettings
    from speech2face.jobs.group.frames import GroupClip
    from speech2face.jobs.group.speakers import Speaker
    from speech2face.jobs.reenact.settings import ReenactSettings
    from speech2face.jobs.settings import Settings
    from speech2face.session import Piece, Session

__version__ = "0.1.0"

__all__ = [
    "Avatar",
    "Clip",
    "DeviceError",
    "DubSettings",
    "Dubbed",
    "GroupClip",
    "InputError",
    "MediaError",
    "NoFaceError",
    "OutputError",
    "Piece",
    "Progress",
    "ReenactSettings",
    "Session",
    "Settings",
    "Speaker",
    "Speech2Face",
    "Speech2FaceError",
    "Speech2FaceWarning",
    "WeightsError",
    "__version__",
]

_HOMES: dict[str, str] = {"Speech2Face": "jobs.animate", "Avatar": "jobs.avatar"}
_HOMES |= {"Clip": "jobs.clip", "Progress": "jobs.clip", "Settings": "jobs.settings"}
_HOMES |= {"Dubbed": "jobs.dub.frames", "DubSettings": "jobs.dub.settings"}
_HOMES |= {"ReenactSettings": "jobs.reenact.settings"}
_HOMES |= {"GroupClip": "jobs.group.frames", "Speaker": "jobs.group.speakers"}
_HOMES |= {"Piece": "session", "Session": "session"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """Load a public name's module when it is first asked for.

    Raises:
        AttributeError: There is no such public name.
    """
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)
