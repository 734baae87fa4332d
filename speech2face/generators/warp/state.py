"""What the warp generator knows of a still, or of the views of a video.

A still is laid out in full: control points, patches with their splines, mouth and eyes. A view of a
video shares the patches of a reference, a view of the same head in about the same pose; it brings
its picture, where its points are, and its mouth. That costs a hundredth of a second, not a tenth.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from speech2face import landmarks
from speech2face.devices import to_tensor
from speech2face.errors import InputError
from speech2face.face.rig import Rig
from speech2face.face.view import View
from speech2face.generators.warp.donors import Donors, collect
from speech2face.generators.warp.eyes import Eye, image_tensor, prepare_eyes
from speech2face.generators.warp.fields import Patch, make_patches
from speech2face.generators.warp.mouth import MouthInterior
from speech2face.generators.warp.mouth_fit import fit_again, fit_mouth, paint_lips, skin_of
from speech2face.generators.warp.openings import Opening, mouth_hole, mouth_opening
from speech2face.motion.points import ControlPoints, control_points, same_points

_BASE_CELLS, _COARSEST = 128, 4
"""Nodes along each side of the patch that covers the whole crop, about; most pixels between two."""
_PARTED = 0.01
"""Lips further apart than this (eye distances) show something that is not lip."""
_HAIR = 0.3
"""Hair reaches about this far beyond the face, over the face's size."""
_PINNED = 0.1
"""The border of the crop holds still; motion rises over this share of the half side."""
_SAME_POSE = 15.0
"""Degrees between two heads up to which one lends its patches to the other: further turned, other
points are hidden."""
_REFERENCES = 4
"""References that are kept: a head that turns comes back to where it was."""


@dataclass(frozen=True, kw_only=True)
class WarpState:
    """Everything that depends on the portrait alone, or on the views of a video."""

    picture: Float[Tensor, "1 3 size size"]
    near: tuple[slice, slice]
    """Rows and columns of the crop with the face and its hair: sampled with more care."""
    points: ControlPoints
    base: Patch
    mouth: Opening
    interior: MouthInterior
    lips: Float[Tensor, "1 3 size size"] | None
    """The crop with the mouth's inside painted over by its lips; None where they rest closed."""
    mouth_hole: Float[Tensor, "1 2 size size"]
    """Where the resting picture shows the inside of the mouth: with its edge, and surely."""
    eyes: tuple[Eye, Eye]
    views: "tuple[WarpView, ...]" = ()
    """The views of a video, one for each row of latents; a still has none and is drawn for all."""
    references: "tuple[WarpState, ...]" = ()
    """Stills whose patches the views of this video share, the last used first."""
    donors: Donors | None = None
    """Open mouths of the same person, for what is to be seen in this one."""
    skin: Float[np.ndarray, " 3"] | None = None
    """Of a view: the colour of the skin beside the mouth."""


class WarpView:
    """One view of a video, on the patches of a reference."""

    def __init__(self, view: View, reference: WarpState, donors: Donors | None) -> None:
        """Take a view; it is laid out when it is first drawn, on the thread that draws it."""
        self._view, self._reference, self._donors = view, reference, donors

    @cached_property
    def state(self) -> WarpState:
        """As of a still, but for the eyes, which are the reference's."""
        view, reference = self._view, self._reference
        device, points = reference.picture.device, same_points(view, reference.points)
        away = to_tensor(points.pixels - reference.points.pixels, device)[None]
        hole = mouth_hole(points, len(view.crop))
        interior = fit_again(reference.interior, points.rest[: landmarks.MESH_POINTS].cpu().numpy())
        return replace(
            reference, picture=image_tensor(view.crop, device), points=points,
            mouth=replace(reference.mouth, away=away), interior=interior,
            lips=_painted(view, interior, hole, device), mouth_hole=hole, donors=self._donors,
            skin=None if self._donors is None else skin_of(view.crop, view.mesh[:, :2]),
        )  # fmt: skip

    @property
    def away(self) -> Float[Tensor, "1 points 2"]:
        """How far the control points are from the reference's, in pixels."""
        away = self.state.mouth.away
        assert away is not None  # noqa: S101 set above
        return away

    @property
    def crop(self) -> UInt8[np.ndarray, "size size 3"]:
        """The view's crop."""
        return self._view.crop

    @cached_property
    def eyes(self) -> tuple[Eye, Eye]:
        """The view's eyes: dubbing never asks for them."""
        left, right = (replace(eye.opening, away=self.away) for eye in self.state.eyes)
        points, device = self.state.points, self.state.picture.device
        return prepare_eyes(self._view, points, device, (left, right))


@torch.inference_mode()
def of_still(view: View, rig: Rig, device: torch.device) -> WarpState:
    """Lay out a still."""
    points = control_points(view, rig, device)
    crop = view.crop
    size, flat = len(crop), points.pixels
    mouth, hole = mouth_opening(points, size), mouth_hole(points, size)
    interior = fit_mouth(
        crop, flat[: landmarks.MESH_POINTS],
        points.rest[: landmarks.MESH_POINTS].cpu().numpy(), device,
    )  # fmt: skip
    return WarpState(
        picture=image_tensor(crop, device),
        near=_near_face(flat[: landmarks.SURFACE_POINTS], size),
        points=points,
        base=make_patches(
            (0.0, 0.0, float(size), float(size)), _base_cell(size), size, flat,
            [_base_members(points)], feather=0.0, pinned=_PINNED, device=device,
        )[0],
        mouth=mouth,
        interior=interior,
        lips=_painted(view, interior, hole, device),
        mouth_hole=hole,
        eyes=prepare_eyes(view, points, device),
    )  # fmt: skip


@torch.inference_mode()
def of_views(
    views: Sequence[View],
    rig: Rig,
    device: torch.device,
    after: WarpState | None,
    mouths: Sequence[View],
) -> WarpState:
    """Lay out views of one head.

    Args:
        views: The views.
        rig: How they move.
        device: Where they are drawn.
        after: State of the views before these.
        mouths: Views of the same head with open mouths; without any those of `after` go on.

    Raises:
        InputError: Views differ in size.
    """
    references = list(after.references or (after,)) if after else []
    donors = collect(mouths, device) if mouths else after and after.donors
    drawn: list[WarpView] = []
    for view in views:
        nearest = min(references, key=lambda one: _turn(one, view), default=None)
        if nearest is None or _turn(nearest, view) > _SAME_POSE:
            nearest = of_still(view, rig, device)
        if nearest.picture.shape[-1] != len(view.crop):
            sizes = f"{nearest.picture.shape[-1]} and {len(view.crop)}"
            msg = (
                f"the crops of a video are of one size, these are of {sizes} pixels; cut all alike"
            )
            raise InputError(msg)
        known = [one for one in references if one is not nearest]
        references = [nearest, *known[: _REFERENCES - 1]]
        drawn.append(WarpView(view, nearest, donors))
    return replace(references[0], views=tuple(drawn), references=tuple(references), donors=donors)


def _turn(reference: WarpState, view: View) -> float:
    """Return the degrees by which a view's head is turned against the reference's."""
    rotation = view.likeness_in_crop.head.rotation @ reference.points.head.rotation.T
    return float(np.rad2deg(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))))


def _painted(
    view: View, interior: MouthInterior, hole: Float[Tensor, "1 2 size size"], device: torch.device
) -> Float[Tensor, "1 3 size size"] | None:
    if interior.rest_gap <= _PARTED:
        return None
    return image_tensor(paint_lips(view.crop, hole[0, 0].cpu().numpy()), device)


def _near_face(flat: Float[np.ndarray, "points 2"], size: int) -> tuple[slice, slice]:
    """Return rows and columns around the face, wide enough for its hair and its motion."""
    low, high = flat.min(0), flat.max(0)
    margin = _HAIR * (high - low)
    left, top = np.clip(np.floor(low - margin), 0, size).astype(int).tolist()
    right, bottom = np.clip(np.ceil(high + margin), 0, size).astype(int).tolist()
    return slice(top, bottom), slice(left, right)


def _base_cell(size: int) -> int:
    """Return the pixels between nodes of the whole crop: a divisor of its side, a power of two."""
    cell = 1
    while size % (2 * cell) == 0 and size // (2 * cell) >= _BASE_CELLS // 2 and cell < _COARSEST:
        cell *= 2
    return cell


def _base_members(points: ControlPoints) -> Int[np.ndarray, " members"]:
    """Choose the points that move the whole crop: all but the edges of slits and the irises."""
    inner = np.concatenate([edge[1:-1] for slit in landmarks.SLITS for edge in slit])
    irises = np.arange(landmarks.SURFACE_POINTS, landmarks.MESH_POINTS)
    return np.setdiff1d(np.flatnonzero(points.seen), np.concatenate([inner, irises]))
