import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2face.face.normalize import Head, fit_head, normalize, pose_of
from speech2face.face.rig import load_rig
from speech2face.geometry import rotation_matrix
from speech2face.landmarks import NOSE_BRIDGE, eye_distance

ANGLE = st.floats(-60, 60)


def face(pose=(0.0, 0.0, 0.0), scale=90.0, **channels: float):
    rig = load_rig()
    head = Head(
        scale=float(scale),
        rotation=rotation_matrix(np.array(pose, float)),
        translation=np.array([200, 150, 30.0]),
    )
    return head.to_image(rig.pose(rig.weights(**channels))).astype(np.float32)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(yaw=ANGLE, pitch=ANGLE, roll=ANGLE, scale=st.floats(20, 500))
def test_the_heads_place_is_found_again(yaw, pitch, roll, scale) -> None:
    mesh = face((yaw, pitch, roll), scale)

    head = fit_head(mesh)

    assert head.scale == pytest.approx(scale, rel=1e-4)
    np.testing.assert_allclose(head.translation, [200, 150, 30], atol=scale * 1e-3)
    np.testing.assert_allclose(pose_of(mesh), [yaw, pitch, roll], atol=0.05)


def test_a_heads_two_maps_are_inverse() -> None:
    head = fit_head(face((20, -10, 5)))
    points = np.random.default_rng(0).normal(size=(7, 3))

    np.testing.assert_allclose(head.to_rig(head.to_image(points)), points, atol=1e-6)


def test_speech_does_not_turn_the_head() -> None:
    talking = face((10, 5, 0), jawOpen=0.7, mouthSmile_L=0.8, eyeBlink_L=1.0)

    np.testing.assert_allclose(pose_of(talking), [10, 5, 0], atol=1.5)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(yaw=ANGLE, pitch=ANGLE, roll=ANGLE, scale=st.floats(20, 500))
def test_normalized_landmarks_know_neither_pose_nor_size(yaw, pitch, roll, scale) -> None:
    still = normalize(face(jawOpen=0.4))

    turned = normalize(face((yaw, pitch, roll), scale, jawOpen=0.4))

    np.testing.assert_allclose(turned, still, atol=3e-3)


def test_normalized_landmarks_have_the_nose_bridge_as_origin_and_the_eyes_as_unit() -> None:
    points = normalize(face((30, 0, 0), 250))

    np.testing.assert_allclose(points[NOSE_BRIDGE], 0, atol=1e-6)
    assert eye_distance(points) == pytest.approx(1, abs=1e-5)
