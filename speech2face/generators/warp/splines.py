"""Thin-plate splines: from values at scattered sites to values at the nodes of a grid.

The sites of a portrait never change, so their system is factorised once; a frame then costs two
triangular solves and one product with the kernel at the nodes. The product of the two matrices,
which would save the solves, costs more to compute than thousands of frames do.

Source: Bookstein, "Principal warps: thin-plate splines and the decomposition of deformations"
(1989).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor
from torch.nn import functional

_STIFFNESS = 1e-5
"""Ridge on the spline's system: points a fraction of a pixel apart must not make it singular."""
_APART = 1e-12
"""Added to squared distances: the kernel at 0 is 0, its logarithm is not."""
_PLANES = 3
"""A plane has a height and two slopes."""


@dataclass(frozen=True, kw_only=True)
class Spline:
    """One spline: its weights w and its plane a solve K w + P a = values, P' w = 0.

    P' w = 0 lets K + c P P' stand for K without changing w, and that is positive definite: it has a
    Cholesky factor L, half as dear as a general solve. Then a = (P' G P)^-1 P' G values and
    w = G (values - P a), where G = (L L')^-1. Weights reach 10^4 and cancel at the nodes to the
    motion of a few pixels, so they are solved in double precision.
    """

    sites: Int[Tensor, " sites"]
    """Rows of the values that this spline goes through."""
    rows: Int[Tensor, " sites"]
    """Columns of `kernel` that belong to them: splines over the same nodes share it."""
    factor: Float64[Tensor, "sites sites"]
    """L, lower."""
    planes: Float64[Tensor, "sites 3"]
    """P: 1, x, y of each site."""
    level: Float64[Tensor, "3 sites"]
    """(P' G P)^-1 P' G: values at the sites -> the plane."""
    kernel: Float[Tensor, "nodes columns"]
    """Kernel between nodes and sites, then 1, x, y of each node."""

    def __call__(self, values: Float[Tensor, "points columns"]) -> Float[Tensor, "nodes columns"]:
        """Return the values at the nodes, row by row of the grid."""
        return at_nodes([self], values)[0]

    def solve(self, values: Float[Tensor, "points columns"]) -> Float[Tensor, "columns weights"]:
        """Return the weights of the kernel's columns, a row for each column of the values."""
        exact = values[self.sites].to(self.factor)
        plane = self.level @ exact
        half = torch.linalg.solve_triangular(self.factor, exact - self.planes @ plane, upper=False)
        weights = torch.linalg.solve_triangular(self.factor.mT, half, upper=True)
        every = values.new_zeros(values.shape[1], self.kernel.shape[1])
        every[:, self.rows] = weights.T.to(every)
        every[:, -_PLANES:] = plane.T.to(every)
        return every

    def at(self, nodes: tuple[int, int], rows: slice, columns: slice) -> "Spline":
        """Return the spline at some of its nodes; `nodes` are the grid's rows and columns."""
        kernel = self.kernel.unflatten(0, nodes)[rows, columns].flatten(0, 1)
        return replace(self, kernel=kernel)


def at_nodes(
    splines: Sequence[Spline], values: Float[Tensor, "points columns"]
) -> list[Float[Tensor, "nodes columns"]]:
    """Return the values at the nodes of splines that share their kernel, which is read once."""
    weights = torch.cat([spline.solve(values) for spline in splines])
    # Rows of weights: with a few columns a product waits for the kernel, and this one least.
    every = functional.linear(splines[0].kernel, weights)
    return list(every.split(values.shape[1], dim=1))


def make_splines(
    points: Float[np.ndarray, "points 2"],
    members: Sequence[Int[np.ndarray, " _members"]],
    nodes: tuple[Float[np.ndarray, " columns"], Float[np.ndarray, " rows"]],
    device: torch.device,
) -> list[Spline]:
    """Factorise splines over the same nodes.

    Args:
        points: All points, in units in which they lie about 1 apart at most.
        members: Which of them are the sites of each spline.
        nodes: x of the grid's columns and y of its rows.
        device: Where values at the nodes are computed.
    """
    union = np.unique(np.concatenate(list(members)))
    kernel = torch.from_numpy(_kernel_at_nodes(points[union], *nodes)).to(device)
    gram = _gram(points[union])
    # MPS has no double precision.
    exact = torch.device("cpu") if device.type == "mps" else device

    def spline(sites: Int[np.ndarray, " sites"]) -> Spline:
        rows = np.searchsorted(union, sites)
        factor, planes, level = _factorise(gram[np.ix_(rows, rows)], points[sites])
        return Spline(
            sites=torch.as_tensor(sites, device=device), rows=torch.as_tensor(rows, device=device),
            factor=torch.from_numpy(factor).to(exact), planes=torch.from_numpy(planes).to(exact),
            level=torch.from_numpy(level).to(exact), kernel=kernel,
        )  # fmt: skip

    return [spline(sites) for sites in members]


def _factorise(
    gram: Float[np.ndarray, "sites sites"], sites: Float[np.ndarray, "sites 2"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return L, P and (P' G P)^-1 P' G of a `Spline`."""
    count = len(sites)
    planes = np.concatenate([np.ones((count, 1)), sites], 1)
    # c P P' with P made orthonormal: the kernel is below 0 there by less than 0.19 a pair of sites.
    flat = np.linalg.qr(planes)[0]
    factor = np.linalg.cholesky(gram + count * (flat @ flat.T))
    # With H = L^-1 P: P' G P = H' H, and G P = L'^-1 H.
    half = torch.linalg.solve_triangular(
        torch.from_numpy(factor), torch.from_numpy(planes), upper=False
    )
    bent = torch.linalg.solve_triangular(torch.from_numpy(factor).mT, half, upper=True)
    return factor, planes, torch.linalg.solve(half.mT @ half, bent.mT).numpy()


def _gram(sites: Float[np.ndarray, "sites 2"]) -> Float64[np.ndarray, "sites sites"]:
    """Return the kernel r^2 log r between sites, with the ridge."""
    squared = sum((axis[:, None] - axis[None]) ** 2 for axis in sites.T)
    gram = np.log(squared + _APART) * squared * 0.5
    gram[np.diag_indices(len(sites))] += _STIFFNESS
    return gram


def _kernel_at_nodes(
    sites: Float[np.ndarray, "sites 2"],
    x: Float[np.ndarray, " columns"],
    y: Float[np.ndarray, " rows"],
) -> Float[np.ndarray, "nodes columns2"]:
    """Return the kernel between the grid's nodes and the sites, then 1, x, y of each node."""
    count = len(sites)
    # Squared distances of a grid are sums over its axes; in double precision until they are added.
    across = ((x[:, None] - sites[:, 0]) ** 2).astype(np.float32)
    down = ((y[:, None] - sites[:, 1]) ** 2 + _APART).astype(np.float32)
    kernel = np.empty((len(y), len(x), count + _PLANES), np.float32)
    squared = np.empty_like(across)
    # A row of nodes at a time: it stays in the processor's cache.
    for row, offset in zip(kernel, down, strict=True):
        np.add(across, offset, out=squared)
        np.log(squared, out=row[:, :count])
        row[:, :count] *= squared
        row[:, :count] *= np.float32(0.5)
    kernel[..., count] = 1
    kernel[..., count + 1] = x
    kernel[..., count + 2] = y[:, None]
    return kernel.reshape(-1, count + _PLANES)
