import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from clips import CLICK_SECOND, click, ffmpeg, video

from speech2face.errors import InputError, MediaError, Speech2FaceWarning
from speech2face.media.sound.audio import probe_audio, read_speech
from speech2face.timing import SPEECH_RATE

ENDINGS = [".wav", ".flac", ".ogg", ".mp3", ".m4a", ".opus", ".mov"]


def onset(samples: np.ndarray, rate: int) -> float:
    return float(np.argmax(np.abs(samples) > 0.1)) / rate


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_format_keeps_time_and_length(tmp_path: Path, ending: str) -> None:
    path = click(tmp_path / f"a{ending}")

    info, speech = probe_audio(path), read_speech(path)

    assert abs(info.duration - Fraction(101, 100)) < Fraction(1, 2000)
    assert (info.rate, info.channels) == (48_000, 2)
    assert abs(len(speech.samples) - info.duration * SPEECH_RATE) <= 1
    assert speech.samples.dtype == np.float32
    # 2 ms for the codecs' own smear; what must not happen is their padding of 20 to 60 ms.
    assert onset(speech.samples, SPEECH_RATE) == pytest.approx(CLICK_SECOND, abs=0.002)


def test_codecs_have_ffmpegs_names(tmp_path: Path) -> None:
    found = {ending: probe_audio(click(tmp_path / f"a{ending}")).codec for ending in ENDINGS}

    assert found == {
        ".wav": "pcm_s16le", ".flac": "flac", ".ogg": "vorbis", ".mp3": "mp3", ".m4a": "aac",
        ".opus": "opus", ".mov": "alac",
    }  # fmt: skip


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 22_050, 44_100, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_rate_and_number_of_channels_becomes_16_khz_mono(
    tmp_path: Path, rate: int, channels: int
) -> None:
    path = click(tmp_path / "a.wav", rate=rate, channels=channels)

    samples = read_speech(path).samples

    assert abs(len(samples) - probe_audio(path).duration * SPEECH_RATE) <= 1
    assert onset(samples, SPEECH_RATE) == pytest.approx(CLICK_SECOND, abs=0.002)
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.1)


def test_channels_are_averaged(tmp_path: Path) -> None:
    stereo = np.stack([np.full(SPEECH_RATE, 0.5), np.full(SPEECH_RATE, 0.1)], 1)
    soundfile.write(tmp_path / "a.wav", stereo, SPEECH_RATE, subtype="FLOAT")

    np.testing.assert_allclose(read_speech(tmp_path / "a.wav").samples, 0.3, atol=1e-6)


def test_blocks_leave_no_seam(tmp_path: Path) -> None:
    rate, seconds = 44_100, 13
    time = np.arange(rate * seconds) / rate
    soundfile.write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 200 * time), rate, "FLOAT")

    samples = read_speech(tmp_path / "a.wav").samples

    exact = 0.5 * np.sin(2 * np.pi * 200 * np.arange(len(samples)) / SPEECH_RATE)
    inside = slice(SPEECH_RATE // 10, -SPEECH_RATE // 10)  # both ends ring against silence
    np.testing.assert_allclose(samples[inside], exact[inside], atol=2e-4)


def test_memory_holds_the_result_and_little_else(tmp_path: Path) -> None:
    seconds = 240
    soundfile.write(tmp_path / "a.wav", np.zeros((seconds * 8000, 2), np.int16), 8000)

    tracemalloc.start()
    speech = read_speech(tmp_path / "a.wav")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    # A file of this size is held in memory itself.
    assert peak < speech.samples.nbytes + (tmp_path / "a.wav").stat().st_size + (2 << 20)


def test_the_sound_of_a_video_keeps_its_place_beside_the_picture(tmp_path: Path) -> None:
    sound = click(tmp_path / "a.wav")
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc=s=32x32:r=25:d=2", "-itsoffset", "0.3", "-i", str(sound),
        "-map", "0", "-map", "1", "-c:a", "aac", str(tmp_path / "late.mp4"),
    )  # fmt: skip

    samples = read_speech(tmp_path / "late.mp4").samples

    assert onset(samples, SPEECH_RATE) == pytest.approx(CLICK_SECOND + 0.3, abs=0.003)


@pytest.mark.parametrize("ending", [".wav", ".m4a"])
def test_sound_of_a_tenth_of_a_second_is_enough(tmp_path: Path, ending: str) -> None:
    path = click(tmp_path / f"a{ending}", seconds=0.1)

    assert abs(len(read_speech(path).samples) - 1600) <= 16


def test_sound_of_no_length_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0), 16_000)

    for read in (probe_audio, read_speech):
        with pytest.raises(InputError, match="lasts 0 s"):
            read(tmp_path / "a.wav")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused_with_their_place(
    tmp_path: Path, bad: float
) -> None:
    samples = np.zeros(SPEECH_RATE * 6, np.float32)
    samples[SPEECH_RATE * 5] = bad
    soundfile.write(tmp_path / "a.wav", samples, SPEECH_RATE, subtype="FLOAT")

    with pytest.raises(InputError, match=r"5\.00 s"):
        read_speech(tmp_path / "a.wav")


def test_a_float_file_beyond_full_scale_is_scaled_back(tmp_path: Path) -> None:
    wave = np.sin(np.arange(SPEECH_RATE) / 20)
    soundfile.write(tmp_path / "a.wav", 32_000 * wave, SPEECH_RATE, subtype="FLOAT")

    samples = read_speech(tmp_path / "a.wav").samples

    np.testing.assert_allclose(samples, wave, atol=1e-3)


def test_a_wav_that_lies_about_its_length_gives_what_is_there(tmp_path: Path) -> None:
    path = click(tmp_path / "a.wav")
    path.write_bytes(path.read_bytes()[: 48_000 * 4 // 2 + 44])

    assert len(read_speech(path).samples) == pytest.approx(SPEECH_RATE / 2, abs=2)


def test_what_holds_no_sound_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    mute = video(tmp_path / "mute.mp4")

    for path in (tmp_path / "text.wav", mute):
        with pytest.raises(MediaError, match="no sound that can be decoded"):
            read_speech(path)
    with pytest.raises(InputError, match="does not exist"):
        read_speech(tmp_path / "missing.wav")


@pytest.mark.parametrize("ending", [".wav", ".flac"])
def test_a_sound_that_was_cut_off_says_how_much_is_missing(tmp_path: Path, ending: str) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / f"a{ending}"
    soundfile.write(path, rng.uniform(-0.5, 0.5, 480_000), 48_000)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 4])

    with pytest.warns(
        Speech2FaceWarning, match=r"lasts 10\.0 s and holds 2\.[45] s: it was cut off"
    ):
        assert len(read_speech(path).samples) == pytest.approx(2.5 * SPEECH_RATE, rel=0.05)
