"""Motion that was put into a mesh is read out of it again."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch

from speech2face import landmarks
from speech2face.face.normalize import fit_head
from speech2face.face.rig import load_rig
from speech2face.face.view import View
from speech2face.generators.warp.generator import WarpGenerator
from speech2face.generators.warp.latents import pack
from speech2face.geometry import rotation_matrix
from speech2face.motion.follow import _SIZE_TRUST, motion_of
from speech2face.motion.motion import Motion
from speech2face.motion.points import PIVOT, fit_rig
from speech2face.types import Face

FPS = Fraction(25)
SIZE = 128
RIG = load_rig()
GENERATOR = WarpGenerator(torch.device("cpu"))


def _portrait(scale: float = 1.0) -> View:
    """Return the rig's own face; its crop is `scale` times smaller than the picture."""
    mesh = RIG.neutral * (SIZE / 3.2) + np.array([SIZE / 2, SIZE / 2.4, 0])
    crop = np.full((SIZE, SIZE, 3), 128, np.uint8)
    side = round(SIZE * scale)
    return View(
        image=cv2.resize(crop, (side, side)).astype(np.uint8),
        face=Face(mesh=(mesh * scale).astype(np.float32), box=np.zeros(4, np.float32), score=1.0),
        crop=crop,
        to_crop=np.array([[1 / scale, 0, 0], [0, 1 / scale, 0]], np.float32),
    )


@pytest.fixture(scope="module")
def portrait() -> View:
    return _portrait()


def _motion(
    frames: int = 1, *, gaze=(0.0, 0.0), pose=(0.0, 0.0, 0.0), shift=(0.0, 0.0, 0.0), **weights
) -> Motion:
    def rows(values: tuple[float, ...]) -> np.ndarray:
        return np.tile(np.array(values, np.float32), (frames, 1))

    return Motion.of(
        np.tile(RIG.weights(**weights), (frames, 1)), gaze=rows(gaze), pose=rows(pose),
        shift=rows(shift),
    )  # fmt: skip


def _posed(portrait: View, latents: Motion) -> np.ndarray:
    """Move the face as a real head moves: rigidly, with all its depth."""
    head = fit_head(portrait.mesh)
    rest = head.to_rig(portrait.mesh.astype(np.float64))
    shape = rest + np.einsum("fc,cpx->fpx", latents.weights, fit_rig(RIG, rest))
    turned = (shape - PIVOT) @ rotation_matrix(latents.pose).transpose(0, 2, 1)
    size, moved = np.exp(latents.shift[:, 2:]), np.pad(latents.shift[:, :2], ((0, 0), (0, 1)))
    placed = turned * size[:, None] + PIVOT + moved[:, None]
    return head.to_image(placed).astype(np.float32)


def _read(portrait: View, meshes: np.ndarray) -> Motion:
    return motion_of(meshes, portrait, FPS)


def test_a_face_that_does_not_move_gives_zero(portrait):
    motion = motion_of(portrait.mesh[None].repeat(2, 0), portrait, FPS)

    np.testing.assert_allclose(pack(motion), 0, atol=1e-3)


def test_an_expression_comes_back_as_the_shape_it_has(portrait):
    asked = _motion(jawOpen=0.4, mouthSmile_L=0.5, mouthSmile_R=0.5, browInnerUp_L=0.6)

    meshes = _posed(portrait, asked)
    found = _read(portrait, meshes)
    drawn = _posed(portrait, found)

    unit = GENERATOR.encode([portrait]).points.head.scale
    features = landmarks.from_mesh(drawn - meshes)[0, 17:68, :2] / unit
    moved = landmarks.from_mesh(meshes[0] - portrait.mesh)[17:68, :2] / unit
    assert np.abs(features).max() < 0.02
    assert np.abs(moved).max() > 0.1


def test_lids_that_were_shut_are_shut(portrait):
    found = _read(portrait, _posed(portrait, _motion(eyeBlink_L=1.0, eyeBlink_R=1.0)))

    opening = landmarks.eye_opening(landmarks.from_mesh(_posed(portrait, found)))
    usual = landmarks.eye_opening(landmarks.from_mesh(portrait.mesh))
    assert (opening < 0.1 * usual).all()
    assert found.weights[0, RIG.index("eyeBlink_L")] > 0.5


def test_turns_come_back(portrait):
    found = _read(portrait, _posed(portrait, _motion(pose=(8.0, -5.0, 3.0))))

    np.testing.assert_allclose(found.pose[0], [8, -5, 3], atol=0.8)
    np.testing.assert_allclose(found.shift[0, :2], 0, atol=0.03)


def test_shifts_come_back(portrait):
    found = _read(portrait, _posed(portrait, _motion(shift=(0.1, -0.06, 0.0))))

    np.testing.assert_allclose(found.shift[0], [0.1, -0.06, 0], atol=2e-3)


def test_half_of_a_change_of_size_comes_back_where_the_face_is(portrait):
    meshes = _posed(portrait, _motion(shift=(0.0, 0.0, 0.08)))

    found = _read(portrait, meshes)

    assert found.shift[0, 2] == pytest.approx(0.08 * _SIZE_TRUST, abs=1e-4)
    rigid = (_posed(portrait, found) - meshes)[0, landmarks.RIGID].mean(0)
    np.testing.assert_allclose(rigid[:2], 0, atol=0.05)


def test_gaze_comes_back(portrait):
    meshes = portrait.mesh[None].copy()
    state = GENERATOR.encode([portrait])
    for eye, iris in zip(state.eyes, (landmarks.LEFT_IRIS, landmarks.RIGHT_IRIS), strict=True):
        meshes[0, iris, :2] += eye.eyeball.shift(torch.tensor([[12.0, -6.0]]))[0].numpy()

    np.testing.assert_allclose(_read(portrait, meshes).gaze[0], [12, -6], atol=0.5)


def test_the_size_of_the_picture_does_not_matter(portrait):
    meshes = _posed(portrait, _motion(jawOpen=0.3, pose=(4.0, 2.0, -1.0), shift=(0.05, 0.02, 0)))

    small = motion_of(meshes, portrait, FPS)
    large = motion_of(meshes * 3, _portrait(3.0), FPS)

    np.testing.assert_allclose(pack(small), pack(large), atol=2e-3)


def test_another_face_moves_this_one_relative_to_its_own_rest(portrait):
    other = portrait.mesh * 2 + np.array([30, 10, 0], np.float32)
    moved = _posed(portrait, _motion(jawOpen=0.4))[0] * 2 + np.array([30, 10, 0])

    found = motion_of(moved[None].astype(np.float32), portrait, FPS, reference=other)
    own = _read(portrait, _posed(portrait, _motion(jawOpen=0.4)))

    np.testing.assert_allclose(found.weights, own.weights, atol=5e-3)
    np.testing.assert_allclose(found.pose, own.pose, atol=0.05)
