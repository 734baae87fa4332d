"""Who speaks when in one sound: a small file, and each speaker's share of the sound.

A file is TOML or JSON and gives each speaking face its stretches of the sound, in seconds; one
without an end goes on to the end of the sound:

    left = [[0.0, 3.2], [7.5, 9.0]]
    right = [[3.2, 7.5], [9.0]]

A face is named as `--face-select` names it: left, right, a number from 1 (the largest), or a point,
in quotes: "310,200".
"""

import json
import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np

from speech2face.errors import InputError, shown
from speech2face.media.inputs import open_input
from speech2face.signals import smoothstep
from speech2face.timing import SPEECH_RATE
from speech2face.types import Speech

Spans = tuple[tuple[float, float], ...]
"""Stretches in seconds: first and last; the last may be infinite."""

_FADE = 0.03
"""Seconds in which a speaker's share of the sound comes and goes: a cut would be heard as a stop
consonant."""
_EXAMPLE = "left = [[0.0, 3.2], [7.5, 9.0]]"


def read_turns(path: Path) -> dict[str, Spans]:
    """Read who speaks when, by the names of the faces.

    Raises:
        InputError: The file cannot be read, or an entry cannot be used.
    """
    try:
        text = open_input(path, "file of turns").content().decode("utf-8-sig")
        table = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        msg = f"{shown(path)} is not valid ({error}); expected TOML, for instance {_EXAMPLE}"
        raise InputError(msg) from error
    if not isinstance(table, Mapping) or not table:
        msg = f"{shown(path)} names no face; expected for instance {_EXAMPLE}"
        raise InputError(msg)
    named = cast("Mapping[str, object]", table)
    return {face: _spans(entry, f"{face!r} in {shown(path)}") for face, entry in named.items()}


def check_spans(spans: Spans, where: str) -> Spans:
    """Refuse stretches that are none.

    Raises:
        InputError: One begins before 0, or ends before it begins.
    """
    for first, last in spans:
        if not 0 <= first < last:  # NaN is neither
            msg = (
                f"{where} speaks from {first:g} s to {last:g} s; expected a start from 0 on and an "
                "end after it; correct it"
            )
            raise InputError(msg)
    return spans


def voice(speech: Speech, spans: Spans) -> Speech:
    """Return what one speaker says: the sound in some stretches, and silence elsewhere."""
    share = np.zeros(len(speech.samples), np.float32)
    for first, last in spans:
        start = min(len(share), math.ceil(first * SPEECH_RATE))
        stop = len(share) if math.isinf(last) else min(len(share), math.ceil(last * SPEECH_RATE))
        length, fade = stop - start, _FADE * SPEECH_RATE
        ends = smoothstep(np.arange(1, min(length, round(fade)) + 1) / fade)
        inside = np.ones(length, np.float32)
        inside[: len(ends)] = ends
        if not math.isinf(last):
            inside[length - len(ends) :] *= ends[::-1]
        share[start:stop] = np.maximum(share[start:stop], inside)
    return Speech(samples=speech.samples * share)


def _spans(entry: object, where: str) -> Spans:
    """Read the stretches of one face.

    Raises:
        InputError: They are no lists of one or two numbers.
    """
    spans: list[tuple[float, float]] = []
    for pair in entry if isinstance(entry, list) else [None]:
        numbers = cast("list[object]", pair) if isinstance(pair, list) else []
        ends = [
            float(one)
            for one in numbers
            if isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one)
        ]
        if len(ends) != len(numbers) or len(ends) not in {1, 2}:
            msg = f"{where} cannot be used; expected [start, end] in seconds, as in {_EXAMPLE}"
            raise InputError(msg)
        spans.append((ends[0], ends[1] if len(ends) > 1 else math.inf))
    return check_spans(tuple(spans), where)
