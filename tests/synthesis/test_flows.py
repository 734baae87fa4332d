"""Motion between frames from what their pixels show."""

import numpy as np
import torch

from speech2face.synthesis.flows import Shown, flows_by_sources, flows_by_surface
from speech2face.synthesis.heads.head_model import SKIN
from speech2face.synthesis.heads.zbuffer import draw
from speech2face.synthesis.pairs import FLOW_SIZE

SIZE = 128


def grid() -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE]
    return np.stack([x, y], -1).astype(np.float32)


def test_a_picture_that_moved_is_found_where_it_came_from() -> None:
    moved = grid() - np.array([8, 4], np.float32)  # its content lies 8 px to the right, 4 down
    known = np.ones((2, SIZE, SIZE), bool)

    flows, visible = flows_by_sources(np.stack([grid(), moved]), known)

    inner = slice(8, -8)
    assert np.allclose(flows[0, 1, inner, inner], [-16 / SIZE, -8 / SIZE], atol=1e-5)
    assert np.allclose(flows[1, 0, inner, inner], [16 / SIZE, 8 / SIZE], atol=1e-5)
    assert visible[0, 1, inner, inner].all()
    assert np.allclose(flows[0, 0], 0, atol=1e-5)


def test_what_another_frame_does_not_show_is_not_visible_in_it() -> None:
    known = np.ones((2, SIZE, SIZE), bool)
    known[0, :, : SIZE // 2] = False

    _, visible = flows_by_sources(np.stack([grid(), grid()]), known)

    half = FLOW_SIZE // 2
    assert not visible[0, 1, :, : half - 1].any()
    assert visible[0, 1, :, half:].all()
    assert not visible[1, 0, :, :half].any()  # nobody knows what is there


def card(x: float, depth: float, other: float | None = None) -> tuple[Shown, torch.Tensor]:
    """A square card, 40 px wide, left edge at x; another one of 60 px may stand in front of it."""
    cards = [(x, 40.0, depth)] + ([] if other is None else [(other, 60.0, depth / 2)])
    points, rest = [], []
    for number, (left, width, far) in enumerate(cards):
        corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        flat = corners * width + torch.tensor([left, 30.0])
        points.append(torch.cat([flat, torch.full((4, 1), far)], 1))
        rest.append(torch.cat([corners * 10, torch.full((4, 1), 5.0 * number)], 1))
    placed, rests = torch.cat(points), torch.cat(rest)
    one = torch.tensor([[0, 1, 2], [1, 2, 3]])
    triangles = torch.cat([one + 4 * index for index in range(len(cards))])
    fragments = draw(placed[None], triangles, SIZE)
    found = fragments.triangle[0]
    shape = torch.einsum(
        "hwk,hwkd->hwd", fragments.weights[0], rests[triangles[found.clamp(min=0)]]
    )
    shown = Shown(
        fragments=fragments, rest=shape, placed=placed,
        material=torch.where(found >= 0, SKIN, -1),
    )  # fmt: skip
    return shown, triangles


def test_a_card_that_moves_before_a_still_wall() -> None:
    first, triangles = card(20.0, 2.0)
    second, _ = card(44.0, 2.0)

    flows, visible = flows_by_surface([first, second], triangles)

    # The middle of the card in the second frame; cells are two pixels wide.
    assert np.allclose(flows[0, 1, 25, 32], [-48 / SIZE, 0], atol=1e-4)
    assert visible[0, 1, 25, 32]
    assert np.allclose(flows[0, 1, 5, 5], 0)
    assert visible[0, 1, 5, 5]
    # The wall behind the card's old place was hidden then.
    assert not visible[0, 1, 25, 12]
    assert np.abs(flows[[0, 1], [0, 1]]).max() < 1e-4


def test_a_card_behind_another_is_not_visible() -> None:
    alone, triangles = card(40.0, 2.0, other=200.0)
    hidden, _ = card(40.0, 2.0, other=30.0)

    _, visible = flows_by_surface([hidden, alone], triangles)

    assert not visible[0, 1, 25, 25:35].any()
