"""Motion between frames from the surface points that their pixels show.

Each pixel of a frame has coordinates on what it shows: where a photograph's pixel lay at rest, or
where on the mean head it is. Two frames see the same point where those coordinates agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from scipy.spatial import KDTree
from torch import Tensor

from speech2face.synthesis.heads.head_model import EYES
from speech2face.synthesis.heads.zbuffer import Fragments
from speech2face.synthesis.pairs import FLOW_SIZE

_MEETS = 1.0
"""Pixels at rest from which on two frames show different points."""
_SAME = 0.45
"""Centimetres on the mean head within which two frames show the same place; on an eyeball (whose
radius is 1 there) a quarter of it."""
_TORN = 2.0
"""Pixels of a frame by which motion may differ within a cell."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a rendered picture shows, pixel by pixel."""

    fragments: Fragments
    """Of a batch of one."""
    rest: Float[Tensor, "height width 3"]
    """Place on the mean head; on an eyeball the direction in its own axes."""
    material: Int[Tensor, "height width"]
    """-1: the background."""
    placed: Float[Tensor, "vertices 3"]
    """The vertices in pixels of the picture, with depth."""


def flows_by_sources(
    sources: Float[np.ndarray, "frames size size 2"], known: Bool[np.ndarray, "frames size size"]
) -> tuple[
    Float[np.ndarray, "frames frames cells cells 2"], UInt8[np.ndarray, "frames frames cells cells"]
]:
    """Return the backward motion between all frames and where it is visible.

    Args:
        sources: Where each pixel comes from, in pixels of the resting picture.
        known: Where that is so; elsewhere a pixel shows what the resting picture does not.

    Returns:
        Flows and visibility as in `pairs.IdentityFrames`.
    """
    frames, size = sources.shape[:2]
    step = size // FLOW_SIZE
    y, x = np.mgrid[:size, :size]
    pixels = np.stack([x, y], -1).astype(np.float32)
    centres, _ = _cells(pixels, np.ones((size, size), bool), step)
    cells = [_cells(sources[j], known[j], step) for j in range(frames)]
    flows = np.zeros((frames, frames, FLOW_SIZE, FLOW_SIZE, 2), np.float32)
    visible = np.zeros((frames, frames, FLOW_SIZE, FLOW_SIZE), np.uint8)
    for i in range(frames):
        places = sources[i][known[i]]
        tree, where = KDTree(places), pixels[known[i]]
        for j in range(frames):
            wanted, sure = cells[j]
            distance, nearest = tree.query(wanted.reshape(-1, 2))
            # The nearest pixel's own source differs from the wanted one by a fraction of a pixel,
            # and so do their places (the motion is smooth).
            found = where[nearest] + wanted.reshape(-1, 2) - places[nearest]
            moved = (found - centres.reshape(-1, 2)) * (2 / size)
            flows[i, j] = moved.reshape(FLOW_SIZE, FLOW_SIZE, 2)
            visible[i, j] = (distance < _MEETS).reshape(FLOW_SIZE, FLOW_SIZE) & sure
    return flows, visible


def _cells(
    values: Float[np.ndarray, "size size 2"], known: Bool[np.ndarray, "size size"], step: int
) -> tuple[Float[np.ndarray, "cells cells 2"], Bool[np.ndarray, "cells cells"]]:
    """Average over the cells of a flow: the mean of its pixels lies at its centre."""
    cells = len(values) // step
    shaped = values.reshape(cells, step, cells, step, 2)
    spread = np.ptp(shaped, axis=(1, 3)).max(-1)
    whole = known.reshape(cells, step, cells, step).all((1, 3))
    # A cell that an edge crosses shows two surfaces: its mean is on neither.
    return shaped.mean((1, 3)), whole & (spread < 2.5 * step)


@torch.inference_mode()
def flows_by_surface(
    frames: Sequence[Shown], triangles: Int[Tensor, "triangles 3"]
) -> tuple[
    Float[np.ndarray, "frames frames cells cells 2"], UInt8[np.ndarray, "frames frames cells cells"]
]:
    """Find the middle of every cell of each rendered frame in each other frame.

    Seen are points where the other frame shows the same material and nearly the same place of the
    mean head; the background shows the background.

    Args:
        frames: Of one person, rendered at a multiple of `FLOW_SIZE` pixels.
        triangles: Of the mesh.

    Returns:
        Flows and visibility as in `pairs.IdentityFrames`.
    """
    size = frames[0].rest.shape[0]
    step = size // FLOW_SIZE
    # The four pixels around the middle of a cell.
    middle = torch.arange(FLOW_SIZE) * step + step // 2
    lines = torch.stack([middle - 1, middle], 1).flatten()
    y, x = torch.meshgrid(lines, lines, indexing="ij")
    count = len(frames)
    flows = np.zeros((count, count, FLOW_SIZE, FLOW_SIZE, 2), np.float32)
    visible = np.zeros((count, count, FLOW_SIZE, FLOW_SIZE), np.uint8)
    for j, driving in enumerate(frames):
        for i, source in enumerate(frames):
            moved, same = _follow(driving, source, triangles, y, x)
            shaped = (moved * (2 / size)).view(FLOW_SIZE, 2, FLOW_SIZE, 2, 2)
            spread = (shaped.amax((1, 3)) - shaped.amin((1, 3))).amax(-1)
            seen = same.view(FLOW_SIZE, 2, FLOW_SIZE, 2).all(3).all(1)
            flows[i, j] = shaped.mean((1, 3)).cpu().numpy()
            visible[i, j] = (seen & (spread < _TORN * 2 / size)).cpu().numpy()
    return np.clip(flows, -4, 4), visible


def _follow(
    driving: Shown,
    source: Shown,
    triangles: Int[Tensor, "triangles 3"],
    y: Int[Tensor, "rows columns"],
    x: Int[Tensor, "rows columns"],
) -> tuple[Float[Tensor, "rows columns 2"], Bool[Tensor, "rows columns"]]:
    """Find what some pixels of one picture show in another: how far off it is, and if seen."""
    triangle, weights = driving.fragments.triangle[0][y, x], driving.fragments.weights[0][y, x]
    material, rest = driving.material[y, x], driving.rest[y, x]
    placed = source.placed[triangles.to(triangle.device)[triangle.clamp(min=0)]]
    # The weights are of the surface; on the screen what is further off counts more.
    far = weights * placed[..., 2]
    flat = (far[..., None] * placed[..., :2]).sum(2) / far.sum(-1, keepdim=True)
    own = torch.stack([x, y], -1).to(flat)
    there = torch.where((triangle >= 0)[..., None], flat, own)
    size = source.rest.shape[0]
    column, row = (there[..., k].round().long() for k in (0, 1))
    inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    column, row = column.clamp(0, size - 1), row.clamp(0, size - 1)
    gap = (source.rest[row, column] - rest).norm(dim=-1)
    near = torch.where(material == EYES, _SAME / 4, _SAME)
    same = (source.material[row, column] == material) & inside & ((material < 0) | (gap < near))
    return there - own, same
