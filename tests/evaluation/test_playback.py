import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from drawn_face import draw

from speech2face.errors import MediaError
from speech2face.evaluation.video.playback import find_browser, play, streams_of
from speech2face.media.video.encode import VideoWriter

BROWSER = find_browser()
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")


@pytest.fixture
def video(tmp_path: Path) -> Path:
    sound = tmp_path / "s.wav"
    with wave.open(str(sound), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((np.sin(np.arange(16_000) / 9) * 9000).astype("<i2").tobytes())
    path = tmp_path / "v.mp4"
    with VideoWriter(
        path, size=(96, 64), fps=Fraction(25), sound=sound, overwrite=False, tags={}
    ) as writer:
        for index in range(25):
            writer.write(draw(index / 100))
    return path


def test_streams_are_named_and_their_lengths_compared(video: Path):
    found = streams_of(video)

    assert found.words == "h264 yuv420p aac"
    assert abs(found.gap) < 2


def test_a_file_that_is_no_video_is_refused(tmp_path: Path):
    path = tmp_path / "v.mp4"
    path.write_text("no video")

    with pytest.raises(MediaError):
        streams_of(path)


@needs_browser
def test_a_browser_plays_the_video_to_its_end(video: Path):
    report = play(video, BROWSER)

    assert (report.event, report.error) == ("ended", "")
    assert (report.width, report.height) == (96, 64)
    assert report.frames >= 20
    assert report.sound > 0


@needs_browser
def test_a_browser_tells_of_a_damaged_video(tmp_path: Path):
    path = tmp_path / "v.mp4"
    path.write_bytes(b"no video")

    assert play(path, BROWSER).event != "ended"


def test_a_browser_that_tells_nothing_is_given_up(video: Path):
    with pytest.raises(MediaError, match="told nothing"):
        play(video, Path("/bin/true"), timeout=0.5)
