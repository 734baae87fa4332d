"""Keypoints for imported checkpoints: motion of the face, loudness, both ways to drive."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_extractor import WINDOWS, toy_extractor

from speech2face.errors import InputError
from speech2face.face.choose import prepare_view
from speech2face.face.likeness import Likeness
from speech2face.face.rig import Rig
from speech2face.face.track import FaceTracker
from speech2face.face.view import View
from speech2face.generators.base import LOUDNESS_BANDS
from speech2face.generators.facevid2vid.extractor import KeypointExtractor
from speech2face.generators.facevid2vid.generator import FaceVid2Vid
from speech2face.generators.facevid2vid.network import FaceVid2VidGenerator
from speech2face.generators.imported.drive import (
    SKIN,
    MotionReader,
    ride_surface,
)
from speech2face.generators.imported.drive_network import (
    Landmarks2Keypoints,
    Landmarks2KeypointsConfig,
)
from speech2face.media.image import read_image
from speech2face.motion.motion import Motion
from speech2face.stages.landmarks2latents import landmarks2latents
from speech2face.stages.loudness import loudness_of
from speech2face.types import ControlTrack, LandmarkTrack, Speech

CPU = torch.device("cpu")
FPS = Fraction(25)


@pytest.fixture(scope="module")
def face(portrait: Path) -> View:
    return prepare_view(read_image(portrait), FaceTracker.from_pretrained(), size=64)


def _motion(rig: Rig, weights: np.ndarray | None = None, **changes: np.ndarray) -> Motion:
    return Motion.of(np.zeros((1, len(rig.names))) if weights is None else weights, **changes)


SILENT = np.zeros((1, LOUDNESS_BANDS), np.float32)


def test_a_still_face_has_no_motion(rig: Rig, face: View):
    motion = MotionReader(face, rig, CPU)(_motion(rig), SILENT)

    for part in (motion.skin, motion.eyes, motion.surface):
        assert not part.any()


def test_a_blink_shuts_its_own_eye_and_hardly_moves_the_skin(rig: Rig, face: View):
    blink = rig.weights(eyeBlink_R=1.0)[None]  # the person's right eye is at the image's left

    motion = MotionReader(face, rig, CPU)(_motion(rig, weights=blink), SILENT)

    left, right, *gaze = motion.eyes[0].tolist()
    assert left < -0.05
    assert right == pytest.approx(0, abs=1e-6)
    assert gaze == [0, 0]
    smile = MotionReader(face, rig, CPU)(
        _motion(rig, weights=rig.weights(mouthSmile_L=1.0)[None]), SILENT
    )
    assert motion.skin.abs().sum() < 0.5 * smile.skin.abs().sum()


def test_gaze_is_passed_on_as_it_is(rig: Rig, face: View):
    motion = MotionReader(face, rig, CPU)(_motion(rig, gaze=np.array([[5.0, -3.0]])), SILENT)

    assert motion.eyes[0].tolist() == [0, 0, 5, -3]
    assert not motion.skin.any()


def test_keypoints_ride_on_a_surface_that_moves_as_a_whole():
    places = torch.rand(40, 2) * 2 - 1
    shift = torch.tensor([0.1, -0.2, 0.05])

    moved = ride_surface(places, shift.expand(3, 40, 3), torch.rand(5, 3))

    torch.testing.assert_close(moved, shift.expand(3, 5, 3))


def test_a_keypoint_follows_what_is_near_it_and_not_what_is_far():
    places = torch.tensor([[0.0, 0.0], [0.9, 0.9]])
    surface = torch.tensor([[[0.1, 0.0, 0.0], [0.0, 0.5, 0.0]]])

    moved = ride_surface(places, surface, torch.tensor([[0.02, 0.0, 0.7], [0.8, 0.9, 0.0]]))

    torch.testing.assert_close(moved[0], surface[0], rtol=0, atol=1e-4)


def test_an_open_jaw_lowers_the_keypoint_on_the_chin(rig: Rig, face: View):
    generator = _generator(calibrated=False)
    motion = _motion(rig, weights=rig.weights(jawOpen=0.8)[None])

    moved = generator.drive(generator.encode([face]), motion).reshape(5, 3)

    assert moved[3, 1] > 0.05
    assert np.abs(moved[4]).max() < 0.3 * moved[3, 1]


def _blind() -> KeypointExtractor:
    """A checkpoint without head-pose estimator."""
    seeing = toy_extractor()
    return KeypointExtractor(seeing.config, seeing.detector, None, CPU)


def _generator(*, calibrated: bool) -> FaceVid2Vid:
    extractor, network = (toy_extractor(), _network()) if calibrated else (_blind(), None)
    drawn = FaceVid2VidGenerator(extractor.config).eval()
    return FaceVid2Vid("facevid2vid:toy", drawn, extractor, network)


def _track(face: View, frames: int) -> LandmarkTrack:
    rest = Likeness(face.mesh).rest
    points = np.repeat(rest[None], frames, 0)
    points[1::2, 60:68, 1] += np.linspace(0, 0.1, 8)
    return LandmarkTrack(points=points.astype(np.float32), fps=FPS)


def _network() -> Landmarks2Keypoints:
    torch.manual_seed(3)
    config = Landmarks2KeypointsConfig(
        parts=(3, 3, 3 * len(WINDOWS)), face=3 * len(WINDOWS), landmarks=len(SKIN), hidden=8
    )
    network = Landmarks2Keypoints(config)
    torch.nn.init.normal_(network.skin.linear.weight, std=0.01)
    torch.nn.init.normal_(network.eyes.linear.weight, std=0.01)
    return network.eval().requires_grad_(requires_grad=False)


@pytest.mark.parametrize("calibrated", [True, False])
def test_a_track_keeps_its_length_and_rate_and_names_its_space(face: View, calibrated: bool):
    generator = _generator(calibrated=calibrated)
    state, track = generator.encode([face]), _track(face, 5)

    latents = landmarks2latents(generator, state, face, track, ControlTrack.neutral(5, FPS))

    assert latents.values.shape == (5, 3 * len(WINDOWS))
    assert (latents.space, latents.fps) == ("facevid2vid:toy", FPS)
    assert np.abs(latents.values[1]).max() > 1e-3
    with pytest.raises(InputError, match="controls"):
        landmarks2latents(generator, state, face, track, ControlTrack.neutral(4, FPS))


@pytest.mark.parametrize("calibrated", [True, False])
def test_no_motion_leaves_the_portraits_keypoints_where_they_are(
    rig: Rig, face: View, calibrated: bool
):
    generator = _generator(calibrated=calibrated)

    values = generator.drive(generator.encode([face]), _motion(rig))

    np.testing.assert_allclose(values, 0, atol=1e-6)


def test_a_calibrated_checkpoint_answers_to_gaze_and_emotion(face: View):
    generator = _generator(calibrated=True)
    state = generator.encode([face])
    track, still = _track(face, 4), ControlTrack.neutral(4, FPS)
    looks = replace(still, gaze=np.full((4, 2), 8.0, np.float32))
    feels = replace(still, emotion=np.eye(8, dtype=np.float32)[[1, 1, 1, 1]])

    plain, looking, feeling = (
        landmarks2latents(generator, state, face, track, asked).values
        for asked in (still, looks, feels)
    )

    assert np.abs(plain - looking).max() > 1e-3
    assert np.abs(plain - feeling).max() > 1e-3


def test_sound_is_zero_in_silence_and_one_where_it_is_loudest():
    time = np.arange(16000) / 16000
    tone = np.sin(2 * np.pi * 440 * time).astype(np.float32) * 0.3
    samples = np.concatenate([np.zeros(16000, np.float32), tone])

    heard = loudness_of(Speech(samples=samples), 50, FPS)

    assert heard.shape == (50, LOUDNESS_BANDS)
    assert not heard[:24].any()
    assert heard[30:].max(1).min() > 0.95
    assert not loudness_of(Speech(samples=samples * 1e-6), 50, FPS).any()


def test_sound_that_ends_early_is_followed_by_silence():
    noise = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)

    heard = loudness_of(Speech(samples=noise), 50, FPS)

    assert heard[:12].max() > 0.5
    assert not heard[14:].any()
