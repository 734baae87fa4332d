from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import ROUNDING, click, ffmpeg, tail, video

from speech2face.errors import InputError, MediaError, OutputError, Speech2FaceWarning
from speech2face.media.sound.audio import probe_audio, read_speech
from speech2face.media.video.mux import mux
from speech2face.media.video.video import VideoReader, probe_video


@pytest.fixture
def silent(tmp_path: Path) -> Path:
    return video(tmp_path / "silent.mp4", source="testsrc=s=32x32:r=25:d=1")


@pytest.mark.parametrize("ending", [".wav", ".mp3", ".m4a"])
def test_the_picture_stays_bit_for_bit_and_the_sound_is_the_one_given(
    tmp_path: Path, silent: Path, ending: str
) -> None:
    sound, output = click(tmp_path / f"a{ending}"), tmp_path / "out.mp4"

    mux(silent, sound, output, overwrite=False)

    before, after = list(VideoReader(silent)), list(VideoReader(output))
    assert len(before) == len(after) == 25
    np.testing.assert_array_equal(np.stack(after), np.stack(before))
    info = probe_audio(output)
    assert (info.rate, info.channels) == (48_000, 2)
    assert -ROUNDING <= info.duration - Fraction(101, 100) <= tail(sound)


def test_a_sound_that_the_video_had_is_replaced(tmp_path: Path, silent: Path) -> None:
    quiet, loud = click(tmp_path / "q.wav", seconds=1), tmp_path / "loud.wav"
    ffmpeg("-f", "lavfi", "-i", "sine=300:d=1,volume=8", str(loud))
    mux(silent, quiet, tmp_path / "one.mp4", overwrite=False)

    mux(tmp_path / "one.mp4", loud, tmp_path / "two.mp4", overwrite=False)

    assert np.abs(read_speech(tmp_path / "two.mp4").samples[4000:6000]).max() > 0.4


def test_a_difference_in_length_is_told_and_both_are_kept(tmp_path: Path, silent: Path) -> None:
    sound = click(tmp_path / "a.wav", seconds=2)

    with pytest.warns(Speech2FaceWarning, match=r"1\.000 s and the sound 2\.000 s"):
        mux(silent, sound, tmp_path / "out.mp4", overwrite=False)

    assert probe_video(tmp_path / "out.mp4").duration == 1
    assert probe_audio(tmp_path / "out.mp4").duration == 2


def test_what_cannot_be_muxed_leaves_no_output(tmp_path: Path, silent: Path) -> None:
    sound = click(tmp_path / "a.wav", seconds=1)
    raw = video(tmp_path / "raw.avi", "-c:v", "huffyuv")
    output, existing = tmp_path / "out.mp4", tmp_path / "existing.mp4"
    existing.write_text("a file of the user's")

    with pytest.raises(MediaError, match="no sound"):
        mux(silent, silent, output, overwrite=False)
    with pytest.raises(MediaError, match="huffyuv"):
        mux(raw, sound, output, overwrite=False)
    with pytest.raises(OutputError, match=r"\.mp4"):
        mux(silent, sound, tmp_path / "out.avi", overwrite=False)
    with pytest.raises(OutputError, match="exists"):
        mux(silent, sound, existing, overwrite=False)

    assert not output.exists()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("spelling", ["same", "dots", "link"])
def test_neither_input_is_ever_written_to(tmp_path: Path, silent: Path, spelling: str) -> None:
    sound = click(tmp_path / "a.wav", seconds=1)
    (tmp_path / "link.mp4").symlink_to(silent)
    spelled = {
        "same": silent,
        "dots": tmp_path / "x" / ".." / silent.name,
        "link": tmp_path / "link.mp4",
    }
    (tmp_path / "x").mkdir()
    before = silent.read_bytes()

    with pytest.raises(InputError, match="is an input"):
        mux(silent, sound, spelled[spelling], overwrite=True)

    assert silent.read_bytes() == before
