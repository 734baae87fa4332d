import os
from pathlib import Path

import pytest

from speech2face.errors import InputError
from speech2face.evaluation.material import (
    held_out_clips,
    measured_portraits,
    sheet_portraits,
)
from speech2face.training.speech.align import read_words


def test_words_have_times_in_seconds(tmp_path: Path):
    path = tmp_path / "a.align"
    path.write_text("0 17750 sil\n17750 22500 bin\n")

    silence, word = read_words(path)

    assert (silence.silent, silence.end) == (True, 0.71)
    assert (word.text, word.silent, word.start, word.end) == ("bin", False, 0.71, 0.9)


@pytest.mark.parametrize("line", ["0 17750", "a b sil", "1 2 bin red"])
def test_other_lines_are_refused(tmp_path: Path, line: str):
    path = tmp_path / "a.align"
    path.write_text(line)

    with pytest.raises(InputError, match=line):
        read_words(path)


def corpus(folder: Path) -> Path:
    for speaker, count in (("s1", 25), ("s2", 3), ("s31", 3), ("s32", 2)):
        (folder / "grid" / speaker).mkdir(parents=True)
        for index in range(count):
            (folder / "grid" / speaker / f"c{index:02}.mp4").touch()
    (folder / "grid" / "s31" / "c02.align").write_text("0 25000 sil\n")
    return folder


def test_only_held_out_clips_are_given_speakers_in_turn_and_timed_ones_first(tmp_path: Path):
    clips = held_out_clips(corpus(tmp_path), 100)

    assert [clip.name for clip in clips] == [
        "s31_c02", "s32_c00", "s1_c00", "s31_c00", "s32_c01", "s1_c10", "s31_c01", "s1_c20",
    ]  # fmt: skip
    assert clips[0].words[0].silent
    assert clips[1].words == ()


def test_no_more_clips_than_asked_for_are_given(tmp_path: Path):
    assert len(held_out_clips(corpus(tmp_path), 3)) == 3


def test_a_folder_without_the_corpus_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no held-out GRID clips"):
        held_out_clips(tmp_path, 3)


def portraits(folder: Path) -> Path:
    (folder / "portraits").mkdir()
    for index in range(1200):
        (folder / "portraits" / f"p{index:04}.jpg").touch()
    return folder


def test_every_portrait_is_held_out_and_none_comes_twice(tmp_path: Path):
    measured = measured_portraits(portraits(tmp_path))
    shown = [row.portrait for row in sheet_portraits(tmp_path)]

    assert len(shown) == 12
    assert len(measured) >= 20
    assert all(path.stem.endswith("9") for path in measured + shown)
    assert len(set(measured)) == len(measured)
    assert len(set(shown)) == len(shown)


def test_a_portrait_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"p0119\.jpg is not there"):
        measured_portraits(tmp_path)


@pytest.mark.skipif("SPEECH2FACE_DATA" not in os.environ, reason="SPEECH2FACE_DATA is not set")
def test_the_data_holds_40_held_out_clips_and_all_portraits():
    data = Path(os.environ["SPEECH2FACE_DATA"])

    clips = held_out_clips(data, 40)

    assert {clip.speaker for clip in clips} == {"s1", "s31", "s32"}
    assert len(clips) == 40
    assert measured_portraits(data)
    assert sheet_portraits(data)
