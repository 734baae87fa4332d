"""A portrait moves as a person in a video does, through the command and in Python."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from clips import ffmpeg
from talking import mouth_openings, talking_video, without_sound

from speech2face.__main__ import main
from speech2face.errors import InputError, NoFaceError
from speech2face.face.track import FaceTracker
from speech2face.generators.warp.latents import unpack
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.reenact.settings import ReenactSettings
from speech2face.media.video.video import VideoReader

SMALL = {"size": 128, "full": False}


@pytest.fixture(scope="module")
def driving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a second of the example's portrait speaking, 192 px."""
    return talking_video(tmp_path_factory.mktemp("talking"), seconds=1.0)


def test_a_face_led_by_itself_says_the_same(
    engine: Speech2Face, tracker: FaceTracker, portrait: Path, driving: Path
) -> None:
    clip = engine.reenact(portrait, driving, settings=ReenactSettings(size=192, full=False))

    said = mouth_openings(tracker, list(clip))
    led = mouth_openings(tracker, list(VideoReader(driving)))
    assert len(said) == 25
    assert np.corrcoef(said, led)[0, 1] > 0.9
    assert 0.7 < said.std() / led.std() < 1.3


def test_the_head_alone_leaves_the_face(engine: Speech2Face, portrait: Path, driving: Path) -> None:
    clip = engine.reenact(portrait, driving, settings=ReenactSettings(regions="head", **SMALL))

    motion = unpack(clip.latents.values)
    assert not motion.weights.any()
    assert not motion.gaze.any()
    assert motion.pose.any()


def test_the_command_carries_the_sound_over(
    portrait: Path, driving: Path, tmp_path: Path, probe: Callable
) -> None:
    out = tmp_path / "moved.mp4"

    status = main([
        "reenact", str(portrait), str(driving), "-o", str(out), "--size", "128", "--crop",
        "--start", "0.2", "--progress", "none",
    ])  # fmt: skip

    told, sidecar = probe(out), json.loads(out.with_suffix(".json").read_text("utf-8"))
    assert status == 0
    assert told.frames == 20
    assert "aac" in told.audio
    assert sidecar["inputs"].keys() == {"portrait", "driving"}
    assert "speech2landmarks" not in sidecar["weights"]


def test_lips_of_a_sound_and_the_head_of_a_video(
    portrait: Path, driving: Path, tmp_path: Path, probe: Callable, cut_speech: Callable
) -> None:
    out = tmp_path / "moved.mp4"

    status = main([
        "reenact", str(portrait), str(without_sound(driving)), "-o", str(out), "--size", "128",
        "--crop", "--audio", str(cut_speech(1.4)), "--progress", "none",
    ])  # fmt: skip

    told, sidecar = probe(out), json.loads(out.with_suffix(".json").read_text("utf-8"))
    assert status == 0
    assert told.frames == 35
    assert "speech2landmarks" in sidecar["weights"]


def test_a_video_without_a_face_is_refused(
    engine: Speech2Face, portrait: Path, tmp_path: Path
) -> None:
    path = tmp_path / "card.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=96x64:r=25:d=0.3", str(path))

    with pytest.raises(NoFaceError, match="only 0 of 8 frames"):
        engine.reenact(portrait, path, settings=ReenactSettings(**SMALL))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"regions": "nose"}, "joined by"),
        ({"start": 3.0, "end": 2.0}, "an end after the start"),
        ({"anchor": -1.0}, "anchored at -1"),
        ({"expression_scale": 3.0}, "0 to 2"),
    ],
)
def test_settings_are_checked_when_they_are_chosen(settings: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        ReenactSettings(**settings)
