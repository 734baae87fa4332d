import io
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import CLICK_SECOND, ROUNDING, click, described, ffmpeg, tail

from speech2face.errors import InputError, MediaError, OutputError
from speech2face.media.sound.audio import open_sound, probe_audio, read_speech
from speech2face.media.sound.soundtrack import SoundFormat
from speech2face.media.video.encode import RawWriter, VideoWriter
from speech2face.media.video.video import VideoReader, probe_video
from speech2face.timing import SPEECH_RATE, frames_for, parse_fps

RATES = ["12.5", "23.976", "24", "25", "29.97", "30", "50", "59.94", "60"]


def write(
    output: Path,
    *,
    frames: int = 5,
    size: tuple[int, int] = (32, 32),
    fps: str = "25",
    sound: Path | None = None,
    overwrite: bool = False,
    tags: dict[str, str] | None = None,
    seconds: Fraction | None = None,
) -> Path:
    width, height = size
    with VideoWriter(
        output, size=size, fps=parse_fps(fps), sound=sound, overwrite=overwrite, tags=tags or {},
        seconds=seconds,
    ) as writer:  # fmt: skip
        for shade in range(frames):
            writer.write(np.full((height, width, 3), shade * 7 % 256, np.uint8))
    return output


def told(path: Path, *options: str) -> str:
    """What ffmpeg says about a file, tags included."""
    return ffmpeg(*options, "-i", f"file:{path}", "-f", "ffmetadata", "pipe:1")


def boxes(path: Path) -> list[bytes]:
    """The top-level boxes of an MP4, in order."""
    content, found, at = path.read_bytes(), [], 0
    while at < len(content):
        found.append(content[at + 4 : at + 8])
        at += int.from_bytes(content[at : at + 4], "big")
    return found


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("ending", [".wav", ".mp3", ".m4a"])
def test_picture_and_sound_end_within_one_frame_at_every_rate(
    tmp_path: Path, fps: str, ending: str
) -> None:
    sound = click(tmp_path / f"a{ending}", seconds=1.37)
    rate = parse_fps(fps)
    needed = frames_for(probe_audio(sound).duration, rate)

    output = write(tmp_path / "out.mp4", frames=needed, fps=fps, sound=sound)

    info = probe_video(output)
    assert info.fps == rate
    assert info.frames == needed
    difference = info.duration - probe_audio(output).duration
    assert -tail(sound) <= difference < 1 / rate + ROUNDING


@pytest.mark.parametrize(
    ("ending", "codec"),
    [
        (".m4a", "aac"), (".aac", "aac"), (".mp3", "aac"), (".mov", "aac"),
        (".wav", "aac"), (".flac", "aac"), (".ogg", "aac"), (".opus", "aac"),
    ],
)  # fmt: skip
def test_the_sound_keeps_its_rate_channels_and_place(
    tmp_path: Path, ending: str, codec: str
) -> None:
    sound = click(tmp_path / f"a{ending}")
    needed = frames_for(probe_audio(sound).duration, Fraction(25))

    output = write(tmp_path / "out.mp4", frames=needed, sound=sound)

    before, after = probe_audio(sound), probe_audio(output)
    assert (after.codec, after.rate, after.channels) == (codec, before.rate, before.channels)
    original, muxed = read_speech(sound).samples, read_speech(output).samples
    starts = [np.argmax(np.abs(samples) > 0.1) / SPEECH_RATE for samples in (original, muxed)]
    assert starts[1] == pytest.approx(starts[0], abs=0.002)
    # A bare AAC stream tells nobody of its encoder's 1,024 samples of delay.
    delay = 0.023 if ending == ".aac" else 0.002
    assert starts[0] == pytest.approx(CLICK_SECOND, abs=delay)


@pytest.mark.parametrize("rate", [8000, 11_000, 16_000, 96_000, 192_000])
def test_unusual_rates_of_sound_are_encoded_without_drift(tmp_path: Path, rate: int) -> None:
    sound = click(tmp_path / "a.wav", rate=rate, channels=1)

    output = write(tmp_path / "out.mp4", frames=26, sound=sound)

    assert abs(probe_audio(output).duration - Fraction(101, 100)) < Fraction(1, 1000)


def test_the_sound_of_a_video_can_be_taken(tmp_path: Path) -> None:
    first = write(tmp_path / "a.mp4", frames=26, sound=click(tmp_path / "a.wav"))

    second = write(tmp_path / "b.mp4", frames=26, sound=first)

    np.testing.assert_array_equal(read_speech(second).samples, read_speech(first).samples)


@pytest.mark.parametrize("frames", [3, 20, 21, 22])
def test_very_short_sounds_give_a_video(tmp_path: Path, frames: int) -> None:
    sound = click(tmp_path / "a.wav", rate=16_000, channels=1, seconds=frames / 25)

    output = write(tmp_path / "out.mp4", frames=frames, sound=sound)

    assert probe_video(output).frames == frames


def test_a_picture_shorter_than_the_sound_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    sound = click(tmp_path / "a.wav")

    with pytest.raises(MediaError, match=r"0\.200 s and the sound 1\.010 s"):
        write(tmp_path / "out.mp4", frames=5, sound=sound)

    assert list(tmp_path.iterdir()) == [sound]


@pytest.mark.parametrize("ending", [".wav", ".m4a"])
def test_a_preview_takes_only_the_start_of_the_sound(tmp_path: Path, ending: str) -> None:
    sound = click(tmp_path / f"a{ending}")

    output = write(tmp_path / "out.mp4", frames=15, sound=sound, seconds=Fraction(15, 25))

    assert abs(probe_audio(output).duration - Fraction(15, 25)) < Fraction(1, 1000)


def test_the_file_is_h264_in_yuv420p_with_bt709_tags_and_starts_fast(tmp_path: Path) -> None:
    output = write(tmp_path / "out.mp4", frames=26, sound=click(tmp_path / "a.wav"))

    content = output.read_bytes()
    # A colour box: nclx, then primaries, transfer and matrix, each 1 (bt709); limited range.
    assert content[content.index(b"colrnclx") :][:15] == b"colrnclx" + b"\0\1\0\1\0\1\0"
    assert probe_video(output).codec == "h264"
    assert boxes(output).index(b"moov") < boxes(output).index(b"mdat")
    listing = described(output)
    assert "yuv420p(tv, bt709" in listing
    assert "h264 (High)" in listing


def test_colours_come_back_as_they_went_in(tmp_path: Path) -> None:
    patches = np.array(
        [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [190, 140, 120]],
        np.uint8,
    )  # the last one is skin
    frame = np.repeat(np.repeat(patches[None], 32, axis=0), 32, axis=1)
    with VideoWriter(
        tmp_path / "out.mp4", size=(192, 32), fps=Fraction(25), sound=None, overwrite=False, tags={}
    ) as writer:
        for _ in range(3):
            writer.write(frame)

    seen = next(iter(VideoReader(tmp_path / "out.mp4")))

    centres = seen[16, 16::32].astype(int)
    assert np.abs(centres - patches).max() <= 3


@pytest.mark.parametrize("size", [(33, 32), (32, 33), (35, 35), (2, 2)])
def test_odd_sizes_gain_a_row_or_column_that_repeats_its_neighbour(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    width, height = size
    output = write(tmp_path / "out.mp4", frames=30, size=size)

    frames = list(VideoReader(output))

    assert frames[0].shape == (height + height % 2, width + width % 2, 3)
    assert [int(frame[-1, -1].mean()) for frame in frames] == pytest.approx(
        [shade * 7 for shade in range(30)], abs=2
    )


def test_frames_whose_rows_are_not_neighbours_are_written_too(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(0, 256, 4, dtype=np.uint8)[None, :, None], (64, 1, 3))
    with VideoWriter(
        tmp_path / "out.mp4", size=(64, 64), fps=Fraction(25), sound=None, overwrite=False, tags={}
    ) as writer:
        writer.write(ramp[:, ::-1])

    seen = next(iter(VideoReader(tmp_path / "out.mp4")))

    assert np.abs(seen.astype(int) - ramp[:, ::-1]).mean() < 2


def test_a_frame_of_another_size_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    writer = VideoWriter(
        tmp_path / "out.mp4", size=(32, 16), fps=Fraction(25), sound=None, overwrite=False, tags={}
    )
    with pytest.raises(ValueError, match="32x16"), writer:
        writer.write(np.zeros((32, 16, 3), np.uint8))

    assert list(tmp_path.iterdir()) == []


def test_no_frame_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no frame"):
        write(tmp_path / "out.mp4", frames=0)

    assert list(tmp_path.iterdir()) == []


def test_tags_are_inside_and_iptcs_source_type_is_xmp(tmp_path: Path) -> None:
    address = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    tags = {"title": "Ü & <x>", "comment": "made up", "digitalSourceType": address}
    output = write(tmp_path / "out.mp4", tags=tags)

    said = told(output, "-export_xmp", "1")

    assert "title=Ü & <x>" in said
    assert "comment=made up" in said
    assert f"<Iptc4xmpExt:DigitalSourceType>{address}</Iptc4xmpExt:DigitalSourceType>" in (
        said.replace("\\", "")
    )
    assert boxes(output)[-1] == b"uuid"


def test_tags_of_the_sound_file_do_not_leak(tmp_path: Path) -> None:
    ffmpeg(
        "-i", str(click(tmp_path / "a.wav")), "-metadata", "artist=Somebody",
        str(tmp_path / "a.mp3"),
    )  # fmt: skip

    output = write(tmp_path / "out.mp4", frames=26, sound=tmp_path / "a.mp3")

    assert "Somebody" not in told(output)


def test_cover_art_of_a_sound_is_no_picture_of_ours(tmp_path: Path) -> None:
    sound, art = click(tmp_path / "a.mp3"), tmp_path / "art.png"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x64:d=1", "-frames:v", "1", str(art))
    ffmpeg(
        "-i", str(sound), "-i", str(art), "-map", "0", "-map", "1", "-c", "copy",
        "-disposition:v", "attached_pic", str(tmp_path / "b.mp3"),
    )  # fmt: skip

    output = write(tmp_path / "out.mp4", frames=26, sound=tmp_path / "b.mp3")

    assert probe_video(output).size == (32, 32)
    assert probe_audio(output).codec == "aac"


@pytest.mark.parametrize("name", ["mit Leerzeichen", 'it\'s "é"', "声音", "-y", "a:b", "100%d"])
def test_any_name_works_for_sound_and_output(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    click(tmp_path / "a.m4a").rename(tmp_path / f"{name}.m4a")

    write(Path(f"{name}.mp4"), frames=26, sound=Path(f"{name}.m4a"))

    assert probe_video(Path(f"{name}.mp4")).frames == 26


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    sound = click(tmp_path / "a.wav")
    one = write(tmp_path / "one.mp4", frames=26, sound=sound)
    two = write(tmp_path / "two.mp4", frames=26, sound=sound)

    assert one.read_bytes() == two.read_bytes()


def test_all_that_can_be_refused_is_refused_before_the_first_frame(tmp_path: Path) -> None:
    def build(output: Path, sound: Path | None = None, *, overwrite: bool = False) -> VideoWriter:
        return VideoWriter(
            output, size=(32, 32), fps=Fraction(25), sound=sound, overwrite=overwrite, tags={}
        )

    (tmp_path / "old.mp4").write_text("old")
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(OutputError, match="exists"):
        build(tmp_path / "old.mp4")
    with pytest.raises(OutputError, match="does not exist"):
        build(tmp_path / "missing" / "a.mp4")
    with pytest.raises(OutputError, match=r"\.mp4"):
        build(tmp_path / "a.avi")
    with pytest.raises(InputError, match="does not exist"):
        build(tmp_path / "a.mp4", tmp_path / "missing.wav")
    with pytest.raises(MediaError, match="no sound"):
        build(tmp_path / "a.mp4", tmp_path / "text.wav")
    assert (tmp_path / "old.mp4").read_text() == "old"


def test_an_existing_video_is_replaced_only_by_a_finished_one(tmp_path: Path) -> None:
    output = write(tmp_path / "out.mp4", frames=3)
    before = output.read_bytes()

    with pytest.raises(InputError):
        write(output, frames=0, overwrite=True)
    assert output.read_bytes() == before
    write(output, frames=4, overwrite=True)

    assert probe_video(output).frames == 4


def test_a_sound_that_is_replaced_meanwhile_changes_nothing(tmp_path: Path) -> None:
    sound = click(tmp_path / "a.wav")
    writer = VideoWriter(
        tmp_path / "out.mp4", size=(32, 32), fps=Fraction(25), sound=sound, overwrite=False, tags={}
    )
    sound.write_text("no sound any more")

    with writer:
        for _ in range(26):
            writer.write(np.zeros((32, 32, 3), np.uint8))

    assert probe_audio(tmp_path / "out.mp4").duration == pytest.approx(1.01, abs=0.001)


@pytest.mark.skipif(sys.platform == "win32", reason="the limit is the system's")
def test_a_disk_that_fills_up_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _FILLING + _ENDLESS, str(tmp_path / "out.mp4")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        _, errors = process.communicate(timeout=600)

    assert "OutputError: could not write" in errors
    assert "the disk is full" in errors
    assert list(tmp_path.iterdir()) == []


def test_an_installation_without_x264_is_named_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(name: str, _mode: str) -> None:
        raise av.codec.codec.UnknownCodecError(name)

    monkeypatch.setattr("av.Codec", lacking)

    with pytest.raises(MediaError, match=r"cannot write H\.264"):
        write(tmp_path / "out.mp4")


class Pipe(io.RawIOBase):
    """A stream that cannot go back, as a pipe."""

    def __init__(self) -> None:
        super().__init__()
        self.content = b""
        self.sizes: list[int] = []

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self.content += bytes(data)
        return len(data)

    def flush(self) -> None:
        self.sizes.append(len(self.content))


def test_a_stream_gets_fragments_while_frames_are_written(tmp_path: Path) -> None:
    pipe, sound = Pipe(), click(tmp_path / "a.wav", seconds=4)
    frames = [np.full((32, 48, 3), shade, np.uint8) for shade in range(0, 200, 2)]

    with VideoWriter(
        pipe, size=(48, 32), fps=Fraction(25), sound=sound, overwrite=False, tags={}
    ) as writer:
        for frame in frames[:50]:
            writer.write(frame)
        writer._wait(0)
        assert len(pipe.content) > 2000  # what came so far can be shown
        for frame in frames[50:]:
            writer.write(frame)

    (tmp_path / "out.mp4").write_bytes(pipe.content)
    assert boxes(tmp_path / "out.mp4").count(b"moof") >= 4
    assert probe_video(tmp_path / "out.mp4").frames == 100
    speech = read_speech(tmp_path / "out.mp4").samples
    assert np.argmax(np.abs(speech) > 0.1) / SPEECH_RATE == pytest.approx(CLICK_SECOND, abs=0.002)


def test_sound_may_come_piece_by_piece_with_the_frames() -> None:
    pipe, rate = Pipe(), 16_000
    tone = (0.3 * np.sin(np.arange(rate * 2) / 5)).astype(np.float32)

    with VideoWriter(
        pipe, size=(32, 32), fps=Fraction(25), sound=SoundFormat(rate=rate, channels=1),
        overwrite=False, tags={},
    ) as writer:  # fmt: skip
        for number in range(50):
            writer.write(np.full((32, 32, 3), number, np.uint8))
            writer.write_sound(tone[number * 640 : (number + 1) * 640, None])

    assert 0 <= open_sound(pipe.content).duration - 2 < Fraction(1024, rate)
    assert open_sound(pipe.content).rate == rate


def test_raw_frames_are_rows_of_rgb() -> None:
    pipe = Pipe()
    frame = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)

    RawWriter(pipe, (6, 4)).write(frame)

    assert pipe.content == frame.tobytes()


_FILLING = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
"""

_ENDLESS = """
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background ignore it
from fractions import Fraction
from pathlib import Path
import numpy as np
from speech2face.media.video.encode import VideoWriter
with VideoWriter(
    Path(sys.argv[1]), size=(64, 64), fps=Fraction(25), sound=None, overwrite=False, tags={}
) as writer:
    print("writing", flush=True)
    while True:
        writer.write(np.random.randint(0, 255, (64, 64, 3), np.uint8))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is sent to one process")
def test_ctrl_c_leaves_no_file(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    with subprocess.Popen(
        [sys.executable, "-c", _ENDLESS, str(output)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=600)

    assert errors.strip().endswith("KeyboardInterrupt")
    assert list(tmp_path.iterdir()) == []
