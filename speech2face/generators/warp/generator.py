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
from speech2face.face.normalize import fit_head
from speech2face.face.rig import Rig, load_rig
from speech2face.generators.warp.eyes import Eyeball, fill_eye, find_eyeball
from speech2face.generators.warp.fields import Patch, make_patch
from speech2face.generators.warp.latents import GAZE, POSE, WarpLatents
from speech2face.generators.warp.mouth import MouthFrame, MouthInterior, crop_grid, fit_mouth
from speech2face.generators.warp.points import ControlPoints, control_points
from speech2face.generators.warp.slits import Slit, locate
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
_SLIT_CELLS = 64
"""Nodes along the width of a slit's patches: an eye is some 35 of them wide."""


@dataclass(frozen=True, kw_only=True)
class _Opening:
    """A slit's two sides: the same rectangle moved once by each side's own control points."""

    above: Patch
    below: Patch
    upper: Int[np.ndarray, " points"]
    lower: Int[np.ndarray, " points"]


@dataclass(frozen=True, kw_only=True)
class WarpState:
    """Everything that depends on the portrait alone."""

    picture: Float[Tensor, "1 3 size size"]
    points: ControlPoints
    base: Patch
    mouth: _Opening
    interior: MouthInterior
    mouth_hole: Float[Tensor, "1 2 size size"]
    """Where the resting picture shows the inside of the mouth: with its edge, and surely."""
    eyes: tuple[_Opening, _Opening]
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
        self.latent_size = len(self.rig.names) + GAZE + POSE

    def encode(self, portrait: Portrait) -> WarpState:
        """Lay the control points over the portrait and compute the patches' splines."""
        points = control_points(portrait, fit_head(portrait.mesh), self.rig, self.device)
        size, flat = len(portrait.crop), points.pixels
        crop = portrait.crop
        mouth = self._mouth_opening(points, size)
        openings, eyeballs, pictures = [], [], []
        for upper, lower, iris in _LIDS:
            width = float(np.linalg.norm(flat[upper[-1]] - flat[upper[0]]))
            eyeball = find_eyeball(flat[iris], width, self.device)
            outline = np.concatenate([flat[upper], flat[lower][::-1]])
            filled = fill_eye(crop, outline, flat[iris[0]], eyeball.radius)
            openings.append(self._eye_opening(points, size, upper, lower))
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
            mouth_hole=self._hole(points, size),
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
        shape = points.shape(_tensor(latents.weights, self.device))
        placed = points.place(shape, latents.pose)
        moves = points.displacements(placed)
        size = state.picture.shape[-1]
        frames = warp(state.picture.expand(len(values), -1, -1, -1), state.base.grid(moves))
        gaze = _tensor(latents.gaze, self.device)
        for opening, eyeball, picture in zip(
            state.eyes, state.eyeballs, state.eye_pictures, strict=True
        ):
            slit = _slit(opening, placed, margin=_LASHES)
            behind = eyeball.turn(self._rigid(state, opening, latents.pose), gaze)
            inside = warp(picture.expand(len(values), -1, -1, -1), crop_grid(behind, size))
            self._open(frames, state, opening, slit, moves, inside)
        slit = _slit(state.mouth, placed)
        inside = self._mouth(state, slit, shape, placed, latents.pose)
        self._open(frames, state, state.mouth, slit, moves, inside)
        pixels = (frames * 255).round_().clamp_(0, 255).to(torch.uint8)
        return pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()

    def _open(
        self,
        frames: Float[Tensor, "batch 3 size size"],
        state: WarpState,
        opening: _Opening,
        slit: Slit,
        moves: Float[Tensor, "batch points 2"],
        inside: Float[Tensor, "batch 3 height width"],
    ) -> None:
        """Draw a slit's two sides and what is between them into the frames."""
        picture = state.picture.expand(len(frames), -1, -1, -1)
        above = warp(picture, opening.above.grid(moves))
        below = warp(picture, opening.below.grid(moves))
        lower, gap = slit.below(soft=0.6), slit.inside()
        drawn = above * (1 - lower) + below * lower
        drawn = drawn * (1 - gap) + inside * gap
        rows, columns = opening.above.area
        window = opening.above.window
        frames[..., rows, columns] += (drawn - frames[..., rows, columns]) * window

    def _mouth(
        self,
        state: WarpState,
        slit: Slit,
        shape: Float[Tensor, "batch points 3"],
        placed: Float[Tensor, "batch points 3"],
        pose: Float[np.ndarray, "batch 3"],
    ) -> Float[Tensor, "batch 3 height width"]:
        interior, points, size = state.interior, state.points, state.picture.shape[-1]
        anchors = interior.centre + shape.new_tensor(
            [[0, 0, 0], [interior.width / 2, 0, 0], [0, 0, 1]]
        )
        skull, side, inner = points.place(anchors.expand(len(shape), -1, -1), pose)[..., :2].unbind(
            1
        )
        chin_rest = points.rest[_CHIN].expand(len(shape), 1, -1)
        jaw = placed[:, _CHIN, :2] - points.place(chin_rest, pose)[:, 0, :2]
        half = (side - skull).norm(dim=1)
        gaps = shape[:, landmarks.LOWER_LIP_INNER, 1] - shape[:, landmarks.UPPER_LIP_INNER, 1]
        frame = MouthFrame(
            pixels=state.mouth.above.pixels, skull=skull, jaw=jaw, inward=inner - skull,
            lip=placed[:, _LOWER_LIP, :2], eye_distance=points.head.scale,
            along=(side - skull) / half[:, None], unit=2 * half, gap=gaps.amax(1),
        )  # fmt: skip
        grid = crop_grid(self._rigid(state, state.mouth, pose), size)
        own = warp(state.picture.expand(len(shape), -1, -1, -1), grid)
        own_seen = warp(state.mouth_hole.expand(len(shape), -1, -1, -1), grid)
        return interior.draw(slit, frame, own, own_seen)

    def _rigid(
        self, state: WarpState, opening: _Opening, pose: Float[np.ndarray, "batch 3"]
    ) -> Float[Tensor, "batch 2 height width"]:
        """Find where a slit's pixels come from if the head moves and the face does not."""
        points = state.points
        anchors = points.rest[landmarks.RIGID]
        rest = _tensor(points.pixels[landmarks.RIGID], self.device)
        placed = points.place(anchors.expand(len(pose), -1, -1), pose)[..., :2]
        pixels = opening.above.pixels
        middle = pixels.mean((0, 1))
        near = torch.softmax(-((rest - middle) ** 2).sum(1) / (2 * 30.0**2), 0)
        shift = ((placed - rest) * near[None, :, None]).sum(1)
        angle = torch.deg2rad(_tensor(pose[:, 2], self.device))
        cos, sin = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None]
        x = pixels[..., 0] - middle[0] - shift[:, 0, None, None]
        y = pixels[..., 1] - middle[1] - shift[:, 1, None, None]
        return torch.stack([cos * x + sin * y, cos * y - sin * x], 1) + middle.view(1, 2, 1, 1)

    def _mouth_opening(self, points: ControlPoints, size: int) -> _Opening:
        flat = points.pixels
        left, right = flat[landmarks.UPPER_LIP_OUTER[0]], flat[landmarks.UPPER_LIP_OUTER[-1]]
        centre, width = (left + right) / 2, float(np.linalg.norm(right - left))
        box = (*(centre - width * np.array([1.0, 0.75])), *(centre + width * np.array([1.0, 1.15])))
        return self._opening(
            points, size, box, landmarks.UPPER_LIP_INNER, landmarks.LOWER_LIP_INNER,
            reach=(0.45, 0.6),
        )  # fmt: skip

    def _eye_opening(
        self, points: ControlPoints, size: int, upper: np.ndarray, lower: np.ndarray
    ) -> _Opening:
        flat = points.pixels
        centre = (flat[upper[0]] + flat[upper[-1]]) / 2
        width = float(np.linalg.norm(flat[upper[-1]] - flat[upper[0]]))
        box = (*(centre - width * np.array([0.95, 0.9])), *(centre + width * np.array([0.95, 0.8])))
        return self._opening(points, size, box, upper, lower, reach=(0.5, 0.5))

    def _opening(
        self,
        points: ControlPoints,
        size: int,
        box: tuple[float, ...],
        upper: np.ndarray,
        lower: np.ndarray,
        reach: tuple[float, float],
    ) -> _Opening:
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
        between = np.abs(u) < 0.97  # noqa: PLR2004 - the corners belong to both sides
        index = np.arange(len(flat))
        is_iris = (index >= landmarks.SURFACE_POINTS) & (index < landmarks.MESH_POINTS)
        on_upper, on_lower = np.isin(index, upper[1:-1]), np.isin(index, lower[1:-1])
        under = on_lower | (between & (v > middle) & (v < reach[1] * width) & ~on_upper)
        over = on_upper | (between & (v <= middle) & (v > -reach[0] * width) & ~on_lower)
        patches = [
            make_patch(
                (box[0], box[1], box[2], box[3]), cell, size, flat,
                np.flatnonzero(near & ~forgotten & ~is_iris), feather=0.25, device=self.device,
            )
            for forgotten in (under, over)
        ]  # fmt: skip
        return _Opening(above=patches[0], below=patches[1], upper=upper, lower=lower)

    def _hole(self, points: ControlPoints, size: int) -> Float[Tensor, "1 2 size size"]:
        y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
        pixels = torch.stack([x, y], -1).float().to(self.device)
        flat = _tensor(points.pixels, self.device)
        upper, lower = flat[landmarks.UPPER_LIP_INNER], flat[landmarks.LOWER_LIP_INNER]
        slit = locate(upper[None], lower[None], pixels)
        within = (slit.u.abs() < 1.05).float()  # noqa: PLR2004 - a little past the corners
        # A pixel wider than the gap, so that at rest the picture shows through unchanged; narrower
        # where it must not bring lip along once the mouth opens.
        edge = torch.minimum(slit.v - slit.upper, slit.lower - slit.v)
        return torch.stack([(edge + 1.5).clamp(0, 1) * within, (edge / 2 - 0.5).clamp(0, 1)], 1)


def _base_cell(size: int) -> int:
    """Give the pixels between nodes of the whole crop: a divisor of its side, a power of two."""
    cell = 1
    while size % (2 * cell) == 0 and size // (2 * cell) >= _BASE_CELLS // 2 and cell < _COARSEST:
        cell *= 2
    return cell


def _edge_middle(u: np.ndarray, v: np.ndarray, upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Give the v of the line between a slit's edges, at each point's u."""
    above = np.interp(u, np.maximum.accumulate(u[upper]), v[upper])
    below = np.interp(u, np.maximum.accumulate(u[lower]), v[lower])
    return (above + below) / 2


def _near(flat: np.ndarray, box: tuple[float, ...]) -> np.ndarray:
    """Choose the control points in and around a rectangle: those further off hardly bend it."""
    low, high = np.array(box[:2]), np.array(box[2:])
    margin = (high - low) * 0.6
    return np.all((flat > low - margin) & (flat < high + margin), axis=1)


def _base_members(points: ControlPoints) -> Int[np.ndarray, " members"]:
    """Choose the points that move the whole crop: all but the edges of slits and the irises."""
    edges = [landmarks.UPPER_LIP_INNER, landmarks.LOWER_LIP_INNER]
    edges += [edge for upper, lower, _ in _LIDS for edge in (upper, lower)]
    inner = np.concatenate([edge[1:-1] for edge in edges])
    irises = np.arange(landmarks.SURFACE_POINTS, landmarks.MESH_POINTS)
    return np.setdiff1d(np.flatnonzero(points.seen), np.concatenate([inner, irises]))


def _slit(opening: _Opening, placed: Float[Tensor, "batch points 3"], margin: float = 0.0) -> Slit:
    return locate(
        placed[:, opening.upper, :2], placed[:, opening.lower, :2], opening.above.pixels, margin
    )


def _image(
    picture: UInt8[np.ndarray, "size size 3"], device: torch.device
) -> Float[Tensor, "1 3 size size"]:
    return torch.from_numpy(picture.copy()).to(device).permute(2, 0, 1)[None].float() / 255


def _tensor(values: np.ndarray, device: torch.device) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float32, device=device)
