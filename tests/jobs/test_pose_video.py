"""A video's head leads the portrait's."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from speech2face.controls.director import direct
from speech2face.controls.settings import ControlSettings
from speech2face.errors import InputError, MediaError, NoFaceError
from speech2face.generators.warp.latents import unpack
from speech2face.geometry import rotation_matrix
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.pose_video import LIMITS, follow_pose, head_motion
from speech2face.jobs.preflight import check
from speech2face.jobs.settings import Settings
from speech2face.media.image import read_image
from speech2face.media.video.encode import VideoWriter
from speech2face.types import Speech

FPS = Fraction(25)


def motion(pose: np.ndarray, frames: int, fps: Fraction = FPS) -> np.ndarray:
    turns = rotation_matrix(pose)
    return head_motion(turns, np.arange(len(pose)), len(pose), fps, frames)


def swing(count: int, size: float = 6.0, period: float = 30.0) -> np.ndarray:
    angle = size * np.sin(2 * np.pi * np.arange(count) / period)
    return np.stack([angle, 0.5 * angle, -0.3 * angle], 1)


def test_the_head_moves_as_in_the_video_around_its_own_mean():
    around = np.array([12.0, -5.0, 3.0])

    found = motion(swing(60) + around, 60)

    assert np.abs(found.mean(0)).max() < 0.6
    for axis in range(3):
        assert np.corrcoef(found[:, axis], swing(60)[:, axis])[0, 1] > 0.97
    assert np.ptp(found[:, 0]) == pytest.approx(12, rel=0.1)


def test_large_turns_stay_within_the_limits():
    found = motion(swing(60, size=60.0), 60)

    assert (np.abs(found).max(0) < LIMITS).all()


def test_a_short_video_runs_to_and_fro_without_a_jump():
    found = motion(swing(20, period=45.0), 100)

    np.testing.assert_allclose(found[19:39], found[:20][::-1], atol=1e-9)
    np.testing.assert_allclose(found[38:57], found[:19], atol=1e-9)
    assert np.abs(np.diff(found, axis=0)).max() < 1.2


def test_a_single_frame_is_held():
    assert np.abs(motion(swing(1) + 4, 10)).max() < 1e-6


def test_another_rate_takes_the_same_time():
    slow, fast = motion(swing(50), 50), motion(swing(100, period=60.0), 50, Fraction(50))

    np.testing.assert_allclose(slow[2:-2], fast[2:-2], atol=0.35)


def test_frames_without_a_face_are_bridged():
    pose = swing(60)
    seen = np.r_[0:20, 24:60]

    found = head_motion(rotation_matrix(pose[seen]), seen, 60, FPS, 60)

    np.testing.assert_allclose(found, motion(pose, 60), atol=1.0)


def write(path: Path, images: list[np.ndarray]) -> Path:
    size = (images[0].shape[1], images[0].shape[0])
    with VideoWriter(path, size=size, fps=FPS, sound=None, overwrite=False, tags={}) as writer:
        for image in images:
            writer.write(image)
    return path


def rolling(path: Path, picture: np.ndarray, rolls: np.ndarray) -> Path:
    middle = (picture.shape[1] / 2, picture.shape[0] / 2)
    images = [
        cv2.warpAffine(
            picture, cv2.getRotationMatrix2D(middle, -roll, 1), picture.shape[1::-1],
            borderMode=cv2.BORDER_REPLICATE,
        )
        for roll in rolls
    ]  # fmt: skip
    return write(path, images)


def test_a_rolling_head_rolls_the_portrait_and_the_eyes_stay(
    portrait: Path, engine: Speech2Face, tmp_path: Path
):
    rolls = 7 * np.sin(np.arange(10) / 2)
    video = rolling(tmp_path / "head.mp4", read_image(portrait), rolls)
    settings = ControlSettings(pose=str(video), pose_strength=0.5, gaze="camera", emotion="happy")

    followed = follow_pose(settings, engine.parts(Settings()).tracker, 10)
    track = direct(Speech(samples=np.zeros(6400, np.float32)), followed, 10)

    assert np.corrcoef(track.pose[:, 2], rolls)[0, 1] > 0.97
    assert np.ptp(track.pose[:, 2]) == pytest.approx(0.5 * np.ptp(rolls), rel=0.25)
    assert track.emotion[:, 1].min() > 0.5
    with pytest.raises(InputError, match="not been followed"):
        direct(Speech(samples=np.zeros(6400, np.float32)), settings, 10)


def test_settings_without_a_video_stay_as_they_are(engine: Speech2Face):
    settings = ControlSettings(pose="still")

    assert follow_pose(settings, engine.parts(Settings()).tracker, 10) is settings


def test_a_video_without_a_face_is_refused(engine: Speech2Face, tmp_path: Path):
    noise = np.random.default_rng(0).integers(90, 120, (96, 96, 3), np.uint8)
    video = write(tmp_path / "empty.mp4", [noise] * 3)

    with pytest.raises(NoFaceError, match=r"0 of 3 frames .* give another one"):
        follow_pose(ControlSettings(pose=str(video)), engine.parts(Settings()).tracker, 10)


def test_a_file_that_is_not_there_and_a_timeline_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no such file exists"):
        ControlSettings(pose=str(tmp_path / "away.mp4"))
    with pytest.raises(InputError, match="--timeline"):
        ControlSettings(pose="plan.toml")


def test_a_whole_job_takes_its_pose_from_a_video_and_names_it(
    portrait: Path, speech: Path, engine: Speech2Face, tmp_path: Path
):
    rolls = 6 * np.sin(np.arange(12) / 3)
    video = rolling(tmp_path / "head.mp4", read_image(portrait), rolls)
    settings = Settings(pose=str(video), size=64, full=False, preview=1)

    clip = engine.animate(portrait, speech, tmp_path / "out.mp4", settings=settings)

    told = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert told["inputs"]["pose"]["file"] == "head.mp4"
    whole = engine.prepare(check(portrait, speech, None, replace(settings, preview=12)))
    pose = unpack(whole.latents.values).pose
    assert np.corrcoef(pose[:, 2], rolls)[0, 1] > 0.97
    assert len(clip) == 1


def test_a_pose_that_is_no_video_or_would_be_written_over_is_found_before_any_work(
    portrait: Path, speech: Path, tmp_path: Path
):
    with pytest.raises(MediaError, match="expected"):
        check(portrait, speech, None, Settings(pose=str(portrait)))
    video = tmp_path / "head.mp4"
    video.write_bytes(b"")
    with pytest.raises(InputError, match="never written to"):
        check(portrait, speech, video, Settings(pose=str(video)), overwrite=True)
