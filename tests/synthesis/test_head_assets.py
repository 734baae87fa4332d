import os
from pathlib import Path

import numpy as np
import pytest
from drawn_head import drawn_head

from speech2face.synthesis.heads.head_assets import (
    LANDMARKS,
    eyeball,
    lash_sheets,
    lip_outline,
    load_head,
    signed_distance,
)


def test_a_point_inside_a_curve_is_at_a_negative_distance():
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    distance = signed_distance(np.array([[0.0, 0.0], [0.5, 0.0], [0.0, 3.0]]), circle)
    np.testing.assert_allclose(distance, [-1.0, -0.5, 2.0], atol=1e-3)


def test_the_outline_of_the_lips_passes_through_their_landmarks():
    marks = drawn_head().rest_landmarks()
    outline = lip_outline(marks)
    for point in marks[48:60, :2]:
        assert np.linalg.norm(outline - point, axis=1).min() < 0.05


def test_an_eyeball_is_measured_from_its_back():
    head = drawn_head()
    centre, radius = eyeball(head, "Left")
    np.testing.assert_allclose(centre, [3.2, 3.5, 8.0], atol=0.02)
    assert radius == pytest.approx(1.4, abs=0.02)


def test_lashes_are_read_as_grids_from_root_to_tip():
    sheets = lash_sheets(drawn_head())
    assert [sheet.shape for sheet in sheets] == [(19, 6, 3)] * 2
    for sheet in sheets:
        steps = np.diff(sheet[:, :, 2], axis=1)
        assert (steps > 0).all(), "tips lie further to the front than roots"


@pytest.fixture
def mesh() -> Path:
    data = os.environ.get("SPEECH2FACE_DATA")
    path = Path(data or "") / "ict_facekit" / "ict_facekit.npz"
    if data is None or not path.is_file():
        pytest.skip("needs ict_facekit/ict_facekit.npz under SPEECH2FACE_DATA")
    return path


def test_a_seed_names_a_person(mesh: Path):
    def person(seed: int, smile: float = 0.0) -> np.ndarray:
        expression = {"mouthSmile_L": smile}
        return load_head(mesh, seed=seed, spread=0.7, expression=expression, asymmetry=0.0).vertices

    np.testing.assert_array_equal(person(1), person(1))
    assert np.abs(person(1) - person(2)).max() > 0.3
    moved = np.linalg.norm(person(1, smile=1.0) - person(1), axis=1)
    # The person's own left corner of the mouth, not the other.
    assert moved[LANDMARKS[54]] > 0.5
    assert moved[LANDMARKS[48]] < 0.1
