"""How the warp generator draws frames of a still, and of the views of a video."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from speech2face import landmarks
from speech2face.devices import to_tensor
from speech2face.generators.warp.eyes import Eye
from speech2face.generators.warp.fields import fall, fields
from speech2face.generators.warp.mouth import MouthFrame, crop_grid
from speech2face.generators.warp.openings import move_back
from speech2face.generators.warp.slits import Slit
from speech2face.generators.warp.state import WarpState, WarpView
from speech2face.geometry import warp
from speech2face.motion.motion import Motion

_CHIN = 152
_LOWER_LIP = 14
_MOVES = 0.1
"""Pixels: points that move by less leave a view's picture as it is."""
_AROUND = 0.03
"""Over the crop's side: so far from points that move the motion falls to nothing."""

Drawn = Float[Tensor, "batch 3 size size"]
Area = tuple[slice, slice]
"""Rows and columns of the crop."""


def draw_still(state: WarpState, motion: Motion) -> Drawn:
    """Draw a still once for each frame of the motion."""
    points, device = state.points, state.picture.device
    shape = points.shape(to_tensor(motion.weights, device))
    placed = points.place(shape, motion.pose, motion.shift)
    moves = points.displacements(placed)
    photograph = state.picture.expand(len(motion), -1, -1, -1)
    grid = state.base.grid(moves)
    frames = warp(photograph, grid)
    # Between pixels a bilinear photograph is blurred: skin and hair would lose their detail in
    # each frame in which they move, and gain it back when they rest.
    rows, columns = state.near
    frames[..., rows, columns] = warp(photograph, grid[:, rows, columns], mode="bicubic")
    for eye in state.eyes:
        _draw_eye(frames, state, eye, motion, placed, moves)
    _draw_mouth(frames, state, motion, shape, placed, moves)
    return frames


def draw_view(view: WarpView, motion: Motion) -> UInt8[np.ndarray, "size size 3"]:
    """Draw one view with a motion of one frame: only what moves, the rest is the view's crop."""
    state, points, device = view.state, view.state.points, view.state.picture.device
    shape = points.shape(to_tensor(motion.weights, device))
    placed = points.place(shape, motion.pose, motion.shift)
    moves = points.displacements(placed)
    moving = moves[0].norm(dim=-1).cpu().numpy() > _MOVES
    frame, areas = state.picture.clone(), list[Area]()
    if moving.any():
        areas.append(_draw_box(frame, view, moves, moving))
    for side, lids in enumerate(landmarks.LIDS):
        if motion.gaze.any() or moving[np.concatenate(lids)].any():
            areas.append(_draw_eye(frame, state, view.eyes[side], motion, placed, moves))
    if moving[state.mouth.above.spline.sites.cpu().numpy()].any():
        areas.append(_draw_mouth(frame, state, motion, shape, placed, moves))
    drawn = view.crop.copy()
    for area in areas:
        drawn[area] = to_bytes(frame[..., *area])[0]
    return drawn


def to_bytes(frames: Float[Tensor, "batch 3 height width"]) -> UInt8[np.ndarray, "batch h w 3"]:
    """Turn frames in [0, 1] into bytes, colours last."""
    pixels = (frames * 255).round_().clamp_(0, 255).to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def _draw_box(
    frame: Float[Tensor, "1 3 size size"],
    view: WarpView,
    moves: Float[Tensor, "1 points 2"],
    moving: np.ndarray,
) -> Area:
    """Draw the base in the box around the points that move, in place; return the box."""
    base, points = view.state.base, view.state.points
    ends = points.pixels[moving]
    ends = np.concatenate([ends, ends + moves[0].cpu().numpy()[moving]])
    margin = _AROUND * base.size
    low = np.floor((ends.min(0) - margin) / base.cell).astype(int)
    high = np.ceil((ends.max(0) + margin) / base.cell).astype(int)
    left, top = np.clip(low, 0, [base.columns - 2, base.rows - 2]).tolist()
    right, bottom = np.clip(high, [left + 2, top + 2], [base.columns, base.rows]).tolist()
    part = base.part(slice(top, bottom), slice(left, right))
    (found,) = fields([part], torch.cat([moves, view.away]))
    grid = part.grid_in_view(found[:1], found[1:], moves.new_zeros(1, 2))
    drawn = warp(view.state.picture, grid, mode="bicubic").clamp(0, 1)
    window = np.minimum.outer(
        *(fall(length, 2 * margin / length) for length in (part.height, part.width))
    )
    place = frame[..., *part.area]
    place += (drawn - place) * to_tensor(window, frame.device)
    return part.area


def _draw_eye(
    frames: Drawn,
    state: WarpState,
    eye: Eye,
    motion: Motion,
    placed: Float[Tensor, "batch points 3"],
    moves: Float[Tensor, "batch points 2"],
) -> Area:
    """Draw an eye into frames, in place; return where it is in the first of them."""
    travel = eye.opening.travel(placed)
    sources = eye.opening.rigid_sources(state.points, motion.pose, motion.shift, travel)
    shift = eye.eyeball.shift(to_tensor(motion.gaze, frames.device))
    eye.draw_into(frames, state.picture, (placed, moves), travel, sources, shift)
    return eye.opening.area(travel[0])


def _draw_mouth(
    frames: Drawn,
    state: WarpState,
    motion: Motion,
    shape: Float[Tensor, "batch points 3"],
    placed: Float[Tensor, "batch points 3"],
    moves: Float[Tensor, "batch points 2"],
) -> Area:
    """Draw the lips and what is between them, in place; return where it is in the first frame."""
    travel = state.mouth.travel(placed)
    slit = state.mouth.slit(move_back(placed, travel))
    inside = _inside(state, slit, shape, placed, motion, travel)
    lips = None if state.lips is None else (state.lips, _lip_share(state, shape))
    state.mouth.draw_into(frames, state.picture, slit, moves, inside, travel, lips)
    return state.mouth.area(travel[0])


def _inside(
    state: WarpState,
    slit: Slit,
    shape: Float[Tensor, "batch points 3"],
    placed: Float[Tensor, "batch points 3"],
    motion: Motion,
    travel: Float[Tensor, "batch 2"],
) -> Float[Tensor, "batch 3 height width"]:
    """Draw what is behind the lips over the mouth's rectangle."""
    interior, points, size = state.interior, state.points, state.picture.shape[-1]
    pose, shift = motion.pose, motion.shift
    anchors = interior.centre + shape.new_tensor([[0, 0, 0], [interior.width / 2, 0, 0], [0, 0, 1]])
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
    donors = state.donors
    if donors is None or state.skin is None:
        return interior.draw(slit, frame, own, own_seen)
    plane = points.place(donors.anchors(shape).expand(len(shape), -1, -1), pose, shift)
    plane = plane[..., :2] - travel[:, None]
    seen = donors.draw(state.mouth.above.pixels, plane, frame.gap, state.skin)
    return interior.draw(slit, frame, own, own_seen, seen)


def _lip_share(
    state: WarpState, shape: Float[Tensor, "batch points 3"]
) -> Float[Tensor, "batch 1 1 1"]:
    """Return how far the lips have left the resting gap: none, 0; by half of it or more, 1."""
    gaps = shape[:, landmarks.LOWER_LIP_INNER, 1] - shape[:, landmarks.UPPER_LIP_INNER, 1]
    away = (gaps.amax(1) - state.interior.rest_gap).abs() / (state.interior.rest_gap / 2)
    return away.clamp(0, 1)[:, None, None, None]
