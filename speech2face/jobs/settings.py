"""Everything a user can choose about a video, checked when it is chosen."""

import re
from dataclasses import dataclass
from fractions import Fraction

from speech2face.controls.director import ControlSettings
from speech2face.errors import InputError
from speech2face.timing import parse_fps

_SMALLEST, _LARGEST, _STEP = 64, 2048, 16
_COLOURS = {
    "white": "#ffffff", "black": "#000000", "gray": "#808080", "grey": "#808080",
    "green": "#00ff00", "blue": "#0000ff", "red": "#ff0000",
}  # fmt: skip
_HEX_COLOUR = re.compile(r"#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})")
_BYTE = 255


@dataclass(frozen=True, kw_only=True)
class Settings(ControlSettings):
    """How the portrait is to be animated; the director's settings are part of it."""

    size: int | None = None
    """Side in pixels at which the square around the face is drawn; None: as fine as the picture."""
    fps: str | float | Fraction = Fraction(25)
    """Frames per second, as people write them: 25, "29.97", "30000/1001"."""
    full: bool = True
    """The whole picture at its own size; otherwise the square around the face alone."""
    expression_scale: float = 1.0
    """Strength of the lips' motion: 0 none, 1 as spoken, up to 2."""
    background: str = "white"
    """What shows through transparent pictures: a name, "#rrggbb" or "r,g,b"."""
    face_select: str = "largest"
    """Which of several faces: "largest", "left", "right", a number from 1, or a pixel "x,y"."""
    force: bool = False
    """Animate faces that are too small or too far turned away to look right."""
    preview: int | None = None
    """Make only this many frames, from the start; None: all."""
    max_duration: float | None = None
    """Refuse sounds of more seconds than this; None: any length is welcome."""
    batch_size: int = 8
    """Frames drawn at once; memory grows with it, the result does not depend on it."""

    def __post_init__(self) -> None:
        """Check what no type can.

        Raises:
            InputError: A value is outside what can be used.
        """  # noqa: DOC502 those below raise it
        super().__post_init__()
        # The rate is kept as one exact number, whatever way it was written.
        object.__setattr__(self, "fps", parse_fps(self.fps))
        if self.size is not None:
            _require(
                _SMALLEST <= self.size <= _LARGEST and self.size % _STEP == 0,
                f"the size {self.size}", f"a multiple of {_STEP} from {_SMALLEST} to {_LARGEST}",
                "256 or 512",
            )  # fmt: skip
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
    if found := _HEX_COLOUR.fullmatch(_COLOURS.get(word, word)):
        red, green, blue = (int(part, 16) for part in found.groups())
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
