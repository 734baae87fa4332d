"""Openings: a slit's two sides, each a patch that forgets the control points of the other side.

At rest both sides show the same picture; where they part, what lies behind the skin is seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from speech2face import landmarks
from speech2face.devices import to_tensor
from speech2face.generators.warp.fields import Patch, fields, make_patches
from speech2face.generators.warp.slits import Layer, Slit, locate
from speech2face.geometry import warp
from speech2face.motion.points import ControlPoints

_SLIT_CELLS = 64
"""Nodes along the width of a slit's patches: an eye is some 35 of them wide."""
_CORNERS = 0.97
"""Beyond this share of the half width, points belong to both sides."""
_BESIDE_LIPS = 0.1
"""Share of the lips' width around them in which the mouth's inside is looked for."""
_SHADOW = 0.4
"""Share of the light that the line between closed lips loses."""
_NEARBY = 0.06
"""The skull's points within about this share of the crop tell how a slit moves with the head."""


@dataclass(frozen=True, kw_only=True)
class Opening:
    """A slit's two sides: the same rectangle moved once by each side's own control points."""

    above: Patch
    below: Patch
    upper: Int[np.ndarray, " points"]
    """Mesh points of the upper edge, from left to right."""
    lower: Int[np.ndarray, " points"]
    """Mesh points of the lower edge; the corners are shared."""
    home: Float[np.ndarray, "2 2"]
    """Where the corners rest in pixels of the crop that the patches were laid over."""
    away: Float[Tensor, "1 all 2"] | None = None
    """For another view: how far it has the control points from where they rest."""

    def travel(self, placed: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch 2"]:
        """Return by how many whole pixels the rectangle goes along with its slit in each frame.

        A head that turns by 25 degrees carries its mouth half out of a rectangle that stays. What
        is drawn in a moved rectangle is found as if the face had been moved back by as much.
        """
        corners = [self.upper[0], self.upper[-1]]
        rest = to_tensor(self.home, placed.device)
        way = (placed[:, corners, :2] - rest).mean(1).round()
        patch = self.above
        least = way.new_tensor([-patch.left, -patch.top])
        most = way.new_tensor([
            patch.size - patch.left - patch.width, patch.size - patch.top - patch.height
        ])  # fmt: skip
        return torch.minimum(torch.maximum(way, least), most)

    def slit(self, placed: Float[Tensor, "batch points 3"], margin: float = 0.0) -> Slit:
        """Find the slit among the moved control points; `margin` as in `locate`."""
        return locate(
            placed[:, self.upper, :2], placed[:, self.lower, :2], self.above.pixels, margin
        )

    def rigid_sources(
        self,
        points: ControlPoints,
        pose: Float[np.ndarray, "batch 3"],
        shift: Float[np.ndarray, "batch 3"] | None,
        travel: Float[Tensor, "batch 2"],
    ) -> Float[Tensor, "batch 2 height width"]:
        """Find where the slit's pixels come from if the head moves and the face does not."""
        anchors = points.rest[landmarks.RIGID]
        rest = to_tensor(points.pixels[landmarks.RIGID], anchors.device)
        placed = points.place(anchors.expand(len(pose), -1, -1), pose, shift)[..., :2]
        pixels = self.above.pixels
        middle = pixels.mean((0, 1))
        near = torch.softmax(
            -((rest - middle) ** 2).sum(1) / (2 * (_NEARBY * self.above.size) ** 2), 0
        )
        moved = ((placed - rest) * near[None, :, None]).sum(1) - travel
        angle = torch.deg2rad(to_tensor(pose[:, 2], anchors.device))
        cos, sin = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None]
        x = pixels[..., 0] - middle[0] - moved[:, 0, None, None]
        y = pixels[..., 1] - middle[1] - moved[:, 1, None, None]
        return torch.stack([cos * x + sin * y, cos * y - sin * x], 1) + middle.view(1, 2, 1, 1)

    def draw_into(
        self,
        frames: Float[Tensor, "batch 3 size size"],
        photo: Float[Tensor, "1 3 size size"],
        slit: Slit,
        moves: Float[Tensor, "batch points 2"],
        inside: Float[Tensor, "batch 3 height width"],
        travel: Float[Tensor, "batch 2"],
        painted: tuple[Float[Tensor, "1 3 size size"], Float[Tensor, "batch 1 1 1"]] | None = None,
        over: Sequence[Layer] = (),
    ) -> None:
        """Draw the slit's two sides and what is between them into frames.

        Args:
            frames: Are drawn into.
            photo: The portrait's crop.
            slit: Where it lies, as if its rectangle had stayed.
            moves: Motion of the control points.
            inside: What is seen between the sides.
            travel: By how much the rectangle goes along with the slit.
            painted: Another picture for the two sides, and how much of it is shown.
            over: What is drawn over all this, one after the other.
        """
        above, below = (self._drawn(grid, photo, painted) for grid in self.grids(moves, travel))
        lower, gap = slit.below(soft=0.6), slit.inside()
        drawn = above * (1 - lower) + below * lower
        if painted is not None:
            # Lips that rest apart have no line between them where they meet.
            drawn = drawn * (1 - _SHADOW * painted[1] * slit.seam())
        drawn = (drawn * (1 - gap) + inside * gap).clamp(0, 1)
        for colours, share in over:
            drawn = drawn + share * (colours - drawn)
        share = self.above.window * slit.beside()
        for index, way in enumerate(travel):
            place = frames[index, :, *self.area(way)]
            place += (drawn[index] - place) * share[index]

    def area(self, travel: Float[Tensor, " 2"]) -> tuple[slice, slice]:
        """Return the rows and columns of the crop that the rectangle covers, gone along."""
        x, y = travel.int().tolist()
        rows, columns = self.above.area
        return (
            slice(rows.start + y, rows.stop + y), slice(columns.start + x, columns.stop + x)
        )  # fmt: skip

    def grids(
        self, moves: Float[Tensor, "batch points 2"], travel: Float[Tensor, "batch 2"]
    ) -> list[Float[Tensor, "batch height width 2"]]:
        """Find where the pixels above and below the slit come from."""
        patches = self.above, self.below
        if self.away is None:
            found = fields(patches, move_back(moves, travel))
            return [patch.grid_of(field) for patch, field in zip(patches, found, strict=True)]
        found = fields(patches, torch.cat([moves, self.away]))
        return [
            patch.grid_in_view(field[:-1], field[-1:], travel)
            for patch, field in zip(patches, found, strict=True)
        ]

    def _drawn(
        self,
        grid: Float[Tensor, "batch height width 2"],
        photo: Float[Tensor, "1 3 size size"],
        painted: tuple[Float[Tensor, "1 3 size size"], Float[Tensor, "batch 1 1 1"]] | None,
    ) -> Float[Tensor, "batch 3 height width"]:
        """Draw one side of the slit."""
        drawn = warp(photo.expand(len(grid), -1, -1, -1), grid, mode="bicubic")
        if painted is None:
            return drawn
        picture, share = painted
        other = warp(picture.expand(len(grid), -1, -1, -1), grid, mode="bicubic")
        return drawn + share * (other - drawn)


def move_back(
    points: Float[Tensor, "batch points dims"], travel: Float[Tensor, "batch 2"]
) -> Float[Tensor, "batch points dims"]:
    """Move points back by as much as a slit's rectangle went along; depth stays."""
    moved = points.clone()
    moved[..., :2] -= travel[:, None]
    return moved


def mouth_opening(points: ControlPoints, size: int) -> Opening:
    """Lay the patches of the mouth over a crop of `size` pixels."""
    flat = points.pixels
    left, right = flat[landmarks.UPPER_LIP_OUTER[0]], flat[landmarks.UPPER_LIP_OUTER[-1]]
    centre, width = (left + right) / 2, float(np.linalg.norm(right - left))
    box = (*(centre - width * np.array([1.0, 0.75])), *(centre + width * np.array([1.0, 1.15])))
    return _opening(
        points, size, box, landmarks.UPPER_LIP_INNER, landmarks.LOWER_LIP_INNER,
        reach=(0.45, 0.6),
    )  # fmt: skip


def eye_opening(points: ControlPoints, size: int, upper: np.ndarray, lower: np.ndarray) -> Opening:
    """Lay the patches of an eye over the crop; its lids are given as mesh points."""
    flat = points.pixels
    centre = (flat[upper[0]] + flat[upper[-1]]) / 2
    width = float(np.linalg.norm(flat[upper[-1]] - flat[upper[0]]))
    box = (*(centre - width * np.array([0.95, 0.9])), *(centre + width * np.array([0.95, 0.8])))
    return _opening(points, size, box, upper, lower, reach=(0.5, 0.5))


def mouth_hole(points: ControlPoints, size: int) -> Float[Tensor, "1 2 size size"]:
    """Map where the resting picture shows the inside of the mouth: with its edge, and surely."""
    device = points.rest.device
    hole = torch.zeros(1, 2, size, size, device=device)
    lips = points.pixels[np.concatenate([landmarks.UPPER_LIP_INNER, landmarks.LOWER_LIP_INNER])]
    # Beyond the corners and a pixel from the edges there is no inside.
    margin = _BESIDE_LIPS * np.ptp(lips, axis=0).max() + 4
    left, top = np.clip(np.floor(lips.min(0) - margin), 0, size).astype(int).tolist()
    right, bottom = np.clip(np.ceil(lips.max(0) + margin), 0, size).astype(int).tolist()
    y, x = torch.meshgrid(torch.arange(top, bottom), torch.arange(left, right), indexing="ij")
    pixels = torch.stack([x, y], -1).float().to(device)
    flat = to_tensor(points.pixels, device)
    upper, lower = flat[landmarks.UPPER_LIP_INNER], flat[landmarks.LOWER_LIP_INNER]
    slit = locate(upper[None], lower[None], pixels)
    within = (slit.u.abs() < 1.05).float()  # noqa: PLR2004 - a little past the corners
    # A pixel wider than the gap, so that at rest the picture shows through unchanged; narrower
    # where it must not bring lip along once the mouth opens.
    edge = torch.minimum(slit.v - slit.upper, slit.lower - slit.v)
    hole[..., top:bottom, left:right] = torch.stack(
        [(edge + 1.5).clamp(0, 1) * within, (edge / 2 - 0.5).clamp(0, 1)], 1
    )
    return hole


def _opening(
    points: ControlPoints,
    size: int,
    box: tuple[float, ...],
    upper: np.ndarray,
    lower: np.ndarray,
    reach: tuple[float, float],
) -> Opening:
    """Lay the two patches of a slit: each forgets the other side's edge and what is near it."""
    flat = points.pixels
    cell = max(1, round((box[2] - box[0]) / _SLIT_CELLS))
    near = _near(flat, box) & points.seen
    axis = flat[upper[-1]] - flat[upper[0]]
    width = float(np.linalg.norm(axis))
    along = axis / width
    offset = flat - (flat[upper[0]] + flat[upper[-1]]) / 2
    u = offset @ along / (width / 2)
    v = offset @ np.array([-along[1], along[0]])
    middle = _edge_middle(u, v, upper, lower)
    between = np.abs(u) < _CORNERS
    index = np.arange(len(flat))
    is_iris = (index >= landmarks.SURFACE_POINTS) & (index < landmarks.MESH_POINTS)
    on_upper, on_lower = np.isin(index, upper[1:-1]), np.isin(index, lower[1:-1])
    under = on_lower | (between & (v > middle) & (v < reach[1] * width) & ~on_upper)
    over = on_upper | (between & (v <= middle) & (v > -reach[0] * width) & ~on_lower)
    members = [np.flatnonzero(near & ~forgotten & ~is_iris) for forgotten in (under, over)]
    above, below = make_patches(
        (box[0], box[1], box[2], box[3]), cell, size, flat, members,
        feather=0.25, device=points.rest.device,
    )  # fmt: skip
    return Opening(
        above=above, below=below, upper=upper, lower=lower, home=flat[[upper[0], upper[-1]]]
    )


def _edge_middle(u: np.ndarray, v: np.ndarray, upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Return the v of the line between a slit's edges, at each point's u."""
    above = np.interp(u, np.maximum.accumulate(u[upper]), v[upper])
    below = np.interp(u, np.maximum.accumulate(u[lower]), v[lower])
    return (above + below) / 2


def _near(flat: np.ndarray, box: tuple[float, ...]) -> np.ndarray:
    """Choose the control points in and around a rectangle: those further off hardly bend it."""
    low, high = np.array(box[:2]), np.array(box[2:])
    margin = (high - low) * 0.6
    return np.all((flat > low - margin) & (flat < high + margin), axis=1)
