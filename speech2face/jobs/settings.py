"""Everything a user can choose about a video, checked when it is chosen. Nothing numeric loads."""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from speech2face.configs import setting
from speech2face.controls.settings import FACE, ControlSettings
from speech2face.errors import InputError
from speech2face.media.sound.raw_audio import RawFormat
from speech2face.sizes import check_size
from speech2face.timing import parse_fps

PICTURE, RUN = "The picture", "The run"
"""Titles of settings in a help text, beside `FACE`."""

_COLOURS = {
    "white": "#ffffff", "black": "#000000", "gray": "#808080", "grey": "#808080",
    "green": "#00ff00", "blue": "#0000ff", "red": "#ff0000",
}  # fmt: skip
_HEX_COLOUR = re.compile(r"#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})")
_BYTE = 255


@dataclass(frozen=True, kw_only=True)
class Settings(ControlSettings):
    """How the portrait is to be animated; the director's settings are part of it."""

    expression_scale: float = setting(FACE, default=1.0)
    """Strength of the lips' motion: 0 none, 1 as spoken, up to 2."""
    size: int | None = setting(PICTURE, default=None)
    """Side in pixels at which the square around the face is drawn: 256, 512, ... Without it: as
    fine as the picture, 512 at most."""
    fps: str | float | Fraction = setting(PICTURE, default=Fraction(25))
    """Frames per second: 25, 23.976, 29.97, 30000/1001, 60, ..."""
    full: bool = setting(PICTURE, default=True, flags="--full/--crop")
    """The whole picture at its own size, or the square around the face alone."""
    background: str = setting(PICTURE, default="white")
    """What shows through a transparent picture: a name, #rrggbb or r,g,b."""
    face_select: str = setting(PICTURE, default="largest")
    """Which of several faces: largest, left, right, a number from 1 (the largest), or a point
    X,Y."""
    force: bool = setting(PICTURE, default=False, flags="--force")
    """Accept a face that is too small or too far turned away."""
    generator: str = setting(RUN, default="warp")
    """What draws the frames: warp, facevid2vid, or FAMILY:NAME with weights that you
    imported."""
    tracker: str = setting(RUN, default="mesh")
    """What finds the face: mesh, which ships, or face-alignment, whose weights you bring."""
    speech2landmarks: Path | None = setting(RUN, default=None, flags="--speech2landmarks")
    """Weights that read lips from the sound, from finetune or train; without it those that ship."""
    preview: int | None = setting(RUN, default=None)
    """Make only the first N frames: the start of the whole video. It hears the sound for half a
    minute beyond them."""
    max_duration: float | None = setting(RUN, default=None)
    """Refuse a sound of more seconds than this."""
    audio_track: int | None = setting(RUN, default=None)
    """Which of several sound tracks, from 1; without it the first, with a warning."""
    raw_audio: str | None = setting(RUN, default=None)
    """The sound has no header: RATE,CHANNELS,FORMAT, for instance 16000,1,s16le."""
    batch_size: int = setting(RUN, default=8)
    """Frames drawn at once; more need more memory, the result does not depend on it."""

    def __post_init__(self) -> None:
        """Check what no type can.

        Raises:
            InputError: A value is outside what can be used.
        """  # noqa: DOC502 those below raise it
        super().__post_init__()
        # The rate is kept as one exact number, whatever way it was written.
        object.__setattr__(self, "fps", parse_fps(self.fps))
        if self.size is not None:
            check_size(self.size)
        _require(
            0 <= self.expression_scale <= 2,  # noqa: PLR2004 - stated in the message
            f"the expression scale {self.expression_scale}", "a number from 0 to 2", "1",
        )  # fmt: skip
        _require(
            self.preview is None or self.preview > 0,
            f"a preview of {self.preview} frames", "at least 1 frame", "25",
        )  # fmt: skip
        _require(
            self.max_duration is None or self.max_duration > 0,
            f"the longest duration {self.max_duration}", "seconds above 0", "600",
        )  # fmt: skip
        _require(
            1 <= self.batch_size <= 256,  # noqa: PLR2004 - stated in the message
            f"the batch size {self.batch_size}", "a number from 1 to 256", "8",
        )  # fmt: skip
        parse_colour(self.background)
        if self.raw_audio is not None:
            RawFormat.parse(self.raw_audio)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that the settings name; no output may be written over them."""
        weights = () if self.speech2landmarks is None else (self.speech2landmarks,)
        return (*super().files, *weights)

    @property
    def rate(self) -> Fraction:
        """Frames per second as an exact number."""
        return Fraction(self.fps)


def parse_colour(text: str) -> tuple[int, int, int]:
    """Read a colour as people write it.

    Raises:
        InputError: It is no colour.
    """
    word = text.strip().lower()
    if match := _HEX_COLOUR.fullmatch(_COLOURS.get(word, word)):
        red, green, blue = (int(part, 16) for part in match.groups())
        return red, green, blue
    parts = word.split(",")
    if len(parts) == 3 and all(part.strip().isdecimal() for part in parts):  # noqa: PLR2004
        red, green, blue = (int(part) for part in parts)
        if max(red, green, blue) <= _BYTE:
            return red, green, blue
    msg = f"the colour {text!r} is unknown; write a name ({', '.join(_COLOURS)}), #rrggbb or r,g,b"
    raise InputError(msg)


def _require(fine: bool, what: str, expected: str, example: str) -> None:
    if not fine:
        msg = f"{what} cannot be used; expected {expected}, for instance {example}"
        raise InputError(msg)
