"""What the network hears is what the video plays, for every way in which a sound may come."""

import io
import os
import struct
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from clips import click, ffmpeg

from speech2face.errors import InputError, MediaError, Speech2FaceWarning
from speech2face.media.sound.audio import open_sound, read_speech
from speech2face.media.sound.raw_audio import RawFormat
from speech2face.media.video.encode import VideoWriter
from speech2face.timing import SPEECH_RATE, frames_for

RATE = 24_000


def tone(seconds: float, rate: int = RATE, hertz: float = 440) -> np.ndarray:
    """A tone whose loudness goes up and down twice a second, so that its time can be read off."""
    time = np.arange(round(seconds * rate)) / rate
    return 0.4 * np.sin(2 * np.pi * hertz * time) * np.sin(2 * np.pi * time) ** 2


def wav(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    soundfile.write(path, samples, rate, subtype="PCM_16")
    return path


def played(sound: Path, folder: Path) -> np.ndarray:
    """What a finished video plays, decoded by a whole ffmpeg: 16 kHz, all channels averaged."""
    output, heard = folder / "played.mp4", open_sound(sound)
    frames = frames_for(heard.duration, Fraction(25))
    with VideoWriter(
        output, size=(32, 32), fps=Fraction(25), sound=heard, overwrite=True, tags={}
    ) as writer:
        for _ in range(frames):
            writer.write(np.zeros((32, 32, 3), np.uint8))
    ffmpeg("-i", str(output), "-map", "0:a:0", "-ar", "16000", str(folder / "played.wav"))
    samples, _ = soundfile.read(folder / "played.wav", always_2d=True)
    return samples.mean(1)


def assert_same_sound(heard: np.ndarray, seen: np.ndarray) -> None:
    """Check that two sounds differ by less than 1 ms and 1 dB."""
    size = min(len(heard), len(seen))
    assert abs(len(heard) - len(seen)) <= SPEECH_RATE // 10  # padding of the last packet
    heard, seen = heard[:size].astype(float), seen[:size]
    spectrum = np.fft.rfft(heard, 2 * size) * np.fft.rfft(seen, 2 * size).conj()
    lag = int(np.argmax(np.abs(np.fft.irfft(spectrum))))
    lag = lag - 2 * size if lag > size else lag
    assert abs(lag) < SPEECH_RATE // 1000
    level = 20 * np.log10(np.sqrt((seen**2).mean() / (heard**2).mean()))
    assert abs(level) < 1


ENCODINGS = [
    ("a.wav", ()), ("b.wav", ("-c:a", "pcm_s24le")), ("c.wav", ("-c:a", "pcm_f32le")),
    ("d.wav", ("-c:a", "pcm_mulaw", "-ar", "8000")), ("e.wav", ("-c:a", "adpcm_ms")),
    ("f.wav", ("-c:a", "libmp3lame")), ("g.flac", ()), ("h.mp3", ()), ("i.m4a", ("-c:a", "aac")),
    ("j.aac", ("-c:a", "aac")), ("k.m4a", ("-c:a", "alac")), ("l.ogg", ("-c:a", "libvorbis")),
    ("m.opus", ()), ("n.webm", ("-c:a", "libopus")), ("o.mkv", ("-c:a", "flac")),
    ("p.mkv", ("-c:a", "aac")), ("q.ts", ("-c:a", "aac")), ("r.aiff", ()),
    ("s.ac3", ("-c:a", "ac3")), ("t.mov", ("-c:a", "pcm_s16le")),
]  # fmt: skip
SHAPES = [(1, 16_000), (2, 44_100), (2, 48_000)]


@pytest.mark.parametrize(("channels", "rate"), SHAPES)
@pytest.mark.parametrize(("name", "options"), ENCODINGS, ids=[name for name, _ in ENCODINGS])
def test_heard_is_played(
    tmp_path: Path, name: str, options: tuple[str, ...], channels: int, rate: int
) -> None:
    rate = 48_000 if name == "s.ac3" else rate
    whole = wav(tmp_path / "whole.wav", np.stack([tone(1.3, rate)] * channels, 1), rate)
    ffmpeg("-i", str(whole), *options, str(tmp_path / name))

    assert_same_sound(read_speech(tmp_path / name).samples, played(tmp_path / name, tmp_path))


@pytest.mark.filterwarnings("ignore::speech2face.errors.Speech2FaceWarning")
@pytest.mark.parametrize("channels", [3, 4, 6, 9, 10, 16])
@pytest.mark.parametrize("voice", ["first", "third", "last"])
def test_a_voice_in_any_channel_is_heard_and_played(
    tmp_path: Path, channels: int, voice: str
) -> None:
    samples = np.zeros((RATE, channels))
    samples[:, {"first": 0, "third": 2, "last": channels - 1}[voice]] = tone(1)
    path = wav(tmp_path / "a.wav", samples)

    heard = read_speech(path).samples

    assert np.abs(heard).max() > 0.3 / channels
    assert_same_sound(heard, played(path, tmp_path))


def test_channels_that_are_each_others_negative_are_heard(tmp_path: Path) -> None:
    one = tone(2)
    path = wav(tmp_path / "a.wav", np.stack([one, -one], 1))

    heard = read_speech(path).samples

    assert np.abs(heard).max() == pytest.approx(0.4, abs=0.02)
    assert open_sound(path).channels == 2  # played as it is


def test_ordinary_stereo_is_heard_as_its_mean(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    stereo = rng.uniform(-0.5, 0.5, (SPEECH_RATE * 2, 2))
    path = wav(tmp_path / "a.wav", stereo, SPEECH_RATE)

    expected = np.round(stereo * 32768).clip(-32768, 32767).mean(1) / 32768
    np.testing.assert_allclose(read_speech(path).samples, expected, atol=1e-4)


def test_several_tracks_are_named_and_can_be_chosen(tmp_path: Path) -> None:
    silent = wav(tmp_path / "silent.wav", np.zeros(RATE))
    voice = wav(tmp_path / "voice.wav", tone(1))
    path = tmp_path / "a.mkv"
    ffmpeg("-i", str(silent), "-i", str(voice), "-map", "0", "-map", "1", "-c:a", "flac", str(path))

    with pytest.warns(Speech2FaceWarning, match="2 sound tracks.*--audio-track"):
        assert not read_speech(path).samples.any()
    assert np.abs(open_sound(path, track=2).speech().samples).max() > 0.3
    with pytest.raises(InputError, match="no sound track 3"):
        open_sound(path, track=3)


def test_joined_wavs_are_heard_to_their_end(tmp_path: Path) -> None:
    first, second = wav(tmp_path / "a.wav", tone(1)), wav(tmp_path / "b.wav", tone(2, hertz=300))
    path = tmp_path / "joined.wav"
    path.write_bytes(first.read_bytes() + second.read_bytes())

    assert open_sound(path).duration == 3
    assert_same_sound(read_speech(path).samples, played(path, tmp_path))


def test_joined_wavs_of_different_kinds_say_what_is_left_out(tmp_path: Path) -> None:
    first, second = wav(tmp_path / "a.wav", tone(1)), wav(tmp_path / "b.wav", tone(1, 8000), 8000)
    path = tmp_path / "joined.wav"
    path.write_bytes(first.read_bytes() + second.read_bytes())

    with pytest.warns(Speech2FaceWarning, match=r"after 1\.0 s; that is left out"):
        assert open_sound(path).duration == 1


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_wav_of_unknown_size_is_read_to_its_end(tmp_path: Path, size: int) -> None:
    content = bytearray(wav(tmp_path / "a.wav", tone(1)).read_bytes())
    content[4:8] = content[40:44] = struct.pack("<I", size)
    (tmp_path / "a.wav").write_bytes(content)

    assert open_sound(tmp_path / "a.wav").duration == 1
    assert len(read_speech(tmp_path / "a.wav").samples) == pytest.approx(SPEECH_RATE, abs=1)


def test_samples_without_a_header_can_be_described(tmp_path: Path) -> None:
    samples = (tone(1) * 32767).astype("<i2")
    path = tmp_path / "a.wav"
    path.write_bytes(samples.tobytes())

    with pytest.raises(MediaError, match="--raw-audio 16000,1,s16le"):
        read_speech(path)
    raw = RawFormat.parse(f"{RATE},1,s16")
    assert open_sound(path, raw=raw).duration == 1


@pytest.mark.parametrize(
    "text", ["", "16000", "16000,1", "16000,1,mp3", "0,1,s16", "1e9,1,s16", "-1,1,u8"]
)
def test_what_describes_no_samples_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected RATE,CHANNELS,FORMAT"):
        RawFormat.parse(text)


def test_a_sound_comes_as_path_bytes_stream_pipe_or_array(tmp_path: Path) -> None:
    path = wav(tmp_path / "a.wav", tone(1))
    expected = read_speech(path).samples
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(path.read_bytes()))
    writer.start()

    for given in (str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), pipe):
        np.testing.assert_array_equal(read_speech(given).samples, expected)
    writer.join()
    samples, rate = soundfile.read(path, dtype="int16")
    np.testing.assert_array_equal(read_speech((samples, rate)).samples, expected)


def test_a_pipe_into_which_nobody_writes_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speech2face.media.inputs._WRITER_SECONDS", 0.2)
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(InputError, match="nobody writes"):
        open_sound(tmp_path / "pipe")


def test_the_start_of_a_sound_costs_its_own_length(tmp_path: Path) -> None:
    sound = open_sound(click(tmp_path / "a.mp3", seconds=3))
    whole = np.concatenate(list(sound.blocks()))

    start = sound.first(Fraction(1))

    assert start.duration == 1
    np.testing.assert_allclose(
        np.concatenate(list(start.blocks()))[:15_000], whole[:15_000], atol=1e-4
    )


def test_the_start_of_a_loud_float_sound_is_heard_and_played_alike(tmp_path: Path) -> None:
    loud = np.linspace(0, 4, 48_000, dtype=np.float32)  # beyond full scale from 1/4 s on
    soundfile.write(tmp_path / "a.wav", loud, 16_000, subtype="FLOAT")

    start = open_sound(tmp_path / "a.wav").first(Fraction(3, 2))  # its peak is 2: halved
    played = np.concatenate(list(start.first(Fraction(1, 2)).samples()))[:, 0]

    np.testing.assert_allclose(played, loud[:8000] / 2, atol=1e-4)
    np.testing.assert_allclose(start.speech().samples[:8000], loud[:8000] / 2, atol=1e-3)


def test_what_the_name_of_a_missing_file_tells(tmp_path: Path) -> None:
    hints = {
        "'a.wav'": "quotes", "file:///a.wav": "file://", "~/a.wav": "the shell left ~",
        "https://x.org/a.wav": "download it", "a.wav ": "a space",
    }  # fmt: skip
    for name, hint in hints.items():
        with pytest.raises(InputError, match=hint):
            open_sound(name)
    with pytest.raises(InputError, match="a folder"):
        open_sound(tmp_path)
