"""Sound that arrives on standard input, video that leaves on standard output."""

import io
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

SMALL = ["--crop", "--size", "64", "--progress", "none", "--device", "cpu"]


def animate(*words: str | Path, sound: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "speech2face", "animate", *map(str, words), *SMALL]
    return subprocess.run(command, input=sound, capture_output=True, check=False, timeout=120)


def counted(video: bytes | Path) -> tuple[int, int]:
    """Return how many frames and samples a video has."""
    source = io.BytesIO(video) if isinstance(video, bytes) else str(video)
    with av.open(source) as container:
        frames = sum(1 for _ in container.decode(video=0))
    source = io.BytesIO(video) if isinstance(video, bytes) else str(video)
    with av.open(source) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    return frames, samples


def test_a_wav_that_arrives_leaves_as_fragmented_mp4(portrait: Path, speech: Path) -> None:
    done = animate(portrait, "-", "-o", "-", sound=speech.read_bytes())

    assert done.returncode == 0, done.stderr.decode()
    frames, samples = counted(done.stdout)
    assert frames == 20
    assert abs(samples - soundfile.info(speech).frames) < 2 * 1024  # AAC's own padding
    assert b"moof" in done.stdout


def test_samples_without_a_header_become_rows_of_frames(portrait: Path, speech: Path) -> None:
    samples, rate = soundfile.read(speech, dtype="int16")
    told = ["--raw-audio", f"{rate},1,s16le"]

    done = animate(portrait, "-", "-o", "-", "--raw", *told, sound=samples.tobytes())

    assert done.returncode == 0, done.stderr.decode()
    assert len(done.stdout) == 20 * 64 * 64 * 3
    frames = np.frombuffer(done.stdout, np.uint8).reshape(20, 64, 64, 3)
    assert np.abs(np.diff(frames.astype(int), axis=0)).any()


def test_what_arrives_can_become_a_file_with_its_sidecar(
    portrait: Path, speech: Path, tmp_path: Path
) -> None:
    output = tmp_path / "talk.mp4"

    done = animate(portrait, "-", "-o", output, sound=speech.read_bytes())

    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().strip() == str(output)
    assert counted(output)[0] == 20
    assert output.with_suffix(".json").is_file()


def test_a_file_can_leave_on_standard_output(portrait: Path, speech: Path) -> None:
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
    portrait: Path, words: list[str], sound: bytes, status: int, said: str
) -> None:
    done = animate(portrait, *words, sound=sound)

    assert done.returncode == status
    assert said in " ".join(done.stderr.decode().split())
    assert b"Traceback" not in done.stderr
    assert not done.stdout
