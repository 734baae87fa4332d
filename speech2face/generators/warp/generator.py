"""The warp generator: the photograph itself, laid on a 3-D face that a rig moves.

Nothing is drawn by a network: every pixel of skin, hair and cloth is the portrait's own, moved by
smooth fields that follow the face's control points. Lips and lids are cut along their edges, so
that mouth and eyes open onto what lies behind them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from speech2face import landmarks
from speech2face.devices import to_tensor
from speech2face.face.rig import Rig, shipped_rig
from speech2face.face.view import View
from speech2face.generators.ahead import side_by_side
from speech2face.generators.base import Frames, GeneratorSpec, Latents, Loudness, cannot_read, only
from speech2face.generators.warp.eyes import Eye, image_tensor, prepare_eyes
from speech2face.generators.warp.fields import Patch, make_patches
from speech2face.generators.warp.latents import BESIDE_WEIGHTS, pack, unpack
from speech2face.generators.warp.mouth import (
    MouthFrame,
    MouthInterior,
    crop_grid,
    fit_mouth,
    paint_lips,
)
from speech2face.generators.warp.openings import (
    Opening,
    mouth_hole,
    mouth_opening,
    move_back,
)
from speech2face.generators.warp.slits import Slit
from speech2face.geometry import warp
from speech2face.motion.motion import Motion
from speech2face.motion.points import ControlPoints, control_points

_CHIN = 152
_LOWER_LIP = 14
_BASE_CELLS, _COARSEST = 128, 4
"""Nodes along each side of the patch that covers the whole crop, about; most pixels between two."""
_PARTED = 0.01
"""Lips further apart than this (eye distances) show something that is not lip."""
_HAIR = 0.3
"""Hair reaches about this far beyond the face, over the face's size."""
_PINNED = 0.1
"""The border of the crop holds still; motion rises over this share of the half side."""


@dataclass(frozen=True, kw_only=True)
class WarpState:
    """Everything that depends on the portrait alone."""

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


class WarpGenerator:
    """Moves a photograph by rig weights, gaze and head pose; no network draws."""

    def __init__(self, device: torch.device) -> None:
        """Read the rig; frames are drawn on `device`."""
        self.device = device
        self.rig: Rig = shipped_rig()
        self.spec = GeneratorSpec(
            name="warp", latent_size=len(self.rig.names) + BESIDE_WEIGHTS,
            side_by_side=side_by_side(device),
        )  # fmt: skip

    def encode(self, views: Sequence[View]) -> WarpState:
        """Compute the control points of a still and the splines of its patches."""
        view = only(views, self.spec.name)
        points = control_points(view, self.rig, self.device)
        crop = view.crop
        size, flat = len(crop), points.pixels
        mouth, hole = mouth_opening(points, size), mouth_hole(points, size)
        interior = fit_mouth(
            crop, flat[: landmarks.MESH_POINTS],
            points.rest[: landmarks.MESH_POINTS].cpu().numpy(), self.device,
        )  # fmt: skip
        parted = interior.rest_gap > _PARTED
        lips = paint_lips(crop, hole[0, 0].cpu().numpy()) if parted else None
        return WarpState(
            picture=image_tensor(crop, self.device),
            near=_near_face(flat[: landmarks.SURFACE_POINTS], size),
            points=points,
            base=make_patches(
                (0.0, 0.0, float(size), float(size)), _base_cell(size), size, flat,
                [_base_members(points)], feather=0.0, pinned=_PINNED, device=self.device,
            )[0],
            mouth=mouth,
            interior=interior,
            lips=None if lips is None else image_tensor(lips, self.device),
            mouth_hole=hole,
            eyes=prepare_eyes(view, points, self.device),
        )  # fmt: skip

    def drive(self, state: WarpState, motion: Motion, loudness: Loudness | None = None) -> Latents:
        """Lay the parts of the motion side by side: they are the latents."""
        del state, loudness
        return pack(motion)

    def read(self, state: WarpState, frames: Frames, first: Frames) -> Latents:
        """Refuse: the tracker reads the motion."""
        del state, frames, first
        cannot_read(self.spec.name)

    @torch.inference_mode()
    def render(self, state: WarpState, latents: Latents) -> Frames:
        """Draw the crop once for every row of latents."""
        motion, points = unpack(latents), state.points
        shape = points.shape(to_tensor(motion.weights, self.device))
        placed = points.place(shape, motion.pose, motion.shift)
        moves = points.displacements(placed)
        photograph = state.picture.expand(len(latents), -1, -1, -1)
        grid = state.base.grid(moves)
        frames = warp(photograph, grid)
        # Between pixels a bilinear photograph is blurred: skin and hair would lose their detail in
        # each frame in which they move, and gain it back when they rest.
        rows, columns = state.near
        frames[..., rows, columns] = warp(photograph, grid[:, rows, columns], mode="bicubic")
        gaze = to_tensor(motion.gaze, self.device)
        for eye in state.eyes:
            travel = eye.opening.travel(points, placed)
            sources = eye.opening.rigid_sources(points, motion.pose, motion.shift, travel)
            shift = eye.eyeball.shift(gaze)
            eye.draw_into(frames, state.picture, (placed, moves), travel, sources, shift)
        travel = state.mouth.travel(points, placed)
        slit = state.mouth.slit(move_back(placed, travel))
        inside = self._mouth(state, slit, shape, placed, motion, travel)
        lips = None if state.lips is None else (state.lips, _lip_share(state, shape))
        state.mouth.draw_into(frames, state.picture, slit, moves, inside, travel, lips)
        pixels = (frames * 255).round_().clamp_(0, 255).to(torch.uint8)
        return pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()

    def _mouth(
        self,
        state: WarpState,
        slit: Slit,
        shape: Float[Tensor, "batch points 3"],
        placed: Float[Tensor, "batch points 3"],
        motion: Motion,
        travel: Float[Tensor, "batch 2"],
    ) -> Float[Tensor, "batch 3 height width"]:
        interior, points, size = state.interior, state.points, state.picture.shape[-1]
        pose, shift = motion.pose, motion.shift
        anchors = interior.centre + shape.new_tensor(
            [[0, 0, 0], [interior.width / 2, 0, 0], [0, 0, 1]]
        )
        anchors = points.place(anchors.expand(len(shape), -1, -1), pose, shift)
        skull, side, inner = anchors[..., :2].unbind(1)
        chin_rest = points.rest[_CHIN].expand(len(shape), 1, -1)
        jaw = placed[:, _CHIN, :2] - points.place(chin_rest, pose, shift)[:, 0, :2]
        half = (side - skull).norm(dim=1)
        gaps = shape[:, landmarks.LOWER_LIP_INNER, 1] - shape[:, landmarks.UPPER_LIP_INNER, 1]
        frame = MouthFrame(
            pixels=state.mouth.above.pixels, skull=skull - travel, jaw=jaw, inward=inner - skull,
            lip=placed[:, _LOWER_LIP, :2] - travel, eye_distance=points.head.scale,
            along=(side - skull) / half[:, None], unit=2 * half, gap=gaps.amax(1),
        )  # fmt: skip
        grid = crop_grid(state.mouth.rigid_sources(points, pose, shift, travel), size)
        own = warp(state.picture.expand(len(shape), -1, -1, -1), grid, mode="bicubic")
        own_seen = warp(state.mouth_hole.expand(len(shape), -1, -1, -1), grid)
        return interior.draw(slit, frame, own, own_seen)


def _lip_share(
    state: WarpState, shape: Float[Tensor, "batch points 3"]
) -> Float[Tensor, "batch 1 1 1"]:
    """Tell how far the lips have left the resting gap: none, 0; by half of it or more, 1."""
    gaps = shape[:, landmarks.LOWER_LIP_INNER, 1] - shape[:, landmarks.UPPER_LIP_INNER, 1]
    away = (gaps.amax(1) - state.interior.rest_gap).abs() / (state.interior.rest_gap / 2)
    return away.clamp(0, 1)[:, None, None, None]


def _near_face(flat: Float[np.ndarray, "points 2"], size: int) -> tuple[slice, slice]:
    """Give rows and columns around the face, wide enough for its hair and its motion."""
    low, high = flat.min(0), flat.max(0)
    margin = _HAIR * (high - low)
    left, top = np.clip(np.floor(low - margin), 0, size).astype(int).tolist()
    right, bottom = np.clip(np.ceil(high + margin), 0, size).astype(int).tolist()
    return slice(top, bottom), slice(left, right)


def _base_cell(size: int) -> int:
    """Give the pixels between nodes of the whole crop: a divisor of its side, a power of two."""
    cell = 1
    while size % (2 * cell) == 0 and size // (2 * cell) >= _BASE_CELLS // 2 and cell < _COARSEST:
        cell *= 2
    return cell


def _base_members(points: ControlPoints) -> Int[np.ndarray, " members"]:
    """Choose the points that move the whole crop: all but the edges of slits and the irises."""
    inner = np.concatenate([edge[1:-1] for slit in landmarks.SLITS for edge in slit])
    irises = np.arange(landmarks.SURFACE_POINTS, landmarks.MESH_POINTS)
    return np.setdiff1d(np.flatnonzero(points.seen), np.concatenate([inner, irises]))
