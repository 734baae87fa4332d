"""Parts of the mouth move further than a network says, and lips that meet still meet."""

import numpy as np

from speech2face import landmarks
from speech2face.motion.articulation import articulate, strain


def mouth(**moves: float) -> np.ndarray:
    """Move the upper and the lower lip, the corners or the jaw by some amount."""
    offsets = np.zeros((1, 70, 3), np.float32)
    offsets[:, [49, 50, 51, 52, 53, 61, 62, 63], 1] = moves.get("upper", 0.0)
    offsets[:, [55, 56, 57, 58, 59, 65, 66, 67], 1] = moves.get("lower", 0.0)
    offsets[:, [48, 60], 0] = moves.get("narrow", 0.0)
    offsets[:, [54, 64], 0] = -moves.get("narrow", 0.0)
    offsets[:, 8, 1] = moves.get("jaw", 0.0)
    return offsets


def gap(offsets: np.ndarray) -> np.ndarray:
    upper, lower = np.array(landmarks.INNER_LIP_GAPS).T
    return offsets[0, lower, 1] - offsets[0, upper, 1]


def test_lips_that_meet_still_meet_wherever_they_are():
    for height in (-0.03, 0.0, 0.02):
        moved = articulate(mouth(upper=height, lower=height))

        np.testing.assert_allclose(gap(moved), 0, atol=1e-7)


def test_parted_lips_part_further_and_the_upper_one_lifts_more():
    offsets = mouth(upper=-0.01, lower=0.05)

    moved = articulate(offsets)

    assert (gap(moved) > gap(offsets)).all()
    assert (moved[0, [61, 62, 63], 1] < offsets[0, [61, 62, 63], 1]).all()


def test_a_mouth_narrows_further_and_the_jaw_falls_further():
    offsets = mouth(narrow=0.01, jaw=0.05)

    moved = articulate(offsets)

    assert moved[0, 48, 0] > 2 * offsets[0, 48, 0]
    assert moved[0, 8, 1] > offsets[0, 8, 1]


def test_rest_stays_rest_and_the_upper_face_as_it_is():
    offsets = np.zeros((2, 70, 3), np.float32)
    offsets[1, 17:48] = 0.1

    moved = articulate(offsets)

    np.testing.assert_array_equal(moved, offsets)


def test_lips_of_an_open_mouth_are_strained_and_narrow_less():
    normal = np.zeros((70, 3), np.float32)
    normal[[36, 45], 0] = -0.5, 0.5
    shut, gaping = normal.copy(), normal.copy()
    gaping[[65, 66, 67], 1] = 0.3
    offsets = mouth(narrow=0.02)

    assert (strain(shut), strain(gaping)) == (0, 1)
    free, held = articulate(offsets), articulate(offsets, strained=1.0)
    assert 0 < held[0, 48, 0] < free[0, 48, 0]
