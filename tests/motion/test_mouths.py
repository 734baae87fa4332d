"""A video's own mouths: they are taken away, and the new ones stand in their place."""

import numpy as np
import pytest

from speech2face import landmarks
from speech2face.face.normalize import normalize
from speech2face.face.rig import Rig
from speech2face.geometry import rotation_matrix
from speech2face.motion.articulation import articulate
from speech2face.motion.mouths import Mouths, read_mouths, replace_mouths

FPS = 25.0


def _talking(rig: Rig, frames: int = 100) -> np.ndarray:
    """Return meshes of a head that turns while its mouth opens and rounds."""
    time = np.arange(frames) / FPS
    weights = np.stack([
        rig.weights(jawOpen=0.25 + 0.25 * np.sin(14 * t), mouthPucker=0.3 + 0.3 * np.sin(9 * t))
        for t in time
    ])  # fmt: skip
    turn = rotation_matrix(np.stack([8 * np.sin(time), 4 * np.cos(time), time * 0], 1))
    meshes = np.einsum("fij,fpj->fpi", turn, rig.pose(weights))
    return (meshes * 90 + [200, 180, 0]).astype(np.float32)


@pytest.fixture(scope="module")
def meshes(rig: Rig) -> np.ndarray:
    return _talking(rig)


@pytest.fixture(scope="module")
def mouths(rig: Rig, meshes: np.ndarray) -> Mouths:
    return read_mouths(meshes, rig, FPS)


def _opening(rig: Rig, meshes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    moved = np.stack([
        normalize(mesh) + landmarks.from_mesh(offset) / 1.0
        for mesh, offset in zip(meshes, rig.offsets(weights), strict=True)
    ])  # fmt: skip
    return landmarks.mouth_opening(moved)


def test_between_the_words_lips_are_closed(mouths: Mouths) -> None:
    assert landmarks.mouth_opening(mouths.own).max() > 0.1
    assert landmarks.mouth_opening(mouths.rest).max() < 0.02


def test_silence_closes_every_mouth(rig: Rig, meshes: np.ndarray, mouths: Mouths) -> None:
    nothing = np.zeros((len(meshes), len(rig.names)))

    weights = replace_mouths(mouths, np.zeros_like(mouths.own), nothing, rig)

    assert _opening(rig, meshes, weights).max() < 0.025


def test_the_new_mouth_does_not_know_the_old_one(
    rig: Rig, meshes: np.ndarray, mouths: Mouths
) -> None:
    time = np.arange(len(meshes)) / FPS
    jaw = np.stack([rig.weights(jawOpen=0.2 + 0.2 * np.sin(21 * t)) for t in time])
    spoken = landmarks.from_mesh(rig.offsets(jaw))
    nothing = np.zeros((len(meshes), len(rig.names)))

    weights = replace_mouths(mouths, spoken, nothing, rig)

    opening = _opening(rig, meshes, weights)
    asked = landmarks.mouth_opening(mouths.rest + articulate(spoken))
    before = landmarks.mouth_opening(mouths.own)
    assert np.corrcoef(opening, asked)[0, 1] > 0.98
    assert abs(np.corrcoef(opening, before)[0, 1] - np.corrcoef(asked, before)[0, 1]) < 0.1


def test_channels_leave_only_what_is_shown(rig: Rig, mouths: Mouths) -> None:
    nothing = np.zeros((len(mouths.own), len(rig.names)))

    weights = replace_mouths(mouths, np.zeros_like(mouths.own), nothing, rig)

    pucker = weights[:, rig.index("mouthPucker")]
    assert pucker.min() > -1.0
    assert not weights[:, rig.index("eyeBlink_L")].any()
