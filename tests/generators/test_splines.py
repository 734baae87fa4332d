"""Thin-plate splines: through their sites, exact for planes, and the same as a plain solve."""

import numpy as np
import pytest
import torch

from speech2face.generators.warp.splines import _APART, _STIFFNESS, make_splines

CPU = torch.device("cpu")
X, Y = np.linspace(0, 1, 9), np.linspace(0, 1, 7)


@pytest.fixture(scope="module")
def sites() -> np.ndarray:
    points = np.random.default_rng(3).uniform(0, 1, (40, 2))
    points[1] = points[0] + 1e-3  # as near as points of two edges that touch
    return points


def _plain(sites: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Interpolate by one dense system, all in double precision."""
    nodes = np.stack(np.meshgrid(X, Y), -1).reshape(-1, 2)

    def kernel(a: np.ndarray) -> np.ndarray:
        squared = ((a[:, None] - sites[None]) ** 2).sum(-1)
        return np.log(squared + _APART) * squared / 2

    count = len(sites)
    planes = np.concatenate([np.ones((count, 1)), sites], 1)
    ridge = _STIFFNESS * np.eye(count)
    system = np.block([[kernel(sites) + ridge, planes], [planes.T, np.zeros((3, 3))]])
    solved = np.linalg.solve(system, np.concatenate([values, np.zeros((3, values.shape[1]))]))
    nodes_planes = np.concatenate([np.ones((len(nodes), 1)), nodes], 1)
    return kernel(nodes) @ solved[:count] + nodes_planes @ solved[count:]


def test_the_factorised_spline_is_the_plain_one(sites):
    values = np.sin(5 * sites @ np.array([[1.0, 2.0], [0.5, -1.0]])).astype(np.float32)
    (spline,) = make_splines(sites, [np.arange(40)], (X, Y), CPU)

    found = spline(torch.from_numpy(values)).numpy()

    np.testing.assert_allclose(found, _plain(sites, values), atol=1e-4)


def test_splines_over_the_same_nodes_are_each_their_own(sites):
    values = torch.from_numpy(np.sin(7 * sites)).float()
    members = [np.arange(0, 30), np.arange(10, 40)]

    together = make_splines(sites, members, (X, Y), CPU)

    assert together[0].kernel is together[1].kernel
    for spline, some in zip(together, members, strict=True):
        (alone,) = make_splines(sites, [some], (X, Y), CPU)
        torch.testing.assert_close(spline(values), alone(values), atol=1e-4, rtol=0)


def test_a_plane_is_kept_exactly(sites):
    values = torch.from_numpy(2 + sites @ np.array([[3.0, 0.5], [-1.0, 4.0]])).float()
    (spline,) = make_splines(sites, [np.arange(40)], (X, Y), CPU)

    found = spline(values).reshape(len(Y), len(X), 2)

    x, y = np.meshgrid(X, Y)
    np.testing.assert_allclose(found[..., 0], 2 + 3 * x - y, atol=1e-4)
    np.testing.assert_allclose(found[..., 1], 2 + 0.5 * x + 4 * y, atol=1e-4)
