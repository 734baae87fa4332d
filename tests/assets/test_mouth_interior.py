import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from make import mouth_interior as mouth
from make.teeth import LOWER, UPPER, Surface, crowns, gum, tongue
from speech2face.checkpoints.store import read_weights, verified_path
from speech2face.face.rig import Rig


@pytest.fixture(scope="module")
def shipped() -> dict[str, np.ndarray]:
    tensors, _ = read_weights(verified_path("mouth"))
    return {name: tensor.numpy() for name, tensor in tensors.items()}


@pytest.fixture(scope="module")
def layers(rig: Rig) -> dict[str, mouth.Layer]:
    return mouth.build_layers(rig)


def _rows_in_mm(shipped: dict[str, np.ndarray], name: str, rig: Rig) -> np.ndarray:
    """Height of each row's centre below the line of the closed lips, mm."""
    width = np.linalg.norm(rig.neutral[291] - rig.neutral[61])
    rows = len(shipped[f"{name}_depth"])
    _, top, _, bottom = shipped[f"{name}_box"] * width
    lips = rig.neutral[13, 1] - (rig.neutral[61, 1] + rig.neutral[291, 1]) / 2
    return (top + (np.arange(rows) + 0.5) / rows * (bottom - top) - lips) * mouth.EYE_DISTANCE


def _columns(values: np.ndarray, start: float, stop: float) -> np.ndarray:
    middle = values.shape[1] // 2
    return values[:, middle + round(start / 0.1875) : middle + round(stop / 0.1875)]


def test_upper_incisors_end_just_below_the_lips_and_lower_ones_just_above_that(
    shipped: dict[str, np.ndarray], rig: Rig
):
    upper = (_columns(shipped["upper_rgba"][..., 3], -6, 6) > 128).any(1)
    lower = (_columns(shipped["lower_rgba"][..., 3], -4, 4) > 128).any(1)

    upper_end = _rows_in_mm(shipped, "upper", rig)[upper].max()
    lower_end = _rows_in_mm(shipped, "lower", rig)[lower].min()

    assert 1 < upper_end < 3
    assert 0.5 < upper_end - lower_end < 4


def test_lower_teeth_stand_behind_upper_ones_and_the_tongue_behind_both(
    shipped: dict[str, np.ndarray], rig: Rig
):
    nearest = {
        name: shipped[f"{name}_depth"][shipped[f"{name}_rgba"][..., 3] > 128].min()
        for name in ("upper", "lower", "tongue")
    }

    assert nearest["upper"] < nearest["lower"] < nearest["tongue"]
    corners = (rig.neutral[61, 2] + rig.neutral[291, 2]) / 2
    assert nearest["upper"] + corners > rig.neutral[13, 2]  # behind the lips


def test_the_arch_is_about_as_wide_as_the_mouth_and_curves_back(shipped: dict[str, np.ndarray]):
    x0, _, x1, _ = shipped["upper_box"]
    depth, shown = shipped["upper_depth"], shipped["upper_rgba"][..., 3] > 128

    assert 1.0 < x1 - x0 < 1.3
    assert_allclose(x0, -x1)
    middle, side = depth.shape[1] // 2, 20
    assert depth[:, side][shown[:, side]].min() > depth[:, middle][shown[:, middle]].min() + 0.1


def test_teeth_are_neither_grey_nor_cartoon_white_and_gums_are_red(shipped: dict[str, np.ndarray]):
    rows = slice(-25, -18)  # the middle of the upper incisors
    tooth = np.median(_columns(shipped["upper_rgba"], 2, 7)[rows].reshape(-1, 4), axis=0)
    flesh = np.median(_columns(shipped["upper_rgba"], -8, 8)[5:25].reshape(-1, 4), axis=0)

    assert 190 < tooth[:3].mean() < 245
    assert 8 < tooth[0] - tooth[2] < 50
    assert flesh[0] > 1.4 * flesh[1]


def test_colour_goes_on_beyond_the_edge_of_alpha(shipped: dict[str, np.ndarray]):
    for name in ("upper", "lower", "tongue"):
        rgba = shipped[f"{name}_rgba"]
        assert (rgba[..., 3] == 0).any()
        assert rgba[..., :3][rgba[..., 3] == 0].max(-1).min() > 5


def test_the_build_script_draws_the_shipped_layers_again(
    tmp_path: Path, shipped: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "argv", ["mouth_interior", "--output", str(tmp_path)])

    mouth.main()
    tensors, config = read_weights(verified_path("mouth", tmp_path))

    assert config["order"] == ["tongue", "lower", "upper"]
    for name, wanted in shipped.items():
        near = np.abs(tensors[name].numpy().astype(float) - wanted) <= 2
        assert near.mean() > 0.999, name  # other machines may round edges differently


def test_another_seed_gives_another_set_of_teeth(layers: dict[str, mouth.Layer], rig: Rig):
    other = mouth.build_layers(rig, seed=6)

    assert (other["upper"].rgba != layers["upper"].rgba).any()
    assert_allclose(other["upper"].box, layers["upper"].box)


def test_crowns_have_the_sizes_that_anatomy_gives():
    for arch in (UPPER, LOWER):
        made = crowns(arch, np.random.default_rng(0))
        assert len(made) == 2 * len(arch.widths)
        incisor = made[0].points[..., 0]  # a little less than along the arch, which curves
        assert 0.85 * arch.widths[0] < np.ptp(incisor) < 1.02 * arch.widths[0]


def test_gum_lies_before_the_necks_of_the_teeth():
    made = gum(UPPER)[1]
    middle = np.abs(made.across[0]).argmin()

    assert made.points[:, middle, 1].max() < -9  # above the edge of the first incisor
    assert made.points[10, middle, 2] < made.points[0, middle, 2] < 1.2


def test_the_tongue_is_a_closed_dome_that_goes_back():
    made = tongue()

    assert made.points[0, 0, 0] == made.points[0, -1, 0]
    assert made.points[-1, 80, 2] > made.points[110, 80, 2] + 20


def test_a_square_is_drawn_where_it_lies_with_straight_alpha():
    y, x = np.meshgrid(np.linspace(-1, 1, 5), np.linspace(-1, 1, 5), indexing="ij")
    square = Surface(
        points=np.stack([x, y, np.full_like(x, 3)], -1), across=x, along=y + 2, place=-1
    )

    colour, depth = mouth.draw_layer(
        [(2, square)], (-3.0, -3.0, 3.0, 3.0), np.random.default_rng(0)
    )

    assert colour.shape == (32, 32, 4)
    assert_allclose(colour[..., 3].sum() * 0.1875**2, 4, rtol=0.05)
    assert_allclose(colour[..., 3], colour[::-1, ::-1, 3], atol=0.3)
    assert_allclose(depth, 3, atol=1e-6)
