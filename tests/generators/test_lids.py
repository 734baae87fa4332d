"""Closed lids are painted skin with one line of lashes."""

import cv2
import numpy as np
import pytest
import torch

from speech2face.generators.warp.lids import ClosedLid, paint_lid
from speech2face.generators.warp.slits import locate

SKIN = np.array([200, 150, 120], np.uint8)
CPU = torch.device("cpu")
X = np.linspace(34.0, 94.0, 9)


def edges(opening: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the upper and the lower lid of an eye, the first `opening` half widths higher."""
    curve = 30 * (1 - ((X - 64) / 30) ** 2)
    upper, lower = 64 - (opening - 0.2) * curve, 64 + 0.2 * curve
    return np.stack([X, upper], 1), np.stack([X, lower], 1)


def eye(opening: float = 0.7) -> ClosedLid:
    """Paint the lid of a made-up eye: white and iris, and dark strokes that stand on the lid."""
    upper, lower = edges(opening)
    crop = np.full((128, 128, 3), SKIN, np.uint8)
    cv2.fillPoly(crop, [np.concatenate([upper, lower[::-1]]).round().astype(np.int32)], (240,) * 3)
    cv2.circle(crop, (64, 58), 12, (30, 60, 90), -1)
    for x, y in upper[1:-1].round().astype(int).tolist():
        cv2.line(crop, (x, y), (x, y - 10), (15, 10, 10), 2)
    brow = np.stack([X, np.full(9, 15.0)], 1)
    return paint_lid(crop, upper, lower, brow, 1.0, CPU)


def layers(lid: ClosedLid, *, closed: bool):
    """Draw a lid at rest or closed onto its lower edge."""
    upper, lower = (torch.from_numpy(edge).float()[None] for edge in edges(0.7))
    y, x = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")
    moved = lower if closed else upper
    slit = locate(moved, lower, torch.stack([x, y], -1))
    return lid.layers(moved, slit, torch.stack([x, y])[None])


def test_an_open_eye_is_left_alone() -> None:
    assert layers(eye(), closed=False) == []


def test_a_closed_lid_is_skin_without_the_lashes_that_stood_on_it() -> None:
    (skin, there), _ = layers(eye(), closed=True)

    lid = skin[0, :, 58:66, 52:76]
    assert float(there[0, 0, 58:66, 52:76].min()) > 0.95
    assert (lid.mean((1, 2)) - torch.tensor(SKIN / 255)).abs().max() < 0.1
    assert lid.std((1, 2)).max() < 0.06


def test_one_line_of_dark_lashes_lies_along_the_edge_and_below_it() -> None:
    _, (colour, share) = layers(eye(), closed=True)

    edge = int(edges(0.7)[1][4, 1])
    column = share[0, 0, :, 64]
    assert float(colour.mean()) < 0.3 * SKIN.mean() / 255 + 0.01
    assert float(column[edge]) > 0.8
    assert float(column[: edge - 6].max()) < 0.01
    assert float(column[edge + 4 : edge + 8].mean()) > float(column[edge - 8 : edge - 4].mean())


def test_the_brow_is_not_painted_over() -> None:
    (_, there), _ = layers(eye(), closed=True)

    assert float(there[0, 0, :20].max()) == 0


@pytest.mark.parametrize("opening", [0.02, 2.6])
def test_eyes_of_any_opening_give_a_lid(opening: float) -> None:
    lid = eye(opening)

    assert torch.isfinite(lid.skin).all()
    assert lid.share == (opening > 1)
