"""Sound that arrives on standard input, video that leaves on standard output."""

import io
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from forked import Commands

SMALL = ["--crop", "--size", "64", "--progress", "none", "--device", "cpu"]
Animate = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def animate(commands: Commands) -> Animate:
    """Give a function that animates in a process of its own."""

    def run(*words: str | Path, sound: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return commands.run("animate", *words, *SMALL, given=sound)

    return run


def counted(video: bytes | Path) -> tuple[int, int]:
    """Return how many frames and samples a video has."""
    source = io.BytesIO(video) if isinstance(video, bytes) else str(video)
    with av.open(source) as container:
        frames = sum(1 for _ in container.decode(video=0))
    source = io.BytesIO(video) if isinstance(video, bytes) else str(video)
    with av.open(source) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    return frames, samples


def test_a_wav_that_arrives_leaves_as_fragmented_mp4(
    animate: Animate, portrait: Path, speech: Path
) -> None:
    done = animate(portrait, "-", "-o", "-", sound=speech.read_bytes())

    assert done.returncode == 0, done.stderr.decode()
    frames, samples = counted(done.stdout)
    assert frames == 20
    assert abs(samples - soundfile.info(speech).frames) < 2 * 1024  # AAC's own padding
    assert b"moof" in done.stdout


def test_samples_without_a_header_become_rows_of_frames(
    animate: Animate, portrait: Path, speech: Path
) -> None:
    samples, rate = soundfile.read(speech, dtype="int16")
    told = ["--raw-audio", f"{rate},1,s16le"]

    done = animate(portrait, "-", "-o", "-", "--raw", *told, sound=samples.tobytes())

    assert done.returncode == 0, done.stderr.decode()
    assert len(done.stdout) == 20 * 64 * 64 * 3
    frames = np.frombuffer(done.stdout, np.uint8).reshape(20, 64, 64, 3)
    assert np.abs(np.diff(frames.astype(int), axis=0)).any()


def test_what_arrives_can_become_a_file_with_its_sidecar(
    animate: Animate, portrait: Path, speech: Path, tmp_path: Path
) -> None:
    output = tmp_path / "talk.mp4"

    done = animate(portrait, "-", "-o", output, sound=speech.read_bytes())

    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().strip() == str(output)
    assert counted(output)[0] == 20
    assert output.with_suffix(".json").is_file()


def test_a_file_can_leave_on_standard_output(
    animate: Animate, portrait: Path, speech: Path
) -> None:
    done = animate(portrait, speech, "-o", "-")

    assert done.returncode == 0, done.stderr.decode()
    assert counted(done.stdout)[0] == 20


@pytest.mark.parametrize(
    ("words", "sound", "status", "said"),
    [
        (["-"], b"RIFF", 2, "needs an output"),
        (["-", "-o", "-"], b"no sound at all", 5, "expected a WAV"),
        (["x.wav", "-o", "-", "--raw"], b"", 2, "--raw"),
    ],
)
def test_a_pipe_that_cannot_be_used_ends_with_one_line(
    animate: Animate, portrait: Path, words: list[str], sound: bytes, status: int, said: str
) -> None:
    done = animate(portrait, *words, sound=sound)

    assert done.returncode == status, done.stderr.decode()
    assert said in " ".join(done.stderr.decode().split())
    assert b"Traceback" not in done.stderr
    assert not done.stdout


def test_what_arrives_is_never_written_over_an_input(
    animate: Animate, portrait: Path, tmp_path: Path
) -> None:
    picture, timeline = tmp_path / "me.mp4", tmp_path / "t.json"
    picture.write_bytes(portrait.read_bytes())
    timeline.write_text('{"blink": "off"}')
    before = {path.name: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()}

    for words in (
        [picture, "-", "-o", picture],
        [portrait, "-", "--timeline", timeline, "-o", f"{tmp_path}/./t.json"],
        [portrait, "-", "-o", portrait],
    ):
        done = animate(*words, "-y", sound=b"nobody reads this")
        assert (done.returncode, done.stdout) == (4, b""), done.stderr.decode()
        assert b"is an input, and inputs are never written to" in done.stderr

    now = {path.name: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()}
    assert now == before


def test_a_folder_takes_what_arrives_too(
    animate: Animate, portrait: Path, speech: Path, tmp_path: Path
) -> None:
    done = animate(portrait, "-", "-o", tmp_path, sound=speech.read_bytes())

    assert done.returncode == 0, done.stderr.decode()
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".mp4"}


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("--max-duration", "0.3", "goes on after 0.3 s"), ("--audio-track", "2", "has one")],
)
def test_limits_hold_for_sound_that_arrives(
    animate: Animate, portrait: Path, speech: Path, tmp_path: Path, option: str, value: str,
    said: str,
) -> None:  # fmt: skip
    done = animate(
        portrait, "-", "-o", tmp_path / "a.mp4", option, value, sound=speech.read_bytes()
    )

    assert done.returncode == 4
    assert said in done.stderr.decode()
    assert list(tmp_path.iterdir()) == []


def test_two_channels_that_are_each_others_negative_are_heard(
    animate: Animate, portrait: Path, speech: Path, tmp_path: Path
) -> None:
    samples, rate = soundfile.read(speech, dtype="int16")
    opposed = np.stack([samples, -samples], 1)
    output = tmp_path / "a.mp4"

    done = animate(
        portrait, "-", "-o", output, "--raw-audio", f"{rate},2,s16le", sound=opposed.tobytes()
    )

    assert done.returncode == 0, done.stderr.decode()
    with av.open(str(output)) as container:
        played = np.concatenate([one.to_ndarray()[0] for one in container.decode(audio=0)])
    assert np.abs(played).max() > 0.5 * np.abs(samples).max() / 32768


def test_a_playlist_that_arrives_opens_no_file(
    animate: Animate, portrait: Path, speech: Path
) -> None:
    done = animate(
        portrait, "-", "-o", "-",
        sound=f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{speech}\n#EXT-X-ENDLIST\n".encode(),
    )  # fmt: skip

    assert done.returncode == 5
    assert not done.stdout


@pytest.mark.parametrize("words", [["speech"], ["-"], ["-", "--raw"]], ids=" ".join)
def test_a_stream_that_nobody_reads_ends_the_work_with_a_line(
    commands: Commands, portrait: Path, speech: Path, tmp_path: Path, words: list[str]
) -> None:
    entrance, exit_ = os.pipe()
    os.close(entrance)
    words = [str(speech) if word == "speech" else word for word in words]
    with (tmp_path / "said").open("wb") as said, speech.open("rb") as sound:
        running = commands.start(
            "animate", portrait, *words, "-o", "-", *SMALL, stdin=sound, stdout=exit_, stderr=said
        )
        os.close(exit_)

    assert running.wait() == 141
    assert (tmp_path / "said").read_text().splitlines()[-1] == (
        "speech2face: what reads the output has ended; files that were finished are kept"
    )
