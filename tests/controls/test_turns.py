"""Who speaks when in one sound."""

import math
from pathlib import Path

import numpy as np
import pytest

from speech2face.controls.turns import read_turns, voice
from speech2face.errors import InputError
from speech2face.types import Speech


def test_a_file_gives_each_face_its_stretches(tmp_path: Path) -> None:
    path = tmp_path / "who.toml"
    path.write_text('left = [[0.0, 1.5], [4]]\n"310,200" = [[1.5, 4.0]]\n', "utf-8")

    turns = read_turns(path)

    assert turns == {"left": ((0.0, 1.5), (4.0, math.inf)), "310,200": ((1.5, 4.0),)}


def test_json_is_read_as_well(tmp_path: Path) -> None:
    path = tmp_path / "who.json"
    path.write_text('{"2": [[0, 1]]}', "utf-8")

    assert read_turns(path) == {"2": ((0.0, 1.0),)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# nobody", "names no face"),
        ("left = 3", "expected \\[start, end\\]"),
        ("left = [[1, 2, 3]]", "expected \\[start, end\\]"),
        ("left = [['a', 2]]", "expected \\[start, end\\]"),
        ("left = [[2, 1]]", "from 2 s to 1 s"),
        ("left = [[nan, 1]]", "expected \\[start, end\\]"),
        ("left = [", "is not valid"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "who.toml"
    path.write_text(text, "utf-8")

    with pytest.raises(InputError, match=words):
        read_turns(path)


def test_a_voice_is_the_sound_in_its_stretches_and_silence_elsewhere() -> None:
    sound = Speech(samples=np.ones(16_000, np.float32))

    heard = voice(sound, ((0.25, 0.5), (0.75, math.inf))).samples

    assert not heard[:4000].any()
    assert not heard[8000:12_000].any()
    np.testing.assert_array_equal(heard[4800:7200], 1)
    np.testing.assert_array_equal(heard[12_800:], 1)
    assert np.abs(np.diff(heard)).max() < 0.01


def test_stretches_beyond_the_sound_and_shorter_than_a_fade_do_no_harm() -> None:
    sound = Speech(samples=np.ones(1600, np.float32))

    assert not voice(sound, ((5.0, 6.0),)).samples.any()
    assert voice(sound, ((0.01, 0.02),)).samples.max() < 1
