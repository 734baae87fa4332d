"""A video says another sound, from end to end, through the command and in Python."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from clips import ffmpeg
from talking import EXAMPLES, mouth_openings, talking_video

from speech2face.__main__ import main
from speech2face.errors import InputError, NoFaceError
from speech2face.face.track import FaceTracker
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.clip import Clip
from speech2face.jobs.dub.settings import DubSettings
from speech2face.media.video.video import VideoReader


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a second of the example's portrait speaking, 192 px."""
    return talking_video(tmp_path_factory.mktemp("talking"), seconds=1.0)


@pytest.fixture(scope="module")
def silence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "silence.wav"
    soundfile.write(path, np.zeros(8000), 16_000)
    return path


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give 0.6 s from the middle of the example's speech."""
    path = tmp_path_factory.mktemp("sound") / "other.wav"
    ffmpeg("-ss", "4", "-i", str(EXAMPLES / "speech.wav"), "-t", "0.6", str(path))
    return path


def test_silence_takes_the_old_speech_away(
    engine: Speech2Face, tracker: FaceTracker, video: Path, silence: Path
) -> None:
    before = list(VideoReader(video))

    after = list(engine.dub(video, silence))

    assert len(after) == len(before)
    assert mouth_openings(tracker, before).max() > 0.06
    assert mouth_openings(tracker, after).max() < 0.03


def test_only_the_lower_face_changes(
    engine: Speech2Face, tracker: FaceTracker, video: Path, other: Path
) -> None:
    before = list(VideoReader(video))

    after = list(engine.dub(video, other))

    for old, new in zip(before, after, strict=True):
        mesh = tracker.find(old)[0].mesh
        rows, columns = np.nonzero((old != new).any(2))
        assert len(rows)
        assert rows.min() > mesh[[105, 334], 1].max()
        width = np.ptp(mesh[:, 0])
        assert columns.min() > mesh[:, 0].min() - 0.3 * width
        assert columns.max() < mesh[:, 0].max() + 0.3 * width


def test_nothing_said_and_nothing_replaced_is_the_video(
    engine: Speech2Face, video: Path, silence: Path
) -> None:
    kept = list(engine.dub(video, silence, settings=DubSettings(keep_mouth_when_silent=True)))

    for old, new in zip(VideoReader(video), kept, strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_command_writes_picture_sound_and_sidecar(
    video: Path, other: Path, tmp_path: Path, probe: Callable
) -> None:
    out = tmp_path / "dubbed.mp4"

    status = main([
        "dub", str(video), str(other), "-o", str(out), "--mix-original", "-20", "--progress", "none"
    ])  # fmt: skip

    told, sidecar = probe(out), json.loads(out.with_suffix(".json").read_text("utf-8"))
    assert status == 0
    assert told.frames == VideoReader(video).frames
    assert "aac" in told.audio
    assert sidecar["inputs"].keys() == {"video", "audio"}
    assert sidecar["settings"]["mix_original"] == -20


@pytest.mark.parametrize(
    ("settings", "frames"),
    [
        (DubSettings(sync_mode="cut"), 15),
        (DubSettings(sync_mode="bounce", end=0.2), 15),
        (DubSettings(start=0.4, end=0.8), 15),
        (DubSettings(start=0.2, preview=3), 3),
    ],
)
def test_picture_and_sound_end_together(
    engine: Speech2Face, video: Path, other: Path, tmp_path: Path, probe: Callable,
    settings: DubSettings, frames: int,
) -> None:  # fmt: skip
    out = tmp_path / "dubbed.mp4"

    engine.dub(video, other, out, settings=settings)

    told = probe(out)
    assert told.frames == frames
    assert abs(told.seconds - Fraction(frames, 25)) < Fraction(1, 100)


def test_cuts_gaps_and_people_who_leave(
    engine: Speech2Face, video: Path, other: Path, tmp_path: Path
) -> None:
    """A shot of the speaker, one without anybody, the speaker again: odd sizes, 29.97 fps."""
    path = tmp_path / "cut.mp4"
    ffmpeg(
        "-i", str(video), "-f", "lavfi", "-i", "testsrc=s=192x192:r=25:d=0.4", "-filter_complex",
        "[0:v]trim=0:0.4,setpts=PTS-STARTPTS[a];[0:v]trim=0.5:0.8,setpts=PTS-STARTPTS[c];"
        "[a][1:v][c]concat=n=3:v=1,fps=30000/1001,crop=190:187[o]",
        "-map", "[o]", "-pix_fmt", "yuv444p", str(path),
    )  # fmt: skip
    reader = VideoReader(path)
    before = list(reader)

    after = list(engine.dub(path, other))

    changed = [bool((old != new).any()) for old, new in zip(before, after, strict=True)]
    assert reader.fps == Fraction(30_000, 1001)
    assert not any(changed[13:23])
    assert all(changed[1:11])
    assert all(changed[26:])


def test_a_still_picture_is_animated(engine: Speech2Face, portrait: Path, other: Path) -> None:
    clip = engine.dub(portrait, other, settings=DubSettings(size=96, preview=2))

    assert isinstance(clip, Clip)
    assert len(list(clip)) == 2


def test_a_video_without_a_face_is_refused(
    engine: Speech2Face, other: Path, tmp_path: Path
) -> None:
    path = tmp_path / "card.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=96x64:r=25:d=0.3", str(path))

    with pytest.raises(NoFaceError, match="no frame of"):
        engine.dub(path, other)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"sync_mode": "silence"}, "freeze, cut, loop"),
        ({"start": 3.0, "end": 2.0}, "--start 3"),
        ({"mix_original": 90.0}, "decibel|dB"),
        ({"strength": 3.0}, "0 to 2"),
    ],
)
def test_settings_are_checked_when_they_are_chosen(settings: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        DubSettings(**settings)


def test_what_does_not_fit_together_is_refused(
    engine: Speech2Face, video: Path, other: Path
) -> None:
    with pytest.raises(InputError, match="choose an earlier --start"):
        engine.dub(video, other, settings=DubSettings(start=60.0))
    with pytest.raises(InputError, match="jumps or changes speed"):
        engine.dub(video, other, settings=DubSettings(mix_original=-6.0, sync_mode="loop"))
