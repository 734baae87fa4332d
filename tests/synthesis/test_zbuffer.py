"""The z-buffer in its two versions."""

import numpy as np
import pytest
import torch

from speech2face.synthesis.heads.zbuffer import Cutout, draw

SIZE = 48


def crowd(count: int = 300) -> tuple[torch.Tensor, torch.Tensor]:
    """Triangles of all sizes in all places, some outside the picture, some behind the viewer."""
    rng = np.random.default_rng(0)
    middle = rng.uniform(-10, SIZE + 10, (2, count, 1, 2))
    corners = middle + rng.normal(0, 1, (2, count, 3, 2)) * rng.choice([1, 4, 15], (1, count, 1, 1))
    depth = rng.uniform(-0.2, 5, (2, count, 3, 1))
    points = torch.from_numpy(np.concatenate([corners, depth], -1)).float()
    return points.reshape(2, -1, 3), torch.arange(3 * count).view(-1, 3)


def test_both_versions_show_the_same_triangles() -> None:
    points, triangles = crowd()

    loop = draw(points, triangles, SIZE, compiled=True)
    batched = draw(points, triangles, SIZE, compiled=False)

    assert (loop.triangle == batched.triangle).float().mean() > 0.999
    assert (loop.triangle >= 0).float().mean() > 0.5


def test_both_versions_see_through_the_same_holes() -> None:
    points, triangles = crowd()
    rng = torch.Generator().manual_seed(0)
    holes = Cutout(
        uv=torch.rand(len(triangles), 3, 2, generator=rng),
        layer=torch.arange(len(triangles)) % 3 - 1,
        alpha=torch.rand(2, 8, 8, generator=rng),
    )

    loop = draw(points, triangles, SIZE, holes, compiled=True)
    batched = draw(points, triangles, SIZE, holes, compiled=False)

    assert (loop.triangle == batched.triangle).float().mean() > 0.998
    assert not torch.equal(loop.triangle, draw(points, triangles, SIZE).triangle)


@pytest.mark.parametrize("compiled", [True, False])
def test_the_nearer_of_two_triangles_is_seen(compiled: bool) -> None:
    square = [[-50.0, -50.0], [200.0, -50.0], [-50.0, 200.0]]
    points = torch.tensor([[*point, depth] for depth in (3.0, 2.0) for point in square])[None]

    found = draw(points, torch.arange(6).view(2, 3), 8, compiled=compiled)

    assert (found.triangle == 1).all()
    assert torch.allclose(found.depth, torch.tensor(2.0))


def test_a_transparent_card_hides_nothing() -> None:
    square = [[-50.0, -50.0], [200.0, -50.0], [-50.0, 200.0]]
    points = torch.tensor([[*point, depth] for depth in (3.0, 2.0) for point in square])[None]
    holes = Cutout(uv=torch.zeros(2, 3, 2), layer=torch.tensor([-1, 0]), alpha=torch.zeros(1, 4, 4))

    found = draw(points, torch.arange(6).view(2, 3), 8, holes)

    assert (found.triangle == 0).all()


def test_weights_are_of_the_surface_and_not_of_the_picture() -> None:
    # An edge that runs from depth 1 to depth 3: its middle in the picture lies nearer to the first.
    points = torch.tensor([[[0.0, 0.0, 1.0], [8.0, 0.0, 3.0], [0.0, 8.0, 1.0]]])

    found = draw(points, torch.tensor([[0, 1, 2]]), 9)

    assert torch.allclose(found.weights[0, 0, 4], torch.tensor([0.75, 0.25, 0.0]), atol=1e-5)
    assert float(found.depth[0, 0, 4]) == pytest.approx(1.5)


def test_an_empty_scene_is_empty() -> None:
    points, triangles = torch.zeros(1, 3, 3), torch.tensor([[0, 1, 2]])

    for compiled in (True, False):
        found = draw(points, triangles, 8, compiled=compiled)
        assert (found.triangle == -1).all()
        assert found.depth.isinf().all()
