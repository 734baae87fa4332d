"""Smooth motion of the picture from the motion of scattered control points, and its inverse.

A `Patch` is a rectangle of the crop with a coarse grid of nodes. A thin-plate spline (`splines`)
turns the displacements of its control points into a displacement at every node. Frames are drawn
backwards, so the field is inverted by Newton's method: where does the picture at y come from? From
u with u + f(u) = y.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from speech2face.generators.warp.splines import Spline, at_nodes, make_splines
from speech2face.geometry import to_normalized
from speech2face.signals import eased

_INVERSION_STEPS = 4
"""Newton steps; the residual of a wide-open mouth is below a tenth of a pixel after three."""
_LEAST_AREA = 0.25
"""Pixels that shrink to less than this share are treated as if they shrank to it."""


@dataclass(frozen=True, kw_only=True)
class Patch:
    """A rectangle of the crop whose motion is known at the nodes of a grid."""

    left: int
    top: int
    cell: int
    """Pixels between nodes; the first node lies in the middle of the first cell."""
    rows: int
    columns: int
    spline: Spline
    """Displacements of the control points -> displacements of the nodes, row by row."""
    held: Float[Tensor, "1 1 rows columns"]
    """Share of the motion that nodes take part in; 0 where the picture is pinned."""
    window: Float[Tensor, "1 1 height width"]
    """1 inside, falling to 0 at the rectangle's border, where other patches take over."""
    pixels: Float[Tensor, "height width 2"]
    """The (x, y) of each pixel of the rectangle in pixels of the crop."""
    home: Float[Tensor, "height width 2"]
    """The same, normalized over the crop: the sampling grid at rest."""
    size: int
    """Side of the crop in pixels."""

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return self.rows * self.cell

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return self.columns * self.cell

    @property
    def area(self) -> tuple[slice, slice]:
        """Rows and columns of the crop that the patch covers."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    def nodes(self) -> Float[Tensor, "1 2 rows columns"]:
        """Return the (x, y) of the nodes in pixels of the crop."""
        middle = (self.cell - 1) / 2
        device = self.pixels.device
        x = torch.arange(self.columns, device=device) * self.cell + self.left + middle
        y = torch.arange(self.rows, device=device) * self.cell + self.top + middle
        grid = torch.meshgrid(y, x, indexing="ij")
        return torch.stack(grid[::-1])[None].float()

    def grid(
        self, displacements: Float[Tensor, "batch points 2"]
    ) -> Float[Tensor, "batch height width 2"]:
        """Find where the picture at every pixel of the patch comes from.

        Args:
            displacements: Motion of all control points of the portrait, in pixels.

        Returns:
            Where to sample the resting crop: normalized (x, y).
        """
        return self.grid_of(*fields([self], displacements))

    def grid_of(
        self, field: Float[Tensor, "batch 2 rows columns"]
    ) -> Float[Tensor, "batch height width 2"]:
        """Find where pixels come from, given the motion of the nodes from `fields`.

        Returns:
            Where to sample the resting crop: normalized (x, y).
        """
        return self._enlarged(self._inverse(field) - self.nodes())

    def grid_in_view(
        self,
        field: Float[Tensor, "batch 2 rows columns"],
        away: Float[Tensor, "1 2 rows columns"],
        travel: Float[Tensor, "batch 2"],
    ) -> Float[Tensor, "batch height width 2"]:
        """Find where the picture at every pixel of the patch comes from in another view.

        The spline's points rest where the patch's own view has them, at u. The other view has them
        at u + away, and with its motion at u + away + field: what is wanted at y comes from
        y - field(u), where u + away(u) + field(u) = y. Without motion it stays exactly where it is,
        however well the points fit the two views.

        Args:
            field: Motion against the other view, from `fields`.
            away: Where the other view has the points, against where they rest, from `fields`.
            travel: By how much the patch goes along in the other view, in pixels.

        Returns:
            Where to sample the other view's crop: normalized (x, y), for the patch gone along.
        """
        source = self._inverse(away + field - travel[:, :, None, None])
        motion = functional.grid_sample(
            field, self._reading(source), padding_mode="border", align_corners=False
        )
        return self._enlarged(-motion) + travel[:, None, None] * (2 / self.size)

    def part(self, rows: slice, columns: slice) -> "Patch":
        """Return the patch over some of the nodes; its window is a part of this one's."""
        high, wide = (slice(one.start * self.cell, one.stop * self.cell) for one in (rows, columns))
        return replace(
            self, left=self.left + wide.start, top=self.top + high.start,
            rows=rows.stop - rows.start, columns=columns.stop - columns.start,
            spline=self.spline.at((self.rows, self.columns), rows, columns),
            held=self.held[..., rows, columns], window=self.window[..., high, wide],
            pixels=self.pixels[high, wide], home=self.home[high, wide],
        )  # fmt: skip

    def _inverse(
        self, field: Float[Tensor, "batch 2 rows columns"]
    ) -> Float[Tensor, "batch 2 rows columns"]:
        """Find the u with u + field(u) = y for the y of every node."""
        target = self.nodes()
        # The field and its slopes (per pixel) are read at the same places, so they travel together.
        along_y, along_x = torch.gradient(field / self.cell, dim=(2, 3))
        known = torch.cat([field, along_x, along_y], 1)
        source = target - field
        for _ in range(_INVERSION_STEPS):
            source = source - self._newton(known, source, target)
        return source

    def _enlarged(
        self, motion: Float[Tensor, "batch 2 rows columns"]
    ) -> Float[Tensor, "batch height width 2"]:
        """Turn the way from each node to its source into a sampling grid of all pixels."""
        # Motion is enlarged, not positions: those would stop half a cell before the border.
        every = functional.interpolate(
            motion * self.held * (2 / self.size), scale_factor=self.cell, mode="bilinear"
        )
        return every.permute(0, 2, 3, 1) + self.home

    def _reading(
        self, places: Float[Tensor, "batch 2 rows columns"]
    ) -> Float[Tensor, "batch rows columns 2"]:
        """Turn places in pixels of the crop into a grid that reads a field of the nodes."""
        start = places.new_tensor([self.left, self.top]).view(1, 2, 1, 1) - 0.5
        extent = places.new_tensor([self.width, self.height]).view(1, 2, 1, 1)
        return (2 * (places - start) / extent - 1).permute(0, 2, 3, 1)

    def _newton(
        self,
        known: Float[Tensor, "batch 6 rows columns"],
        source: Float[Tensor, "batch 2 rows columns"],
        target: Float[Tensor, "1 2 rows columns"],
    ) -> Float[Tensor, "batch 2 rows columns"]:
        """Return the step from a guessed source towards the true one."""
        here = functional.grid_sample(
            known, self._reading(source), padding_mode="border", align_corners=False
        )
        miss_x, miss_y = (source + here[:, :2] - target).unbind(1)
        xx, yx, xy, yy = here[:, 2] + 1, here[:, 3], here[:, 4], here[:, 5] + 1
        # Where the field folds there is no inverse; a small step towards it is taken all the same.
        area = (xx * yy - xy * yx).clamp(min=_LEAST_AREA)
        return (
            torch.stack([yy * miss_x - xy * miss_y, xx * miss_y - yx * miss_x], 1) / area[:, None]
        )


def fields(
    patches: Sequence[Patch], displacements: Float[Tensor, "batch points 2"]
) -> list[Float[Tensor, "batch 2 rows columns"]]:
    """Return the displacement of every node of patches over the same rectangle.

    Args:
        patches: From one call of `make_patches`.
        displacements: Motion of all control points of the portrait, in pixels.
    """
    rows, columns = patches[0].rows, patches[0].columns
    # points batch 2 -> nodes (batch 2): every frame's x and y are columns of one right side.
    moved = displacements.permute(1, 0, 2).flatten(1)
    every = at_nodes([patch.spline for patch in patches], moved)
    return [
        field.reshape(rows, columns, len(displacements), 2).permute(2, 3, 0, 1) for field in every
    ]


def make_patches(
    box: tuple[float, float, float, float],
    cell: int,
    size: int,
    points: Float[np.ndarray, "points 2"],
    members: Sequence[Int[np.ndarray, " _members"]],
    *,
    feather: float,
    pinned: float = 0.0,
    device: torch.device,
) -> list[Patch]:
    """Lay patches over one rectangle of the crop, each moved by control points of its own.

    Args:
        box: Left, top, right, bottom in pixels; grown to whole cells, cut at the crop's border.
        cell: Pixels between nodes.
        size: Side of the crop.
        points: Resting control points of the portrait in pixels of the crop.
        members: Which of them move each patch.
        feather: Share of the rectangle's half side over which its window falls to 0.
        pinned: Share of the rectangle's half side over which its motion falls to 0.
        device: Where frames will be drawn.
    """
    left, top = (int(np.floor(max(0.0, edge) / cell)) * cell for edge in box[:2])
    end = size // cell
    right, bottom = (min(end, int(np.ceil(edge / cell))) * cell for edge in box[2:])
    columns, rows = max(2, (right - left) // cell), max(2, (bottom - top) // cell)
    middle = (cell - 1) / 2
    x = np.arange(columns) * cell + left + middle
    y = np.arange(rows) * cell + top + middle
    splines = make_splines(points / size, members, (x / size, y / size), device)
    window = _window(rows * cell, columns * cell, feather)
    area_x = torch.arange(left, left + columns * cell, device=device)
    area_y = torch.arange(top, top + rows * cell, device=device)
    pixels = torch.stack(torch.meshgrid(area_y, area_x, indexing="ij")[::-1], -1).float()
    first = Patch(
        left=left, top=top, cell=cell, rows=rows, columns=columns, spline=splines[0],
        window=torch.as_tensor(window, dtype=torch.float32, device=device),
        held=torch.as_tensor(_window(rows, columns, pinned), dtype=torch.float32, device=device),
        pixels=pixels, home=to_normalized(pixels, size, size), size=size,
    )  # fmt: skip
    return [replace(first, spline=spline) for spline in splines]


def _window(rows: int, columns: int, feather: float) -> Float[np.ndarray, "1 1 rows columns"]:
    """Return the smaller fall of the two directions, so that corners fall off as well."""
    return np.minimum.outer(fall(rows, feather), fall(columns, feather))[None, None]


def fall(length: int, feather: float) -> np.ndarray:
    """Rise from 0 to 1 and fall again, smoothly, over `feather` of each half."""
    if feather == 0:
        return np.ones(length)
    from_edge = np.minimum(np.arange(length) + 0.5, length - np.arange(length) - 0.5)
    share = np.clip(from_edge / (feather * length / 2), 0, 1)
    return eased(share)
