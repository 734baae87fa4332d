"""Which frames of a video are shown, and that they come in that order."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import video

from speech2face.media.video.video import VideoReader
from speech2face.sources.playing import Excerpt, in_order, play

FPS = Fraction(10)


@pytest.mark.parametrize(
    ("mode", "seconds", "frames"),
    [
        ("freeze", "0.6", [0, 1, 2, 3, 3, 3]),
        ("freeze", "0.2", [0, 1, 2, 3]),
        ("cut", "0.6", [0, 1, 2, 3]),
        ("cut", "0.2", [0, 1]),
        ("loop", "0.9", [0, 1, 2, 3, 0, 1, 2, 3, 0]),
        ("bounce", "0.9", [0, 1, 2, 3, 2, 1, 0, 1, 2]),
        ("stretch", "0.8", [0, 0, 1, 1, 2, 2, 3, 3]),
        ("stretch", "0.2", [1, 3]),
    ],
)
def test_a_mode_says_which_frames_are_shown(mode: str, seconds: str, frames: list[int]) -> None:
    played = play(mode, 4, FPS, Fraction(seconds))

    assert played.frames.tolist() == frames
    assert played.sound == min(Fraction(seconds), Fraction(len(frames), 10))


def test_a_single_frame_can_be_played_in_every_mode() -> None:
    for mode in ("freeze", "loop", "bounce", "stretch"):
        assert play(mode, 1, FPS, Fraction(1, 2)).frames.tolist() == [0] * 5


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> VideoReader:
    path = tmp_path_factory.mktemp("video") / "card.mp4"
    # Key frames are far apart: going to one is not going to the frame that is wanted.
    return VideoReader(video(path, "-g", "8", "-bf", "2", source="testsrc=s=64x48:r=10:d=3"))


def test_frames_come_in_the_order_that_is_asked_for(reader: VideoReader) -> None:
    whole = list(reader)
    numbers = np.array([0, 1, 1, 2, 5, 4, 3, 2, 3, 9, 0, 19])

    shown = list(in_order(Excerpt(reader=reader, part=range(5, 25)), numbers))

    assert len(shown) == len(numbers)
    for number, image in zip(numbers, shown, strict=True):
        np.testing.assert_array_equal(image, whole[5 + number])


@pytest.mark.parametrize("first", [0, 1, 7, 8, 9, 29])
def test_a_video_is_read_from_any_frame_on(reader: VideoReader, first: int) -> None:
    whole = list(reader)

    rest = list(reader.since(first))

    assert len(rest) == len(whole) - first
    np.testing.assert_array_equal(rest[0], whole[first])


def test_variable_rates_keep_their_times_from_any_frame_on(tmp_path: Path) -> None:
    path = video(
        tmp_path / "uneven.mp4", "-vf", "select='not(eq(mod(n\\,5)\\,3))'", "-fps_mode", "vfr",
        source="testsrc=s=64x48:r=10:d=3",
    )  # fmt: skip
    uneven = VideoReader(path)
    whole = list(uneven)

    assert uneven.info.variable
    assert len(whole) == 30
    np.testing.assert_array_equal(whole[3], whole[2])
    np.testing.assert_array_equal(next(iter(uneven.since(14))), whole[14])
