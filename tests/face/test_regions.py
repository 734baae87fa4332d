import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2face.face.detect import Detection
from speech2face.face.mirror import MIRROR
from speech2face.face.normalize import Head
from speech2face.face.regions import (
    LEFT_EYE_POINTS,
    MOUTH_POINTS,
    Region,
    region_of_detection,
    region_of_eye,
    region_of_mesh,
    region_of_mouth,
)
from speech2face.face.rig import load_rig
from speech2face.geometry import rotation_matrix


def posed(pose=(0.0, 0.0, 0.0), scale=100.0, **channels: float):
    """A rig's face in a picture: scale in pixels between the outer eye corners."""
    rig = load_rig()
    head = Head(
        scale=float(scale),
        rotation=rotation_matrix(np.array(pose, float)),
        translation=np.full(3, 200.0),
    )
    return head.to_image(rig.pose(rig.weights(**channels))).astype(np.float32)


@settings(deadline=None, derandomize=True)
@given(x=st.floats(-50, 300), y=st.floats(-50, 300), side=st.floats(10, 900), roll=st.floats(-3, 3))
def test_points_return_from_a_cut_to_where_they_were(x, y, side, roll) -> None:
    region = Region(centre=np.array([x, y]), side=side, roll=roll)
    points = np.random.default_rng(0).uniform(-100, 400, (20, 3)).astype(np.float32)

    there = region.to_cut(points, 128)

    np.testing.assert_allclose(region.to_image(there, 128), points, atol=1e-2)


def test_a_cut_shows_the_pixels_its_map_says() -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    region = Region(centre=np.array([49.5, 39.5]), side=32.0, roll=0.0)

    cut = region.cut(image, 32)

    np.testing.assert_array_equal(cut, image[24:56, 34:66])


def test_what_lies_outside_the_picture_is_black() -> None:
    region = Region(centre=np.array([-100.0, -100.0]), side=40.0, roll=0.3)

    assert not region.cut(np.full((50, 50, 3), 255, np.uint8), 16).any()


@pytest.mark.parametrize("roll", [0.0, 0.7])
def test_a_large_picture_is_averaged_not_skipped(roll: float) -> None:
    stripes = np.zeros((1200, 1200, 3), np.uint8)
    stripes[:, ::2] = 200

    cut = Region(centre=np.array([600.0, 600.0]), side=800.0, roll=roll).cut(stripes, 64)

    assert np.abs(cut.astype(int) - 100).max() <= 2


def test_a_large_picture_gives_the_same_cut_as_its_reduction() -> None:
    rng = np.random.default_rng(0)
    small = cv2.GaussianBlur(rng.integers(0, 256, (200, 240, 3), np.uint8), (0, 0), 4)
    large = np.kron(small, np.ones((6, 6, 1), np.uint8))
    region = Region(centre=np.array([90.0, 110.0]), side=120.0, roll=0.2)
    larger = Region(centre=region.centre * 6 + 2.5, side=720.0, roll=0.2)

    difference = larger.cut(large, 60).astype(int) - region.cut(small, 60)

    assert np.abs(difference).mean() < 1


def test_the_face_stands_upright_in_its_region() -> None:
    mesh = posed((0, 0, 25))

    region = region_of_mesh(mesh)

    seen = region.to_cut(mesh, 128)
    assert region.roll == pytest.approx(np.deg2rad(25), abs=1e-3)
    assert seen[33, 1] == pytest.approx(seen[263, 1], abs=1e-3)
    assert (seen[:, :2] > 5).all()
    assert (seen[:, :2] < 123).all()


def test_a_detectors_region_levels_the_eyes() -> None:
    face = Detection(
        box=np.array([10, 20, 110, 140.0], np.float32),
        points=np.array([[40, 60], [80, 100], [60, 90], [45, 120], [75, 120.0]], np.float32),
        score=0.9,
    )

    region = region_of_detection(face)

    assert region.roll == pytest.approx(np.pi / 4)
    assert region.side == pytest.approx(180)
    np.testing.assert_allclose(region.centre, [60, 80])


def test_the_mouths_region_holds_a_mouth_opened_wide() -> None:
    mesh = posed((20, 10, 15), jawOpen=1.0)

    lips = region_of_mouth(mesh).to_cut(mesh[MOUTH_POINTS], 96)[:, :2]

    assert (lips > 8).all()
    assert (lips < 88).all()


def test_a_blink_does_not_move_the_eyes_region() -> None:
    for points in (LEFT_EYE_POINTS, MIRROR[LEFT_EYE_POINTS]):
        awake = region_of_eye(posed(), points)
        shut = region_of_eye(posed(eyeBlink_L=1.0, eyeBlink_R=1.0), points)

        assert np.linalg.norm(awake.centre - shut.centre) < 1.5
        assert shut.side == pytest.approx(awake.side, rel=0.03)


def test_mirroring_twice_changes_nothing_and_swaps_the_eyes() -> None:
    np.testing.assert_array_equal(MIRROR[MIRROR], np.arange(478))
    np.testing.assert_array_equal(MIRROR[[33, 61, 468, 10]], [263, 291, 473, 10])
    assert set(MIRROR[MOUTH_POINTS]) == set(MOUTH_POINTS)


def test_the_rig_has_the_same_mirror_map() -> None:
    np.testing.assert_array_equal(load_rig().mirror, MIRROR)
