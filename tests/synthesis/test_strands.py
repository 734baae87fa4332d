import numpy as np
import pytest
from drawn_head import BROWS, drawn_head

from speech2face.synthesis.heads.head_assets import Head, lip_outline
from speech2face.synthesis.heads.strands import (
    HairStyle,
    beard_density,
    brows,
    lashes,
    scalp_density,
    scalp_hair,
    stubble,
    vertex_normals,
)


@pytest.fixture(scope="module")
def head() -> Head:
    return drawn_head()


def test_hair_grows_on_the_crown_and_not_on_the_face():
    places = np.array([[0, 14, 0], [0, 8, -8], [0, 4, 11], [5, -2, 8], [8, 1, 0], [0, -8, -6]])
    density = scalp_density(places.astype(float), hairline=10.3)
    assert density[:2].min() > 0.9
    assert density[2:5].max() < 0.05


def test_a_beard_grows_around_the_lips_and_not_on_them(head: Head):
    lips = lip_outline(head.rest_landmarks())
    places = np.array([[0, -3.4, 11], [0, -6.5, 10], [4, -5, 8], [0, 5, 11], [3, 1, 10]])
    density = beard_density(places.astype(float), lips)
    assert density[0] < 0.05
    assert density[1:3].min() > 0.5
    assert density[3:].max() < 0.01


def test_normals_of_a_ball_point_outwards(head: Head):
    normals = vertex_normals(head.vertices, head.skin())
    mine = np.unique(head.skin())
    outwards = head.vertices[mine] - np.array([0, 2, 1.5])
    assert ((normals[mine] * outwards).sum(axis=1) > 0).mean() > 0.98


def test_hair_is_as_long_as_its_style_and_leaves_the_skin(head: Head):
    style = HairStyle(count=2000, top=4.0, sides=1.0)
    hair = scalp_hair(head, style, seed=3)
    assert hair.points.shape == (2000, 9, 3)
    length = np.linalg.norm(np.diff(hair.points, axis=1), axis=2).sum(axis=1)
    on_top = hair.points[:, 0, 1] > 12.5
    beside = hair.points[:, 0, 1] < 6
    assert 2.0 < np.median(length[on_top]) < 4.5
    assert np.median(length[beside]) < 1.2
    egg = (hair.points[:, -1] - np.array([0, 2, 1.5])) / np.array([7.6, 11.5, 10.0])
    assert (np.linalg.norm(egg, axis=1) > 0.98).mean() > 0.95, "no tip lies inside of the head"


def test_the_same_seed_grows_the_same_hair(head: Head):
    style = HairStyle(count=200)
    first, again, other = (scalp_hair(head, style, seed).points for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def test_brows_lie_over_the_eyes_and_point_outwards(head: Head):
    hairs = brows(head, 1, count=200).points
    root, tip = hairs[:, 0], hairs[:, -1]
    assert abs((root[:, 0] > 0).mean() - 0.5) < 0.15
    assert np.abs(root[:, 0]).min() > BROWS[0][0] - 0.8
    assert np.abs(root[:, 0]).max() < BROWS[-1][0] + 0.8
    assert (np.abs(tip[:, 0]) > np.abs(root[:, 0])).mean() > 0.85


def test_stubble_is_short(head: Head):
    hairs = stubble(head, 1, count=300, length=0.1).points
    length = np.linalg.norm(np.diff(hairs, axis=1), axis=2).sum(axis=1)
    assert length.max() <= 0.1 * 1.2 + 1e-9
    assert (hairs[:, 0, 1] < 3).all()


def test_lashes_grow_from_the_lid_forwards(head: Head):
    hairs = lashes(head, 1, upper=30, lower=30)
    assert len(hairs.points) == len(hairs.radius) == 20
    assert (hairs.points[:, -1, 2] > hairs.points[:, 0, 2]).all()
