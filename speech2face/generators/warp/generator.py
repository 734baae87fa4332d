"""The warp generator: the photograph itself, laid on a 3-D face that a rig moves.

Nothing is drawn by a network: every pixel of skin, hair and cloth is the portrait's own, moved by
smooth fields that follow the face's control points. Lips and lids are cut along their edges, so
that mouth and eyes open onto what lies behind them.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from speech2face import landmarks
from speech2face.devices import to_tensor
from speech2face.face.normalize import fit_head
from speech2face.face.rig import Rig, load_rig
from speech2face.generators.warp.eyes import Eyeball, fill_eye, find_eyeball
from speech2face.generators.warp.fields import Patch, make_patch
from speech2face.generators.warp.latents import GAZE, POSE, SHIFT, WarpLatents
from speech2face.generators.warp.mouth import MouthFrame, MouthInterior, crop_grid, fit_mouth
from speech2face.generators.warp.openings import (
    Opening,
    eye_opening,
    mouth_hole,
    mouth_opening,
)
from speech2face.generators.warp.points import ControlPoints, control_points
from speech2face.generators.warp.slits import Slit
from speech2face.geometry import warp
from speech2face.types import Portrait

_CHIN = 152
_LOWER_LIP = 14
_LASHES = 0.10
"""Lashes reach this far (half widths of the eye) over the tracked edge of a lid."""
_LIDS = (
    (landmarks.LEFT_UPPER_LID, landmarks.LEFT_LOWER_LID, landmarks.LEFT_IRIS),
    (landmarks.RIGHT_UPPER_LID, landmarks.RIGHT_LOWER_LID, landmarks.RIGHT_IRIS),
)
_BASE_CELLS, _COARSEST = 128, 4
"""Nodes along each side of the patch that covers the whole crop, about; most pixels between two."""
_PINNED = 0.1
"""The border of the crop holds still; motion rises over this share of the half side."""


@dataclass(frozen=True, kw_only=True)
class WarpState:
    """Everything that depends on the portrait alone."""

    picture: Float[Tensor, "1 3 size size"]
    points: ControlPoints
    base: Patch
    mouth: Opening
    interior: MouthInterior
    mouth_hole: Float[Tensor, "1 2 size size"]
    """Where the resting picture shows the inside of the mouth: with its edge, and surely."""
    eyes: tuple[Opening, Opening]
    eyeballs: tuple[Eyeball, Eyeball]
    eye_pictures: tuple[Float[Tensor, "1 3 size size"], Float[Tensor, "1 3 size size"]]
    """The crop with that eye's lids painted over."""


class WarpGenerator:
    """Moves a photograph by rig weights, gaze and head pose; no network draws."""

    name = "warp"

    def __init__(self, device: torch.device) -> None:
        """Read the rig; frames are drawn on `device`."""
        self.device = device
        self.rig: Rig = load_rig()
        self.latent_size = len(self.rig.names) + SHIFT + GAZE + POSE

    def encode(self, portrait: Portrait) -> WarpState:
        """Lay the control points over the portrait and compute the patches' splines."""
        points = control_points(portrait, fit_head(portrait.mesh), self.rig, self.device)
        size, flat = len(portrait.crop), points.pixels
        crop = portrait.crop
        mouth = mouth_opening(points, size)
        openings, eyeballs, pictures = [], [], []
        for upper, lower, iris in _LIDS:
            width = float(np.linalg.norm(flat[upper[-1]] - flat[upper[0]]))
            eyeball = find_eyeball(flat[iris], width, self.device)
            outline = np.concatenate([flat[upper], flat[lower][::-1]])
            filled = fill_eye(crop, outline, flat[iris[0]], eyeball.radius)
            openings.append(eye_opening(points, size, upper, lower))
            eyeballs.append(eyeball)
            pictures.append(_image(filled, self.device))
        return WarpState(
            picture=_image(crop, self.device),
            points=points,
            base=make_patch(
                (0.0, 0.0, float(size), float(size)), _base_cell(size), size, flat,
                _base_members(points), feather=0.0, pinned=_PINNED, device=self.device,
            ),
            mouth=mouth,
            interior=fit_mouth(
                crop, flat[: landmarks.MESH_POINTS],
                points.rest[: landmarks.MESH_POINTS].cpu().numpy(), self.device,
            ),
            mouth_hole=mouth_hole(points, size),
            eyes=(openings[0], openings[1]),
            eyeballs=(eyeballs[0], eyeballs[1]),
            eye_pictures=(pictures[0], pictures[1]),
        )  # fmt: skip

    @torch.inference_mode()
    def render(
        self, state: WarpState, values: Float[np.ndarray, "frames latent"]
    ) -> UInt8[np.ndarray, "frames size size 3"]:
        """Draw the crop once for every row of latents."""
        latents = WarpLatents.unpack(values)
        points = state.points
        shape = points.shape(to_tensor(latents.weights, self.device))
        placed = points.place(shape, latents.pose, latents.shift)
        moves = points.displacements(placed)
        size = state.picture.shape[-1]
        frames = warp(state.picture.expand(len(values), -1, -1, -1), state.base.grid(moves))
        gaze = to_tensor(latents.gaze, self.device)
        for opening, eyeball, picture in zip(
            state.eyes, state.eyeballs, state.eye_pictures, strict=True
        ):
            travel = opening.travel(points, placed)
            slit = opening.slit(_back(placed, travel), margin=_LASHES)
            sources = opening.rigid_sources(points, latents.pose, latents.shift, travel)
            behind = eyeball.turn(sources, gaze)
            inside = warp(picture.expand(len(values), -1, -1, -1), crop_grid(behind, size))
            self._open(frames, state, opening, slit, moves, inside, travel)
        travel = state.mouth.travel(points, placed)
        slit = state.mouth.slit(_back(placed, travel))
        inside = self._mouth(state, slit, shape, placed, latents, travel)
        self._open(frames, state, state.mouth, slit, moves, inside, travel)
        pixels = (frames * 255).round_().clamp_(0, 255).to(torch.uint8)
        return pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()

    @torch.inference_mode()
    def meshes(
        self, state: WarpState, values: Float[np.ndarray, "frames latent"]
    ) -> Float[np.ndarray, "frames 478 3"]:
        """Give the face mesh of every row of latents, in pixels of the crop."""
        latents, points = WarpLatents.unpack(values), state.points
        shape = points.shape(to_tensor(latents.weights, self.device))
        placed = points.place(shape, latents.pose, latents.shift)
        # Drawing makes the head shallower than it is; the depth of the portrait's mesh is kept.
        flat = points.place(points.rest[None], np.zeros((1, POSE)))
        true = points.head.to_image(points.rest.cpu().numpy())
        placed[..., 2] += to_tensor(true[:, 2], self.device) - flat[..., 2]
        return placed[:, : landmarks.MESH_POINTS].cpu().numpy()

    def _open(
        self,
        frames: Float[Tensor, "batch 3 size size"],
        state: WarpState,
        opening: Opening,
        slit: Slit,
        moves: Float[Tensor, "batch points 2"],
        inside: Float[Tensor, "batch 3 height width"],
        travel: Float[Tensor, "batch 2"],
    ) -> None:
        """Draw a slit's two sides and what is between them into the frames."""
        picture = state.picture.expand(len(frames), -1, -1, -1)
        moves = _back(moves, travel)
        above = warp(picture, opening.above.grid(moves))
        below = warp(picture, opening.below.grid(moves))
        lower, gap = slit.below(soft=0.6), slit.inside()
        drawn = above * (1 - lower) + below * lower
        drawn = drawn * (1 - gap) + inside * gap
        rows, columns = opening.above.area
        share = opening.above.window * slit.beside()
        for index, (x, y) in enumerate(travel.int().tolist()):
            area = (
                slice(rows.start + y, rows.stop + y),
                slice(columns.start + x, columns.stop + x),
            )
            place = frames[index, :, *area]
            place += (drawn[index] - place) * share[index]

    def _mouth(
        self,
        state: WarpState,
        slit: Slit,
        shape: Float[Tensor, "batch points 3"],
        placed: Float[Tensor, "batch points 3"],
        latents: WarpLatents,
        travel: Float[Tensor, "batch 2"],
    ) -> Float[Tensor, "batch 3 height width"]:
        interior, points, size = state.interior, state.points, state.picture.shape[-1]
        pose, shift = latents.pose, latents.shift
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
        own = warp(state.picture.expand(len(shape), -1, -1, -1), grid)
        own_seen = warp(state.mouth_hole.expand(len(shape), -1, -1, -1), grid)
        return interior.draw(slit, frame, own, own_seen)


def _back(
    points: Float[Tensor, "batch points dims"], travel: Float[Tensor, "batch 2"]
) -> Float[Tensor, "batch points dims"]:
    """Move points back by as much as a slit's rectangle went along; depth stays."""
    moved = points.clone()
    moved[..., :2] -= travel[:, None]
    return moved


def _base_cell(size: int) -> int:
    """Give the pixels between nodes of the whole crop: a divisor of its side, a power of two."""
    cell = 1
    while size % (2 * cell) == 0 and size // (2 * cell) >= _BASE_CELLS // 2 and cell < _COARSEST:
        cell *= 2
    return cell


def _base_members(points: ControlPoints) -> Int[np.ndarray, " members"]:
    """Choose the points that move the whole crop: all but the edges of slits and the irises."""
    edges = [landmarks.UPPER_LIP_INNER, landmarks.LOWER_LIP_INNER]
    edges += [edge for upper, lower, _ in _LIDS for edge in (upper, lower)]
    inner = np.concatenate([edge[1:-1] for edge in edges])
    irises = np.arange(landmarks.SURFACE_POINTS, landmarks.MESH_POINTS)
    return np.setdiff1d(np.flatnonzero(points.seen), np.concatenate([inner, irises]))


def _image(
    picture: UInt8[np.ndarray, "size size 3"], device: torch.device
) -> Float[Tensor, "1 3 size size"]:
    return torch.from_numpy(picture.copy()).to(device).permute(2, 0, 1)[None].float() / 255
