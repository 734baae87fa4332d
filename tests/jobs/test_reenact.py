"""A portrait moves as a person in a video does, through the command and in Python."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import ffmpeg
from talking import EXAMPLES, mouth_openings, talking_video, without_sound

from speech2face.__main__ import main
from speech2face.errors import InputError, NoFaceError
from speech2face.face.rig import shipped_rig
from speech2face.face.track import FaceTracker
from speech2face.generators.warp.latents import unpack
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.reenact.settings import ReenactSettings
from speech2face.media.video.video import VideoReader
from speech2face.stages.artifacts import load_track, save_track
from speech2face.types import LatentTrack

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


def test_the_face_of_a_picture_is_put_on_and_kept(
    engine: Speech2Face, portrait: Path, driving: Path, tmp_path: Path, tracker: FaceTracker
) -> None:
    frames = list(VideoReader(driving))
    openings = mouth_openings(tracker, frames)
    picture, out = tmp_path / "open.png", tmp_path / "moved.mp4"
    cv2.imwrite(str(picture), frames[int(openings.argmax())][..., ::-1])

    clip = engine.reenact(portrait, picture, out, settings=ReenactSettings(size=192, full=False))

    said = mouth_openings(tracker, list(clip)[::7])
    assert len(clip) == VideoReader(out).frames == 50
    assert said[0] < 0.3 * openings.max()
    assert 0.6 < said[-1] / openings.max() < 1.4
    assert abs(said[-1] - said[-3]) < 0.01


def test_files_of_landmarks_and_latents_lead_whatever_portrait(
    engine: Speech2Face, portrait: Path, tmp_path: Path, speech: Path
) -> None:
    landmarks, latents = tmp_path / "said.landmarks.npz", tmp_path / "said.latents.npz"
    picture = str(EXAMPLES / "portrait.png")
    for stage in (
        ["landmarks", str(speech), "--portrait", picture, "-o", str(landmarks)],
        ["latents", picture, str(landmarks), "--audio", str(speech), "-o", str(latents)],
    ):
        assert main(stage) == 0

    by_landmarks, by_latents = (
        engine.reenact(portrait, path, settings=ReenactSettings(**SMALL)).latents.values
        for path in (landmarks, latents)
    )

    told = load_track(latents, LatentTrack).values
    assert len(by_landmarks) == len(by_latents) == 20
    np.testing.assert_allclose(unpack(by_latents).weights, unpack(told).weights, atol=1e-5)
    jaw = [
        unpack(values).weights[:, shipped_rig().index("jawOpen")] for values in (by_landmarks, told)
    ]
    assert np.corrcoef(*jaw)[0, 1] > 0.8
    assert not unpack(by_landmarks).pose.any()


def test_what_is_for_videos_alone_is_refused_elsewhere(
    engine: Speech2Face, portrait: Path, tmp_path: Path
) -> None:
    still = ReenactSettings(absolute=True, **SMALL)
    track = LatentTrack(values=np.zeros((2, 9), np.float32), space="facevid2vid", fps=Fraction(25))
    save_track(tmp_path / "others.npz", track)

    with pytest.raises(InputError, match="--absolute are for videos"):
        engine.reenact(portrait, portrait, settings=still)
    with pytest.raises(InputError, match="those of warp"):
        engine.reenact(portrait, tmp_path / "others.npz", settings=ReenactSettings(**SMALL))
    settings = ReenactSettings(driving_face="left", **SMALL)
    with pytest.raises(InputError, match="--driving-face chooses"):
        engine.reenact(portrait, tmp_path / "others.npz", settings=settings)


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
        ({"motion": "guessed"}, "choose one of tracked, own"),
        ({"motion": "own", "regions": "lips"}, "leave out --regions"),
        ({"motion": "own", "absolute": True}, "leave out --regions"),
    ],
)
def test_settings_are_checked_when_they_are_chosen(settings: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        ReenactSettings(**settings)


def test_our_own_generators_have_no_extractor(
    engine: Speech2Face, portrait: Path, driving: Path
) -> None:
    with pytest.raises(InputError, match="warp has no motion extractor of its own"):
        engine.reenact(portrait, driving, settings=ReenactSettings(motion="own"))
