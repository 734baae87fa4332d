"""Rational time: the only place where samples, frames and seconds are converted into each other.

Frame i of a track shows the time i / fps; it stands for the interval [i, i + 1) / fps.
"""

import math
from fractions import Fraction

from speech2face.errors import InputError

MOTION_FPS = Fraction(25)
"""The rate at which motion is modelled; output of another rate is resampled from it."""

SPEECH_RATE = 16_000
"""Samples per second of the mono sound that is analysed."""

MOTION_SAMPLES = SPEECH_RATE // MOTION_FPS.numerator
"""Samples of analysed sound in a frame of motion: 640."""

_NTSC_BASES = (24, 30, 48, 60, 120)
"""Rates that exist as n·1000/1001 too; people write them with two or three decimals."""

_SLOWEST, _FASTEST = 1, 240
_LONGEST = 7 * 24 * 3600


def parse_fps(text: str | float | Fraction) -> Fraction:
    """Read a frame rate as people write it: "25", "29.97", "23.976", "30000/1001".

    Raises:
        InputError: It is not a number between 1 and 240.
    """
    try:
        value = Fraction(text) if not isinstance(text, float) else Fraction(str(text))
    except (ValueError, ZeroDivisionError) as error:
        msg = f"the frame rate {text!r} is not a number; write for example 25, 29.97 or 30000/1001"
        raise InputError(msg) from error
    for base in _NTSC_BASES:
        exact = Fraction(base * 1000, 1001)
        if value != base and abs(value - exact) < Fraction(1, 200):
            value = exact
    if not _SLOWEST <= value <= _FASTEST:
        msg = f"the frame rate {text} is outside {_SLOWEST} to {_FASTEST} frames a second"
        raise InputError(msg)
    return value


def parse_seconds(seconds: float) -> Fraction:
    """Return a length as an exact number.

    Raises:
        InputError: It is no length: nothing, less than nothing, no number, or days.
    """
    if not 0 < seconds <= _LONGEST:  # NaN is neither
        msg = f"a length of {seconds} s cannot be used; expected more than 0 s, for instance 2.5"
        raise InputError(msg)
    return Fraction(str(seconds))


def frames_for(seconds: Fraction, fps: Fraction) -> int:
    """Count the frames that cover a duration: the picture never ends before the sound does."""
    return max(1, math.ceil(seconds * fps))


def samples_at(frame: int, fps: Fraction, rate: int = SPEECH_RATE) -> int:
    """Return the first sample at or after the start of a frame."""
    return math.ceil(Fraction(frame) * rate / fps)
