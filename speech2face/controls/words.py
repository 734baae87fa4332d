"""What may be asked of a face in a word or a value, and the checks of it. Nothing numeric loads.

A command line, a file and a page have words: "happy:0.7", "0.5,1.2". Python has values too:
`{"happy": 0.7}`, `(0.5, 1.2)`. Both mean the same.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeGuard

from speech2face.emotions import EMOTIONS
from speech2face.errors import InputError
from speech2face.media.files import hint

Blinks = Literal["natural", "off"] | float | tuple[float, ...]
"""How to blink: by nature, never, a rate per minute, or at given seconds."""

FASTEST = 60.0
"""The highest rate of blinks a minute that can be asked for."""

GAZE_LIMITS = (25.0, 15.0)
"""How far eyes turn: degrees to either side, degrees up or down."""

STRONGEST = 1.5
"""The highest intensity of one emotion; 1 is a clear expression."""

MOST_STRENGTH = 2.0
"""The highest multiplier of pose and expression."""


def parse_emotion(asked: str | Mapping[str, float]) -> tuple[float, ...]:
    """Read "LABEL", "LABEL:INTENSITY", a mix "LABEL:INTENSITY+LABEL:INTENSITY", or a table.

    Args:
        asked: For instance "happy:0.7" or {"happy": 0.7}; an intensity left out is 1.

    Returns:
        One weight for each of `EMOTIONS`. Neutral is the absence of all others, so its own weight
        stays 0.

    Raises:
        InputError: A label is unknown or stands twice, or an intensity is outside 0 to 1.5.
    """
    parts = (
        [(label, str(amount)) for label, amount in asked.items()]
        if isinstance(asked, Mapping)
        else [_label_and_amount(part) for part in _text(asked, "emotion", "happy:0.7").split("+")]
    )
    weights = dict.fromkeys(EMOTIONS, 0.0)
    seen: set[str] = set()
    for written, amount in parts:
        label = written.strip().lower()
        if label not in weights:
            msg = (
                f"the emotion {label!r} in {asked!r} is unknown; "
                f"the labels are {', '.join(EMOTIONS)}; write for example happy:0.7"
            )
            raise InputError(msg)
        if label in seen:
            msg = f"the emotion {label!r} stands twice in {asked!r}; name each label once"
            raise InputError(msg)
        seen.add(label)
        weights[label] = 1.0 if amount is None else _intensity(amount, asked)
    weights["neutral"] = 0.0
    return tuple(weights.values())


def _label_and_amount(part: str) -> tuple[str, str | None]:
    label, colon, amount = part.partition(":")
    return label, amount if colon else None


def _intensity(amount: str, asked: str | Mapping[str, float]) -> float:
    try:
        value = float(amount)
    except ValueError as error:
        msg = (
            f"the intensity {amount.strip()!r} in {asked!r} is not a number; "
            f"write a number from 0 to {STRONGEST}, for example happy:0.7"
        )
        raise InputError(msg) from error
    if not 0.0 <= value <= STRONGEST:
        msg = (
            f"the intensity {amount.strip()} in {asked!r} is out of range; "
            f"it goes from 0 to {STRONGEST}, 1 is a clear expression"
        )
        raise InputError(msg)
    return value


def parse_blink(asked: str | float | Sequence[float]) -> Blinks:
    """Read "natural", "off", a rate such as "20" or 20, or times such as "0.5,1.2" or (0.5, 1.2).

    One time as a word is "0.5,".

    Raises:
        InputError: It is none of these, a rate outside 0 to 60 a minute, or a negative time.
    """
    if _is_number(asked):
        return check_rate(float(asked))
    if _are_numbers(asked):
        return check_times(tuple(float(time) for time in asked))
    word = _text(asked, "blinks", "natural, 20 or 0.5,1.2").strip().lower()
    if word == "natural" or word == "off":  # noqa: PLR1714 (a tuple would not narrow the type)
        return word
    try:
        values = tuple(float(part) for part in word.split(",") if part.strip())
    except ValueError as error:
        msg = (
            f"the blinks {asked!r} cannot be read; write natural, off, "
            'a rate per minute such as 20, or seconds such as 0.5,1.2 (one time: "0.5,")'
        )
        raise InputError(msg) from error
    if "," in word:
        return check_times(values)
    return check_rate(values[0] if values else math.nan)


def check_rate(rate: float) -> float | Literal["off"]:
    """Accept a rate of blinks per minute; 0 is "off".

    Raises:
        InputError: It is outside 0 to 60.
    """
    if not 0.0 <= rate <= FASTEST:
        msg = (
            f"{rate:g} blinks a minute is out of range; "
            f"a rate goes from 0 to {FASTEST:g}, natural is about 23"
        )
        raise InputError(msg)
    return rate or "off"


def check_times(times: tuple[float, ...]) -> tuple[float, ...]:
    """Accept the seconds at which to blink, in any order.

    Raises:
        InputError: There are none, or one is negative or no number.
    """
    bad = [time for time in times if not (math.isfinite(time) and time >= 0.0)]
    if bad or not times:
        shown = f"the blink time {bad[0]:g} s" if bad else "an empty list of blink times"
        msg = f"{shown} cannot be used; write seconds from 0 to the end, for example 0.5,1.2"
        raise InputError(msg)
    return tuple(sorted(times))


def parse_gaze(
    asked: str | Sequence[float],
) -> Literal["natural", "camera"] | tuple[float, float]:
    """Read "natural", "camera", or degrees to the image's right and up: "10,-5" or (10, -5).

    Raises:
        InputError: It is none of these, or beyond what eyes can do.
    """
    if isinstance(asked, str):
        word = asked.strip().lower()
        if word == "natural" or word == "camera":  # noqa: PLR1714 (a tuple would not narrow the type)
            return word
        written = word.split(",")
    else:
        written = asked
    try:
        yaw, pitch = (float(part) for part in written)
    except (TypeError, ValueError) as error:
        msg = (
            f"the gaze {asked!r} cannot be read; write natural, camera, "
            "or degrees to the right and up such as 10,-5"
        )
        raise InputError(msg) from error
    return check_gaze((yaw, pitch))


def check_gaze(angles: tuple[float, float]) -> tuple[float, float]:
    """Accept a direction of the eyes in degrees.

    Raises:
        InputError: It is beyond `GAZE_LIMITS`.
    """
    for name, angle, limit in zip(("yaw", "pitch"), angles, GAZE_LIMITS, strict=True):
        if not abs(angle) <= limit:
            msg = (
                f"the gaze's {name} of {angle:g} degrees is out of range; eyes turn up to "
                f"{GAZE_LIMITS[0]:g} degrees sideways and {GAZE_LIMITS[1]:g} up or down"
            )
            raise InputError(msg)
    return angles


def parse_pose(asked: str | Path) -> Literal["natural", "still"] | Path:
    """Read "natural", "still", or the path of a video whose head is followed.

    Raises:
        InputError: It is none of these.
    """
    written = str(asked) if isinstance(asked, Path) else _text(asked, "pose", "natural or still")
    word = written.strip().lower()
    if word == "natural" or word == "still":  # noqa: PLR1714 (a tuple would not narrow the type)
        return word
    path = Path(written.strip())
    if path.suffix.lower() in {".toml", ".json"}:
        msg = (
            f"the pose {written!r} names a timeline; expected natural, still or a video; "
            "give keyframes as --timeline"
        )
        raise InputError(msg)
    with suppress(OSError, ValueError):  # too long to be a name, or with a zero byte
        if path.is_file():
            return path
    usual = "write natural or still, name a video that leads the head, or give a --timeline"
    advice = hint(written) or usual
    msg = f"the pose {written[:80]!r} is unknown and no such file exists; {advice}"
    raise InputError(msg)


def check_strength(strength: float) -> float:
    """Accept a multiplier of motion.

    Raises:
        InputError: It is outside 0 to 2.
    """
    if not 0.0 <= strength <= MOST_STRENGTH:
        msg = f"the strength {strength:g} is out of range; it goes from 0 to {MOST_STRENGTH:g}"
        raise InputError(msg)
    return strength


def _is_number(asked: object) -> TypeGuard[float]:
    return isinstance(asked, int | float) and not isinstance(asked, bool)


def _are_numbers(asked: object) -> TypeGuard[Sequence[float]]:
    return (
        isinstance(asked, Sequence)
        and not isinstance(asked, str)
        and all(_is_number(one) for one in asked)
    )


def _text(asked: object, what: str, example: str) -> str:
    """Accept a word.

    Raises:
        InputError: It is something else.
    """
    if not isinstance(asked, str):
        msg = f"the {what} {asked!r} cannot be read; write for example {example}"
        raise InputError(msg)
    return asked
