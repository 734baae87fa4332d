"""What the mouth really looks like inside, from frames of the video in which it is open.

Teeth that we draw are a stranger's. Where a video shows the person's own, an opening mouth shows
those: of frames that are opened about as far, laid where the skull is now, in the light of now. The
lips of the new mouth hide what the other frame shows too much of.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from speech2face import landmarks
from speech2face.devices import to_tensor
from speech2face.face.view import View
from speech2face.generators.warp.mouth_fit import skin_of
from speech2face.geometry import to_normalized, warp
from speech2face.signals import eased

_AROUND = 0.35
"""Of the mouth's width: how far a patch reaches around the lips' inner edges."""
_CONTINUED = 0.1
"""Of the mouth's width: how far the inside is continued over the lips that hide it."""
_INSIDE = 0.02
"""The same by which the lips' edges may have been tracked wrongly: so much of the rim is redone."""
_FURTHER = 1.4
"""A mouth may open this many times as far as its frame shows: the inside is stretched so far."""
_LIGHT = (0.7, 1.4)
"""Bounds of what light may change between two frames of a shot."""
_APART = 0.3
"""Share of the way from one frame to the next in which only the nearer one is shown: two at once
blur each other's lower teeth."""
_UNIT = 0.2
"""Eye distances between the points that tell how the plane of the mouth lies."""

Plane = Float[np.ndarray, "3 2"]
"""Where the mouth's middle, and points `_UNIT` to its right and below it, lie in a picture."""


@dataclass(frozen=True, kw_only=True)
class Donor:
    """The inside of one frame's mouth."""

    picture: Float[Tensor, "1 3 height width"]
    """A patch of the frame, the inside continued over the lips."""
    cover: Float[Tensor, "1 1 height width"]
    """Where it may be shown."""
    plane: Plane
    """In pixels of the patch."""
    top: float
    """Of the inside: the height in the mouth's plane from which a stretch begins (`_UNIT`s)."""
    gap: float
    """Largest gap of the lips in eye distances."""
    skin: Float[np.ndarray, " 3"]
    """Colour of the skin beside the mouth."""


@dataclass(frozen=True, kw_only=True)
class Donors:
    """The insides of a shot's mouths, the narrowest first."""

    centre: Float[np.ndarray, " 3"]
    """The mouth's middle in the rig's frame, the same for all of them."""
    donors: tuple[Donor, ...]

    def anchors(self, like: Tensor) -> Float[Tensor, "1 3 3"]:
        """Return the points of the rig's frame whose places make a `Plane`."""
        return to_tensor(self.centre + _ANCHORS, like.device).to(like)[None]

    def draw(
        self,
        pixels: Float[Tensor, "height width 2"],
        plane: Float[Tensor, "batch 3 2"],
        gap: Float[Tensor, " batch"],
        skin: Float[np.ndarray, " 3"],
    ) -> tuple[Float[Tensor, "batch 3 height width"], Float[Tensor, "batch 1 height width"]]:
        """Draw the inside of a mouth.

        Args:
            pixels: Of the rectangle that is drawn.
            plane: Of the mouth in them, for each frame.
            gap: Largest gap of the lips in eye distances.
            skin: Colour of the skin beside the mouth, now.

        Returns:
            The picture, and where it holds.
        """
        drawn = [
            self._frame(pixels, one, float(way), skin) for one, way in zip(plane, gap, strict=True)
        ]
        pictures, covers = zip(*drawn, strict=True)
        return torch.cat(pictures), torch.cat(covers)

    def _frame(
        self, pixels: Tensor, plane: Float[Tensor, "3 2"], gap: float, skin: np.ndarray
    ) -> tuple[Tensor, Tensor]:
        wide = np.array([donor.gap for donor in self.donors])
        above = int(min(np.searchsorted(wide, gap), len(wide) - 1))
        first = self._shown(self.donors[above], pixels, plane, gap, skin)
        if above == 0 or gap >= wide[-1]:
            return first
        # Between two of them both are shown: a switch from one to the next would be seen.
        share = float((gap - wide[above - 1]) / max(wide[above] - wide[above - 1], 1e-6))
        share = eased(min(max((share - _APART) / (1 - 2 * _APART), 0.0), 1.0))
        other = self._shown(self.donors[above - 1], pixels, plane, gap, skin)
        cover = first[1] * share + other[1] * (1 - share)
        mixed = first[0] * first[1] * share + other[0] * other[1] * (1 - share)
        return mixed / cover.clamp(min=1e-3), cover

    def _shown(
        self, donor: Donor, pixels: Tensor, plane: Tensor, gap: float, skin: np.ndarray
    ) -> tuple[Tensor, Tensor]:
        along, down = (plane[1:] - plane[0]).unbind(0)
        basis = torch.linalg.inv(torch.stack([along, down], 1))
        offset = (pixels - plane[0]) @ basis.T
        stretch = min(max(gap / donor.gap, 1.0), _FURTHER)
        height = donor.top + (offset[..., 1] - donor.top) / stretch
        own = to_tensor(donor.plane, pixels.device).to(pixels)
        ours = own[0] + offset[..., :1] * (own[1] - own[0]) + height[..., None] * (own[2] - own[0])
        rows, columns = donor.picture.shape[-2:]
        grid = to_normalized(ours, rows, columns)[None]
        light = np.clip(skin / np.maximum(donor.skin, 1e-2), *_LIGHT)
        picture = warp(donor.picture, grid, mode="bicubic").clamp(0, 1)
        picture = picture * to_tensor(light, pixels.device).to(pixels).view(1, 3, 1, 1)
        return picture, warp(donor.cover, grid, padding="zeros")


_ANCHORS = np.array([[0, 0, 0], [_UNIT, 0, 0], [0, _UNIT, 0]])


def collect(views: Sequence[View], device: torch.device) -> Donors | None:
    """Take the insides of the mouths of views of one head; None where none is open."""
    insides = [view for view in views if _gap(view) > 0]
    if not insides:
        return None
    corners = [view.likeness_in_crop.in_rig[_CORNERS].mean(0) for view in insides]
    centre = np.median(corners, axis=0)
    donors = [_donor(view, centre, device) for view in insides]
    return Donors(centre=centre, donors=tuple(sorted(donors, key=lambda donor: donor.gap)))


_CORNERS = [landmarks.UPPER_LIP_OUTER[0], landmarks.UPPER_LIP_OUTER[-1]]


def _gap(view: View) -> float:
    face = view.likeness_in_crop.in_rig
    return float((face[landmarks.LOWER_LIP_INNER, 1] - face[landmarks.UPPER_LIP_INNER, 1]).max())


def _donor(view: View, centre: Float[np.ndarray, " 3"], device: torch.device) -> Donor:
    upper, lower = (
        view.mesh[edge, :2] for edge in (landmarks.UPPER_LIP_INNER, landmarks.LOWER_LIP_INNER)
    )
    inner = np.concatenate([upper, lower[::-1]])
    width = float(np.linalg.norm(upper[-1] - upper[0]))
    low = np.floor(inner.min(0) - _AROUND * width).astype(int)
    high = np.ceil(inner.max(0) + _AROUND * width).astype(int)
    left, top = np.clip(low, 0, len(view.crop) - 2)
    right, bottom = np.clip(high, [left + 2, top + 2], len(view.crop))
    patch = np.ascontiguousarray(view.crop[top:bottom, left:right])
    hole = np.zeros(patch.shape[:2], np.uint8)
    cv2.fillPoly(hole, [np.round(inner - [left, top]).astype(np.int32)], (255,))
    rim, beyond = max(1, round(_INSIDE * width)), max(2, round(_CONTINUED * width))
    sure = cv2.erode(hole, np.ones((2 * rim + 1, 1), np.uint8))
    reach = cv2.dilate(hole, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * beyond + 1,) * 2))
    # From the inside outwards alone: lips that were continued would be seen as a second pair.
    painted = cv2.inpaint(patch, cv2.bitwise_not(sure), 3, cv2.INPAINT_TELEA)
    head = view.likeness_in_crop.head
    plane = head.to_image(centre + _ANCHORS)[:, :2] - [left, top]
    face = view.likeness_in_crop.in_rig
    return Donor(
        picture=to_tensor(painted / 255, device).permute(2, 0, 1)[None],
        cover=to_tensor(cv2.GaussianBlur(reach, (0, 0), beyond / 4) / 255, device)[None, None],
        plane=plane, gap=_gap(view), skin=skin_of(view.crop, view.mesh[:, :2]),
        top=float((face[landmarks.UPPER_LIP_INNER, 1].min() - centre[1]) / _UNIT),
    )  # fmt: skip
