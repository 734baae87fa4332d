"""Who says what in a picture of several people. Nothing numeric loads."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speech2face.checked import require_types
from speech2face.controls.turns import Spans, check_spans, read_turns
from speech2face.errors import InputError
from speech2face.media.inputs import Readable
from speech2face.media.sound.sound import Sound

_AT = re.compile(r"(.+)@(\+?)(\d+(?:\.\d+)?)")
_EXAMPLE = "--speaker left=a.wav --speaker right=b.wav@3.5"


@dataclass(frozen=True, kw_only=True)
class Speaker:
    """A face of a picture and something that it says."""

    face: str
    """As `--face-select` names it: largest, left, right, a number from 1 (the largest), or X,Y."""
    sound: Readable | Sound
    start: float = 0.0
    """Second at which the sound begins."""
    follows: bool = False
    """Count the start from the end of the speaker before."""
    spans: Spans | None = None
    """Stretches of the sound, in seconds, in which it is this face that speaks; None: all."""

    def __post_init__(self) -> None:
        """Check the times.

        Raises:
            InputError: A value is of a wrong type, or one of them is none.
        """
        require_types(self)
        if not 0 <= self.start < float("inf"):
            msg = f"a sound cannot begin at {self.start:g} s; expected a second from 0 on"
            raise InputError(msg)
        check_spans(self.spans or (), self.face)


def parse_speaker(text: str) -> Speaker:
    """Read FACE=SOUND, FACE=SOUND@SECOND or FACE=SOUND@+PAUSE, as the command line has it.

    Raises:
        InputError: There is no face or no sound in it.
    """
    face, _, sound = text.partition("=")
    if not face.strip() or not sound:
        msg = f"{text!r} names no speaker; expected FACE=SOUND, for instance {_EXAMPLE}"
        raise InputError(msg)
    timed: Any = None if Path(sound).exists() else _AT.fullmatch(sound)
    if timed is None:
        return Speaker(face=face.strip(), sound=Path(sound))
    return Speaker(
        face=face.strip(), sound=Path(timed[1]), start=float(timed[3]), follows=bool(timed[2])
    )


def in_turns(faces: Path, sound: Readable | Sound) -> list[Speaker]:
    """Return the speakers of one sound, as a file of turns names them; see `controls.turns`.

    Raises:
        InputError: The file cannot be used.
    """  # noqa: DOC502 read_turns raises it
    turns = read_turns(faces)
    return [Speaker(face=face, sound=sound, spans=spans) for face, spans in turns.items()]
