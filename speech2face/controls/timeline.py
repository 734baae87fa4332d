"""The timeline: everything a director can ask for over time, as one object and one file.

Command-line flags, Python arguments and timeline files all become a `Timeline`. A file is TOML or
JSON; every entry may be left out:

    version = 1
    emotion = [                     # or one word: emotion = "happy:0.5+surprised:0.3"
      {time = 0.0, value = "neutral"},
      {time = 2.0, value = "happy:0.8", ease = "smooth"},
    ]
    blink = [0.5, 1.2]              # seconds; or "natural", "off", or a rate per minute
    gaze = [{time = 0, value = [0, 0]}, {time = 1, value = [10, -5], ease = "hold"}]
    pose = [{time = 0, value = [0, 0, 0]}, {time = 1, value = [6, 0, -2]}]
    pose_strength = 1.0             # a number or keyframes, 0 to 2; multiplies the pose
    expression = 1.0                # a number or keyframes, 0 to 2; multiplies emotion and brows

Times are seconds from the start. Gaze is [yaw, pitch] and pose [yaw, pitch, roll], both in degrees
against the portrait's own: yaw to the image's right, pitch up, roll clockwise; gaze, pose and
emotion take their one-word forms too, and a pose may name a video whose head is followed. `ease`
says how a value is reached from the key before: "linear", "smooth" (the default), or "hold" (it
jumps). Before the first key its value holds, after the last one too; of keys at the same time the
last counts.
"""

import json
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

from speech2face.controls.words import (
    Blinks,
    check_gaze,
    check_rate,
    check_strength,
    check_times,
    parse_blink,
    parse_emotion,
    parse_gaze,
    parse_pose,
)
from speech2face.emotions import EMOTIONS
from speech2face.errors import InputError, shown
from speech2face.media.inputs import open_input

VERSION = 1
"""The version of the file format; it grows when an old reader would misread a new file."""

KEYED_POSE_LIMITS = (45.0, 30.0, 30.0)
"""Degrees of yaw, pitch, roll that keyframes may ask for; beyond about 15 a photograph suffers."""

Ease = Literal["linear", "smooth", "hold"]


@dataclass(frozen=True, kw_only=True)
class Key:
    """A value at a time."""

    time: float
    """Seconds from the start."""
    value: tuple[float, ...]
    ease: Ease = "smooth"
    """How the value is reached from the key before."""


Keys = tuple[Key, ...]


def constant(*value: float) -> Keys:
    """Hold one value for ever."""
    return (Key(time=0.0, value=value),)


_NEUTRAL = constant(*[0.0] * len(EMOTIONS))
_ONCE = constant(1.0)


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """What is asked of one clip, over all of its time."""

    emotion: Keys = _NEUTRAL
    """Weights of `types.EMOTIONS`."""
    blink: Blinks = "natural"
    gaze: Literal["natural", "camera"] | Keys = "natural"
    """Keys hold the line of sight: yaw, pitch in degrees."""
    pose: Literal["natural", "still"] | Path | Keys = "natural"
    """Keys hold yaw, pitch, roll in degrees; they take the place of natural motion. A path is a
    video whose head `jobs.pose_video` turns into keys."""
    pose_strength: Keys = _ONCE
    """Multiplies the pose."""
    expression: Keys = _ONCE
    """Multiplies emotion and brow raises."""
    source: Path | None = field(default=None, compare=False, repr=False)
    """The file that it was read from, if any; no output may be written over it."""

    @classmethod
    def read(cls, path: Path) -> "Timeline":
        """Read a timeline file, TOML or, by its suffix, JSON.

        Raises:
            InputError: The file cannot be read, or an entry cannot be used.
        """
        try:
            text = open_input(path, "timeline").content().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            msg = f"the timeline {shown(path)} is no text ({error}); give a TOML or JSON text file"
            raise InputError(msg) from error
        try:
            table = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            msg = f"the timeline {shown(path)} is not valid: {error}; correct that line"
            raise InputError(msg) from error
        return replace(cls.parse(table, source=str(path)), source=path)

    @classmethod
    def parse(cls, table: object, *, source: str = "timeline") -> "Timeline":
        """Build a timeline from what a file holds: numbers, words, lists and tables.

        Args:
            table: A mapping with the entries of the module's description.
            source: What to call it in messages.

        Raises:
            InputError: An entry is unknown or cannot be used; the message names it.
        """
        if not isinstance(table, Mapping):
            msg = f"{source} holds {_shown(table)}; it has to be a table of tracks"
            raise InputError(msg)
        entries = dict(cast("Mapping[str, Any]", table))
        version = entries.pop("version", VERSION)
        if isinstance(version, bool) or version != VERSION:
            msg = f"{source} is of version {_shown(version)}; this program reads version {VERSION}"
            raise InputError(msg)
        names = [one.name for one in fields(cls) if one.name != "source"]
        unknown = [name for name in entries if name not in names]
        if unknown:
            msg = f"{source} has an unknown track {unknown[0]!r}; the tracks are {', '.join(names)}"
            raise InputError(msg)
        readers: dict[str, Callable[[Any], Any]] = {
            "emotion": lambda entry: _track(entry, _emotion),
            "blink": _blink,
            "gaze": lambda entry: _word_or_track(entry, parse_gaze, _gaze),
            "pose": lambda entry: _word_or_track(entry, parse_pose, _pose),
            "pose_strength": lambda entry: _track(entry, _strength),
            "expression": lambda entry: _track(entry, _strength),
        }
        found: dict[str, Any] = {}
        for name, entry in entries.items():
            try:
                found[name] = readers[name](entry)
            except InputError as error:
                msg = f"{source}, track {name}: {error}"
                raise InputError(msg) from error
        return cls(**found)


def _track(entry: object, value: Callable[[object], tuple[float, ...]]) -> Keys:
    """Read a list of keyframes, or one value that holds for ever.

    Raises:
        InputError: There are no keyframes, one cannot be used, or they are out of order.
    """
    if not (isinstance(entry, list) and all(isinstance(key, dict) for key in entry)):
        return constant(*value(entry))
    if not entry:
        msg = "there are no keyframes; leave the track out, or add {time = 0, value = ...}"
        raise InputError(msg)
    keys: list[Key] = []
    for number, key in enumerate(cast("list[dict[str, object]]", entry), 1):
        try:
            keys.append(_key(key, value))
        except InputError as error:
            msg = f"keyframe {number}: {error}"
            raise InputError(msg) from error
        if keys[-1].time < keys[max(number - 2, 0)].time:
            msg = f"keyframe {number} at {keys[-1].time:g} s is earlier than the one before; sort"
            raise InputError(msg)
    return tuple(keys)


def _key(key: dict[str, object], value: Callable[[object], tuple[float, ...]]) -> Key:
    unknown = key.keys() - {"time", "value", "ease"}
    missing = {"time", "value"} - key.keys()
    if unknown or missing:
        wrong = f"unknown {min(unknown)!r}" if unknown else f"no {min(missing)!r}"
        msg = f"{wrong}; a keyframe is {{time = seconds, value = ..., ease = ...}}"
        raise InputError(msg)
    time = _number(key["time"])
    if time < 0:
        msg = f"its time {time:g} s is negative; times count from the start"
        raise InputError(msg)
    ease = key.get("ease", "smooth")
    if ease not in get_args(Ease):
        msg = f"its ease {_shown(ease)} is unknown; write {', '.join(get_args(Ease))}"
        raise InputError(msg)
    return Key(time=time, value=value(key["value"]), ease=cast("Ease", ease))


def _word_or_track(
    entry: object,
    word: Callable[[str], str | Path | tuple[float, ...]],
    value: Callable[[object], tuple[float, ...]],
) -> str | Path | Keys:
    if isinstance(entry, str):
        read = word(entry)
        return read if isinstance(read, str | Path) else constant(*read)
    return _track(entry, value)


def _emotion(entry: object) -> tuple[float, ...]:
    if not isinstance(entry, str):
        msg = f"{_shown(entry)} is no emotion; write for example happy:0.7"
        raise InputError(msg)
    return parse_emotion(entry)


def _blink(entry: object) -> Blinks:
    if isinstance(entry, str):
        return parse_blink(entry)
    if isinstance(entry, list):
        return check_times(tuple(_number(time) for time in entry)) if entry else "off"
    return check_rate(_number(entry))


def _gaze(entry: object) -> tuple[float, ...]:
    yaw, pitch = _numbers(entry, ("yaw", "pitch"))
    return check_gaze((yaw, pitch))


def _pose(entry: object) -> tuple[float, ...]:
    names = ("yaw", "pitch", "roll")
    angles = _numbers(entry, names)
    for name, angle, limit in zip(names, angles, KEYED_POSE_LIMITS, strict=True):
        if abs(angle) > limit:
            msg = f"a {name} of {angle:g} degrees is out of range; it is at most {limit:g}"
            raise InputError(msg)
    return angles


def _strength(entry: object) -> tuple[float, ...]:
    return (check_strength(_number(entry)),)


def _numbers(entry: object, names: tuple[str, ...]) -> tuple[float, ...]:
    if not isinstance(entry, list | tuple) or len(entry) != len(names):
        msg = f"{_shown(entry)} cannot be used; write [{', '.join(names)}] in degrees"
        raise InputError(msg)
    return tuple(_number(item) for item in entry)


def _number(entry: object) -> float:
    if isinstance(entry, bool) or not isinstance(entry, int | float) or not math.isfinite(entry):
        msg = f"{_shown(entry)} is not a number; write a finite number"
        raise InputError(msg)
    return float(entry)


def _shown(entry: object) -> str:
    """Quote a value in a message, shortened where it is long."""
    text = repr(entry)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 (one line of a message)
