"""Closed lids: the skin that a portrait's open eye hides, and the line of lashes that it ends in.

What is seen of an upper lid in a portrait is a narrow band with a crease, make-up and lashes that
point up. Pulled down over the eye, it would become a dark smear. So the skin of the closed lid is
painted once, between the skin above the eye and the skin below it, and the lid's edge uncovers it
as a blind does. Lashes are drawn along the edge, pointing down.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage
from torch import Tensor

from speech2face.devices import to_tensor
from speech2face.generators.warp.slits import Layer, Slit, locate
from speech2face.geometry import dot, warp
from speech2face.signals import eased

# Lengths are in half widths of the eye: u along it, w across it, downwards, from its middle.
_LEFT, _TOP, _RIGHT, _BOTTOM = -1.35, -1.1, 1.35, 0.75
"""What the painted skin covers at most."""
_LOOKED_AT = 1.7
"""Skin is looked at down to here: the grain of the painted skin is that of the cheek."""
_ABOVE, _BELOW = 0.8, 0.18
"""Skin is painted from so far above the upper lid's resting edge to so far below the lower one's:
over lashes and crease, and over the moist rim."""
_TO_BROW = 0.8
"""Of the way from the lid to the brow at most: brows stay."""
_FADE = 1.5
"""Painted skin is all there this share of `_ABOVE` below where it begins: no edge is seen."""
_BAND = 0.14
"""Height of the skin above and below that gives the colours."""
_STROKES, _SMOOTH = 0.45, 0.14
"""Dark strokes narrower than the first are lashes, no skin; colours are smoothed by the other."""
_RISE = 0.55
"""Power by which the skin takes on the colour below it: a closed lid faces the light as cheeks do,
the skin above it lies in the shade of the brow."""
_BULGE = 0.2
"""The middle of a closed lid is lighter than its ends by this share: the eyeball lifts it."""
_CREASE = 0.1
_CREASE_AT, _CREASE_WIDE = 0.4, 0.05
"""Shade of the crease that stays, and where between the colours above and below it lies."""
_GRAIN = 0.03
"""Most that the grain adds or takes."""

_LASHES = 0.5
"""Lashes hang down at most so far."""
_LONG, _COUNT, _FAN = 0.25, 9.0, 0.55
"""Their length (where they have faded to a third), how many there are in a half width, and how far
they lean outwards."""
_LINE_ABOVE, _LINE_BELOW = 0.05, 0.1
"""How far the line of their roots reaches up and down (standard deviations)."""
_SOLID = 0.92
"""The line hides so much of the skin."""
_DARK = 0.3
"""Lashes are at most so bright, over the skin's brightness."""
_EDGE, _LASH_SHARE = 0.08, 15
"""So near to the lid's edge lashes are; the darkest of what is seen there, so many in 100."""
_FALLS = (0.15, 0.6)
"""Share of its way at which the upper lid begins to show painted skin, and shows nothing else."""
_SHUT = (0.1, 0.2)
"""Opening over width of an eye that shows its closed lids itself, and of one that shows none."""


@dataclass(frozen=True, kw_only=True)
class ClosedLid:
    """One eye's closed lid."""

    skin: Float[Tensor, "1 4 rows columns"]
    """Painted skin over the window, and how much of it replaces the picture."""
    fringe: Float[Tensor, "1 1 depths columns"]
    """How much of each place is lash, along the upper edge and across it: see `_fringe_grid`."""
    lashes: Float[Tensor, "1 3 1 1"]
    """Their colour."""
    centre: Float[Tensor, " 2"]
    """Middle between the eye's corners at rest in pixels of the crop."""
    along: Float[Tensor, " 2"]
    """Direction from the left corner to the right one, times half their distance."""
    height: float
    """Mean v of the upper edge at rest, in half widths."""
    opening: float
    """Mean distance of the edges at rest, in half widths."""
    share: float
    """How much of all this is needed: 0 where the portrait's eye is shut already."""

    def layers(
        self,
        upper: Float[Tensor, "batch points 2"],
        slit: Slit,
        sources: Float[Tensor, "batch 2 height width"],
    ) -> list[Layer]:
        """Give what is drawn over the eye, one after the other.

        Args:
            upper: The moved upper edge in pixels, from left to right.
            slit: The moved eye.
            sources: Where pixels of the eye come from if the head moves and the face does not.
        """
        first, last = _FALLS
        shown = self.share * eased(((self._closure(upper) - first) / (last - first)).clamp(0, 1))
        if not shown.any():
            return []
        shown = shown[:, None, None, None]
        skin, there = warp(self.skin.expand(len(shown), -1, -1, -1), self._grid(sources)).split(
            [3, 1], 1
        )
        outside = 1 - slit.inside()
        fringe = warp(
            self.fringe.expand(len(shown), -1, -1, -1), _fringe_grid(slit), padding="zeros"
        )
        return [(skin, there * shown * outside), (self.lashes, fringe * shown)]

    def _closure(self, upper: Float[Tensor, "batch points 2"]) -> Float[Tensor, " batch"]:
        """Tell how much of the opening the upper lid has come down by."""
        axis = (upper[:, -1] - upper[:, 0]) / 2
        across = torch.stack([-axis[:, 1], axis[:, 0]], 1)
        middle = upper[:, 1:-1].mean(1) - (upper[:, 0] + upper[:, -1]) / 2
        return (dot(middle, across) / dot(axis, axis) - self.height) / self.opening

    def _grid(
        self, sources: Float[Tensor, "batch 2 height width"]
    ) -> Float[Tensor, "batch height width 2"]:
        """Turn pixels of the resting crop into where the painted skin has them."""
        offset = sources.permute(0, 2, 3, 1) - self.centre
        half = dot(self.along, self.along)
        u = dot(offset, self.along) / half
        w = dot(offset, torch.stack([-self.along[1], self.along[0]])) / half
        x = (2 * u - _LEFT - _RIGHT) / (_RIGHT - _LEFT)
        return torch.stack([x, (2 * w - _TOP - _BOTTOM) / (_BOTTOM - _TOP)], -1)


def _fringe_grid(slit: Slit) -> Float[Tensor, "batch height width 2"]:
    """Tell where the fringe has the pixels of a slit: it hangs on the upper edge."""
    depth = (slit.v - slit.upper) / slit.half_width
    low, high = -_LASHES / 2, _LASHES
    return torch.stack([slit.u / _RIGHT, (2 * depth - low - high) / (high - low)], -1)


def paint_lid(
    crop: UInt8[np.ndarray, "size size 3"],
    upper: Float[np.ndarray, "points 2"],
    lower: Float[np.ndarray, "points 2"],
    brow: Float[np.ndarray, "some 2"],
    outwards: float,
    device: torch.device,
) -> ClosedLid:
    """Paint the closed lid of an eye.

    Args:
        crop: The portrait.
        upper: The upper lid's edge in pixels, from the left corner to the right one.
        lower: The lower lid's; the corners are shared.
        brow: Points of the brow.
        outwards: Which corner is the outer one: -1 the left, 1 the right one.
        device: Where frames will be drawn.
    """
    centre, axis = (upper[0] + upper[-1]) / 2, (upper[-1] - upper[0]) / 2
    half = max(float(np.hypot(*axis)), 1.0)
    across = np.array([-axis[1], axis[0]]) / half
    columns, rows = _middles(_LEFT, _RIGHT, half), _middles(_TOP, _BOTTOM, half)
    step = float(rows[1] - rows[0])  # a pixel
    cheek = _BOTTOM + step * (np.arange(round((_LOOKED_AT - _BOTTOM) / step)) + 0.5)
    u, w = np.meshgrid(columns, np.concatenate([rows, cheek]))
    places = centre + u[..., None] * axis + w[..., None] * across * half
    x, y = np.moveaxis(places.astype(np.float32), -1, 0)
    flat = cv2.remap(crop, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    flat = flat.astype(np.float32) / 255
    edges = (torch.from_numpy(edge).float()[None] for edge in (upper, lower))
    slit = locate(*edges, pixels=torch.from_numpy(places).float())
    top, bottom = (edge[0, 0].numpy() / half for edge in (slit.upper, slit.lower))
    to_brow = float(((upper.mean(0) - brow) @ across).min()) / half
    ends = np.clip(1 - columns**4, 0, 1)
    first = np.maximum(top - min(_ABOVE, max(_TO_BROW * to_brow, _BAND)) * ends, _TOP + _BAND)
    last = np.minimum(bottom + _BELOW * ends, _BOTTOM)
    skin = _skin(flat, w, (first, last), step)
    there = _there(u, w, (first, top), (bottom, last))
    on_edge = (np.abs(w - top + _EDGE / 2) < max(_EDGE, step)) & (np.abs(u) < 1)
    lashes = _lash_colour(flat, skin, on_edge)
    opening = float(((lower - upper)[1:-1] @ across).mean()) / half
    shut, parted = _SHUT
    return ClosedLid(
        skin=_picture(np.concatenate([skin, there[..., None]], -1)[: len(rows)], device),
        fringe=_picture(_fringe(columns, outwards)[..., None], device),
        lashes=to_tensor(lashes, device).view(1, 3, 1, 1),
        centre=to_tensor(centre, device), along=to_tensor(axis, device),
        height=float(((upper[1:-1] - centre) @ across).mean()) / half, opening=max(opening, 1e-3),
        share=float(np.clip((opening / 2 - shut) / (parted - shut), 0, 1)),
    )  # fmt: skip


def _middles(first: float, last: float, half: float) -> Float[np.ndarray, " some"]:
    """Return the middles of pixels of about one pixel of the crop each."""
    count = max(2, round((last - first) * half))
    return first + (last - first) / count * (np.arange(count) + 0.5)


def _picture(
    values: Float[np.ndarray, "rows columns channels"], device: torch.device
) -> Float[Tensor, "1 channels rows columns"]:
    return to_tensor(values, device).permute(2, 0, 1)[None].contiguous()


def _skin(
    flat: Float[np.ndarray, "rows columns 3"],
    w: Float[np.ndarray, "rows columns"],
    lines: tuple[Float[np.ndarray, " columns"], Float[np.ndarray, " columns"]],
    step: float,
) -> Float[np.ndarray, "rows columns 3"]:
    """Paint skin between two lines, from the colours beyond them and the grain of the cheek."""
    first, last = lines
    above = _colours(flat, w, first - _BAND / 2, step)
    below = _colours(flat, w, last + _BAND / 2, step)
    share = np.clip((w - first) / np.maximum(last - first, step), 0, 1)[..., None] ** _RISE
    skin = above + (below - above) * share
    skin = skin * (1 + _BULGE * (np.sin(np.pi * share) - 0.5))
    skin = skin * (1 - _CREASE * np.exp(-0.5 * ((share - _CREASE_AT) / _CREASE_WIDE) ** 2))
    coarse = cv2.GaussianBlur(flat, (0, 0), 0.12 / step)
    grain = np.clip(flat - coarse, -_GRAIN, _GRAIN)
    mirrored = np.round((2 * (last + _BAND) - w - _TOP) / step).astype(int)  # in the cheek
    return skin + np.take_along_axis(grain, mirrored.clip(0, len(flat) - 1)[..., None], 0)


def _colours(
    flat: Float[np.ndarray, "rows columns 3"],
    w: Float[np.ndarray, "rows columns"],
    line: Float[np.ndarray, " columns"],
    step: float,
) -> Float[np.ndarray, "columns 3"]:
    """Return the colours of the skin along a line, without the strokes of lashes."""
    line = np.clip(line, w[0], w[-1])  # an eye that is far too tall has nothing above it
    near = np.exp(-0.5 * ((w - line) / (_BAND / 2)) ** 2)[..., None]
    colours = (flat * near).sum(0) / near.sum(0)
    closed = ndimage.grey_closing(colours, (max(1, round(_STROKES / step)), 1), mode="nearest")
    return ndimage.gaussian_filter1d(closed, _SMOOTH / step, axis=0, mode="nearest")


def _there(
    u: Float[np.ndarray, "rows columns"],
    w: Float[np.ndarray, "rows columns"],
    above: tuple[Float[np.ndarray, " columns"], Float[np.ndarray, " columns"]],
    below: tuple[Float[np.ndarray, " columns"], Float[np.ndarray, " columns"]],
) -> Float[np.ndarray, "rows columns"]:
    """Tell how much of each place is painted: what lies between the lids, fading beyond them."""
    (first, top), (bottom, last) = above, below
    upper = np.clip((w - first) / np.maximum(_FADE * (top - first), 1e-3), 0, 1)
    lower = np.clip((last - w) / np.maximum(last - bottom, 1e-3), 0, 1)
    sides = np.clip((1.12 - np.abs(u)) / 0.2, 0, 1)
    return eased(np.minimum(upper, lower)) * eased(sides)


def _fringe(
    columns: Float[np.ndarray, " columns"], outwards: float
) -> Float[np.ndarray, "depths columns"]:
    """Draw lashes along an edge, pointing down; `outwards` as in `paint_lid`."""
    depths = _middles(-_LASHES / 2, _LASHES, len(columns) / (_RIGHT - _LEFT))[:, None]
    # They fan out, and lean outwards.
    root = columns - _FAN * np.maximum(depths, 0) * (columns + outwards / 2)
    between = 0.5 + 0.5 * np.sin(2 * np.pi * _COUNT * root + 2.0 * np.sin(7.0 * root))
    reach = _LONG * (0.75 + 0.35 * outwards * root) * (1 - 0.45 * between)
    hanging = np.exp(-np.maximum(depths, 0) / np.maximum(reach, 0.03)) * (1 - 0.3 * between)
    line = np.exp(-0.5 * (depths / np.where(depths < 0, _LINE_ABOVE, _LINE_BELOW)) ** 2)
    ends = eased(np.clip((1.08 - np.abs(root)) / 0.35, 0, 1))
    return _SOLID * np.where(depths < 0, line, np.maximum(line, hanging)) * ends


def _lash_colour(
    flat: Float[np.ndarray, "rows columns 3"],
    skin: Float[np.ndarray, "rows columns 3"],
    on_edge: Bool[np.ndarray, "rows columns"],
) -> Float[np.ndarray, " 3"]:
    """Return the colour of the lashes that the open lid shows; where it shows none, a dark skin."""
    values, around = flat[on_edge], skin[on_edge].mean()
    dark = values[values.mean(1) <= np.percentile(values.mean(1), _LASH_SHARE)].mean(0)
    return dark * min(1.0, _DARK * around / max(float(dark.mean()), 1e-3))
