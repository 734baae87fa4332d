"""Eyes: lids, and eyeballs behind them. What the portrait hides is filled in; the iris turns."""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from speech2face import landmarks
from speech2face.face.view import View
from speech2face.generators.warp.lids import ClosedLid, paint_lid
from speech2face.generators.warp.mouth import crop_grid
from speech2face.generators.warp.openings import Opening, eye_opening, move_back
from speech2face.geometry import warp
from speech2face.motion.eyeball import Eyeball, find_eyeball
from speech2face.motion.points import ControlPoints

LASHES = 0.10
"""Lashes reach this far (half widths of the eye) over the tracked edge of a lid."""
_FILLED = 1.0
"""Eyeballs are filled in this far beyond the eye (eye widths): further than a lid's patches, which
reach 0.95 from the eye's middle, and the iris' motion."""


@dataclass(frozen=True, kw_only=True)
class Eye:
    """One eye of a portrait: lids, and the ball behind them."""

    opening: Opening
    eyeball: Eyeball
    picture: Float[Tensor, "1 3 size size"]
    """The crop with this eye's lids painted over."""
    lid: ClosedLid

    def draw_into(
        self,
        frames: Float[Tensor, "batch 3 size size"],
        photo: Float[Tensor, "1 3 size size"],
        points: tuple[Float[Tensor, "batch points 3"], Float[Tensor, "batch points 2"]],
        travel: Float[Tensor, "batch 2"],
        sources: Float[Tensor, "batch 2 height width"],
        shift: Float[Tensor, "batch 2"],
    ) -> None:
        """Draw the eye into frames, in place.

        Args:
            frames: Are drawn into.
            photo: The portrait's crop.
            points: Where the control points are in each frame, and their motion.
            travel: By how much the opening's rectangle goes along.
            sources: Where its pixels come from if the head moves and the face does not.
            shift: Motion of the iris in pixels of the resting crop.
        """
        placed, moves = points
        slit = self.opening.slit(move_back(placed, travel), margin=LASHES)
        grid = crop_grid(self.eyeball.turn(sources, shift), photo.shape[-1])
        inside = warp(self.picture.expand(len(grid), -1, -1, -1), grid, mode="bicubic")
        upper = move_back(placed, travel)[:, self.opening.upper, :2]
        over = self.lid.layers(upper, slit, sources)
        self.opening.draw_into(frames, photo, slit, moves, inside, travel, over=over)


def prepare_eyes(
    view: View,
    points: ControlPoints,
    device: torch.device,
    openings: tuple[Opening, Opening] | None = None,
) -> tuple[Eye, Eye]:
    """Look at a portrait's left and right eye, moved by those control points that are seen.

    Args:
        view: The portrait.
        points: Its control points.
        device: Where frames will be drawn.
        openings: The lids, where they are known from another view; None to lay them out.
    """
    crop, flat, eyes = view.crop, points.pixels, []
    parts = zip(landmarks.LIDS, landmarks.IRIS_RINGS, landmarks.BROW_EDGES, strict=True)
    for side, ((upper, lower), iris, (_, brow)) in enumerate(parts):
        width = float(np.linalg.norm(flat[upper[-1]] - flat[upper[0]]))
        eyeball = find_eyeball(flat[iris], width, device)
        outline = np.concatenate([flat[upper], flat[lower][::-1]])
        filled = fill_eye(crop, outline, flat[iris[0]], eyeball.radius)
        eyes.append(
            Eye(
                opening=openings[side]
                if openings
                else eye_opening(points, len(crop), upper, lower),
                eyeball=eyeball,
                picture=image_tensor(filled, device),
                lid=paint_lid(crop, flat[upper], flat[lower], flat[brow], 2.0 * side - 1, device),
            )
        )
    return eyes[0], eyes[1]


def image_tensor(
    picture: UInt8[np.ndarray, "size size 3"], device: torch.device
) -> Float[Tensor, "1 3 size size"]:
    """Turn a picture into a batch of one, in [0, 1]."""
    return torch.from_numpy(picture.copy()).to(device).permute(2, 0, 1)[None].float() / 255


def fill_eye(
    crop: UInt8[np.ndarray, "size size 3"],
    outline: Float[np.ndarray, "points 2"],
    iris: Float[np.ndarray, " 2"],
    radius: float,
) -> UInt8[np.ndarray, "size size 3"]:
    """Paint over the lids what the eyeball behind them may look like; the visible part stays.

    The iris is continued by the mean colour at each distance from its centre, the white by the mean
    of what is seen of it, darker towards the lids as their shadow makes it. Further from the eye
    than its patches reach the picture stays as it is.
    """
    rows, columns = _around(outline, len(crop))
    filled = crop.copy()
    corner = np.array([columns.start, rows.start])
    filled[rows, columns] = _fill_box(crop[rows, columns], outline - corner, iris - corner, radius)
    return filled


def _around(outline: Float[np.ndarray, "points 2"], size: int) -> tuple[slice, slice]:
    """Return the rows and columns of the crop within an eye's width of its outline."""
    low, high = outline.min(0), outline.max(0)
    margin = _FILLED * np.ptp(outline, axis=0).max()
    left, top = np.clip(np.floor(low - margin), 0, size - 1).astype(int).tolist()
    right, bottom = np.clip(np.ceil(high + margin), [left + 1, top + 1], size).astype(int).tolist()
    return slice(top, bottom), slice(left, right)


def _fill_box(
    crop: UInt8[np.ndarray, "height width 3"],
    outline: Float[np.ndarray, "points 2"],
    iris: Float[np.ndarray, " 2"],
    radius: float,
) -> UInt8[np.ndarray, "height width 3"]:
    """Fill an eye in the box around it; positions are in pixels of the box."""
    height, width = crop.shape[:2]
    seen = np.zeros((height, width), np.uint8)
    cv2.fillPoly(seen, [np.round(outline).astype(np.int32)], 1)
    inner = cv2.erode(seen, np.ones((3, 3), np.uint8))
    inner = inner if inner.any() else seen
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(x - iris[0], y - iris[1]) / radius
    filled = crop.astype(np.float32)
    white = (inner > 0) & (distance > 1.15)  # noqa: PLR2004 - clear of the iris' dark rim
    visible = crop[white] if white.any() else crop[seen > 0]
    colour = np.median(visible, axis=0) if len(visible) else np.full(3, 200.0)
    hidden = seen == 0
    reach = hidden & (distance < 4)  # noqa: PLR2004 - an eye is no larger
    filled[reach] = colour * 0.85
    rings = np.linspace(0, 1.15, 12)
    for low, high in pairwise(rings):
        ring = (distance >= low) & (distance < high)
        sample = crop[ring & (inner > 0)]
        if len(sample):
            filled[ring & hidden] = np.median(sample, axis=0) * 0.92
    # A pixel more than is seen stays: at rest the lids' soft edge must show the picture itself.
    kept = cv2.dilate(seen, np.ones((3, 3), np.uint8))[..., None] > 0
    soft = cv2.GaussianBlur(filled, (0, 0), 0.8)
    return np.where(kept, crop, np.clip(soft, 0, 255).astype(np.uint8))
