"""Rendered heads, at full size but with a head of simple shapes."""

from pathlib import Path

import numpy as np
import pytest
from toy_head import toy_head

from speech2face.errors import InputError
from speech2face.landmarks import LEFT_IRIS, RIGHT_IRIS
from speech2face.synthesis.heads.head_model import HeadModel, load_head_model
from speech2face.synthesis.heads.posing import look_rotation
from speech2face.synthesis.heads.rendered import render_person
from speech2face.synthesis.pairs import IdentityFrames


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> HeadModel:
    return toy_head(tmp_path_factory.mktemp("head"))


def person(model: HeadModel, seed: int = 0, frames: int = 2) -> IdentityFrames:
    rng = np.random.default_rng(seed)
    return render_person(model, rng, identity="toy", held_out=False, frames=frames)


@pytest.fixture(scope="module")
def sample(model: HeadModel) -> IdentityFrames:
    return person(model, frames=3)


def test_a_person_fills_the_picture_as_a_portrait_does(sample):
    mesh = sample.meshes[0, :, :2]

    assert sample.frames.shape == (3, 256, 256, 3)
    assert sample.frames.std() > 15
    assert np.abs(mesh.mean(0) - 128).max() < 40
    height, width = np.ptp(mesh[:, 1]), np.ptp(mesh[:, 0])
    assert 256 / max(height, 1.1 * width) == pytest.approx(2.3, rel=0.2)


def test_the_same_seed_gives_the_same_person_and_another_seed_another(model):
    first, again, other = person(model), person(model), person(model, seed=1)

    assert np.array_equal(first.frames, again.frames)
    assert np.array_equal(first.meshes, again.meshes)
    assert not np.array_equal(first.frames, other.frames)


def test_depth_is_measured_from_the_middle_of_the_face(sample):
    assert np.allclose(sample.meshes[..., 2].mean(1), 0, atol=1e-3)
    # The middle of the face is nearer than its outline.
    assert (sample.meshes[:, 4, 2] < sample.meshes[:, 234, 2]).all()


def test_irises_lie_between_the_corners_of_the_picture_as_trackers_count_them(sample):
    for iris in (LEFT_IRIS, RIGHT_IRIS):
        centre, right, up, left, down = (sample.meshes[0, index, :2] for index in iris)
        assert right[0] > centre[0] > left[0]
        assert up[1] < centre[1] < down[1]
    assert (sample.meshes[:, LEFT_IRIS[0], 0] < sample.meshes[:, RIGHT_IRIS[0], 0]).all()


def test_the_face_moves_with_its_mesh(sample):
    # On the skin, the motion between frames is that of the mesh points.
    flows, visible = sample.flows, sample.visible
    assert flows is not None
    assert visible is not None
    checked = 0
    for point in range(0, 468, 7):
        x, y = (sample.meshes[1, point, :2] / 4).astype(int)
        if visible[0, 1, y, x] and np.abs(flows[0, 1, y, x]).max() > 0:
            moved = (sample.meshes[0, point, :2] - sample.meshes[1, point, :2]) / 128
            checked += int(np.abs(flows[0, 1, y, x] - moved).max() < 0.03)
    assert checked > 20


def test_nothing_moves_between_a_frame_and_itself(sample):
    same = range(3)

    assert np.abs(sample.flows[same, same]).max() < 1e-3
    assert sample.visible[same, same].mean() > 0.9


def test_the_background_stands_still(sample):
    corner = sample.frames[:, :8, :8].astype(float)

    assert np.abs(corner[0] - corner[1]).mean() < 5
    assert np.abs(sample.flows[0, 1, :2, :2]).max() < 1e-4
    assert sample.visible[0, 1, :2, :2].all()


def test_eyes_look_where_the_gaze_says():
    ahead = np.array([0.0, 0.0, -1.0])

    assert (look_rotation(np.array([10.0, 0.0])) @ ahead)[0] > 0.1
    assert (look_rotation(np.array([0.0, 10.0])) @ ahead)[1] < -0.1


def test_missing_material_is_named(tmp_path: Path):
    with pytest.raises(InputError, match="ict_facekit"):
        load_head_model(tmp_path)
