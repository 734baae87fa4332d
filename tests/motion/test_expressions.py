import numpy as np
import pytest
from numpy.testing import assert_allclose

from speech2face.face.rig import Rig
from speech2face.landmarks import LOWER_LIP_INNER, UPPER_LIP_INNER
from speech2face.motion.expressions import EXPRESSIONS, expression_weights
from speech2face.types import EMOTIONS


@pytest.fixture(scope="module")
def faces(rig: Rig) -> dict[str, np.ndarray]:
    weights = expression_weights(rig, np.eye(len(EMOTIONS), dtype=np.float32))
    return dict(zip(EMOTIONS, rig.offsets(weights), strict=True))


def test_every_label_has_an_expression_of_channels_the_rig_has(rig: Rig):
    assert tuple(EXPRESSIONS) == EMOTIONS
    assert {name for face in EXPRESSIONS.values() for name in face} <= set(rig.names)


def test_neutral_and_intensity_zero_change_nothing(rig: Rig, faces: dict[str, np.ndarray]):
    assert not faces["neutral"].any()
    assert not expression_weights(rig, np.zeros((4, 8), np.float32)).any()


def test_mixtures_and_intensities_add_up(rig: Rig):
    mix = np.zeros((1, 8), np.float32)
    mix[0, EMOTIONS.index("happy")] = 0.5
    mix[0, EMOTIONS.index("surprised")] = 0.3

    weights = expression_weights(rig, mix)[0]

    assert_allclose(weights[rig.index("mouthSmile_L")], 0.5 * EXPRESSIONS["happy"]["mouthSmile_L"])
    assert_allclose(weights[rig.index("eyeWide_R")], 0.3 * EXPRESSIONS["surprised"]["eyeWide_R"])


def test_every_two_emotions_are_visibly_different(faces: dict[str, np.ndarray]):
    for first in EMOTIONS:
        for second in EMOTIONS:
            if first < second:
                apart = np.abs(faces[first] - faces[second])[..., :2].max()
                assert apart > 0.03, (first, second)  # 3 mm somewhere in the face


@pytest.mark.parametrize(
    ("label", "point", "sign"),
    [
        ("happy", 291, -1), ("happy", 374, -1), ("sad", 291, 1), ("sad", 336, -1),
        ("angry", 336, 1), ("angry", 374, -1), ("surprised", 334, -1), ("surprised", 386, -1),
        ("fearful", 336, -1), ("fearful", 386, -1), ("disgusted", 327, -1), ("disgusted", 334, 1),
        ("contempt", 291, -1),
    ],
)  # fmt: skip
def test_corners_of_the_mouth_lids_and_brows_go_where_the_action_units_say(
    faces: dict[str, np.ndarray], label: str, point: int, sign: int
):
    assert faces[label][point, 1] * sign > 0.015


def test_only_contempt_is_lopsided(rig: Rig, faces: dict[str, np.ndarray]):
    for label, face in faces.items():
        lopsided = np.abs(face - face[rig.mirror] * [-1, 1, 1]).max()
        assert (lopsided > 0.05) == (label == "contempt"), label


def test_lips_part_a_little_where_the_action_units_say(rig: Rig, faces: dict[str, np.ndarray]):
    for label, face in faces.items():
        mesh = rig.neutral + face
        gap = (mesh[LOWER_LIP_INNER, 1] - mesh[UPPER_LIP_INNER, 1]).max()
        limit = {"surprised": 0.16, "fearful": 0.08, "disgusted": 0.08, "happy": 0.03}.get(
            label, 0.008
        )
        assert gap < limit, label
