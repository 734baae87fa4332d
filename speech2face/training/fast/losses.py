"""What the fast generator is asked for: the driving picture, and an honest way to it.

Flow and visibility are supervised where the truth is known, so that the photograph's own pixels
are used wherever they exist and the network's picture only where they do not.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from speech2face import landmarks
from speech2face.generators.fast.network import FastFrames
from speech2face.generators.fast.slits import unit_of
from speech2face.geometry import identity_grid
from speech2face.training.fast.pairs import PairBatch

_FEATURES = (
    (landmarks.UPPER_LIP_OUTER, landmarks.LOWER_LIP_OUTER),
    *landmarks.LIDS,
)
_MARGIN = 0.1
"""Mouth and eyes are looked at with so much of what surrounds them (units)."""


@dataclass(frozen=True, kw_only=True)
class FastLosses:
    """Weights of the losses."""

    pixel: float = 1.0
    """Absolute difference."""
    edge: float = 1.0
    """The same of neighbouring pixels' differences."""
    features: float = 5.0
    """How much mouth and eyes count, against 1 elsewhere."""
    warped: float = 0.3
    """Absolute difference of the moved photograph where the source shows what is wanted."""
    drawn: float = 0.2
    """Absolute difference of the network's own picture, before it is laid over."""
    flow: float = 1.0
    """Absolute error of the flow (units) where it is known."""
    hidden: float = 0.05
    """The network's picture must be seen where the source shows nothing of what is wanted."""
    seen: float = 0.005
    """Price of hiding the photograph."""
    perceptual: float = 0.0
    """Distance of features (`perceptual`); 0 does without that network."""


def losses(
    made: FastFrames, batch: PairBatch, weights: FastLosses, weight: Tensor
) -> dict[str, Tensor]:
    """Compare what was drawn with what was wanted.

    Args:
        made: By the generator, at the batch's resolution.
        batch: The truth.
        weights: Of the losses.
        weight: `importance` of every pixel.
    """
    known = batch.known[:, None, None, None]
    size = batch.driving.shape[2:]
    visible = functional.interpolate(batch.visible, size=size, mode="bilinear")
    # Where nothing is known the photograph should fit as well as it can.
    trusted = known * (visible - 0.5).clamp(min=0) * 2 + (1 - known) * 0.3
    error = (made.image - batch.driving).abs() * weight
    moved = (made.warped - batch.driving).abs() * weight * trusted
    drawn = (made.drawn - batch.driving).abs() * weight
    cells = functional.interpolate(made.flow, size=batch.flow.shape[2:], mode="area")
    unit = unit_of(batch.driving_keypoints)[..., None]
    off = (cells - batch.flow).abs() / unit * known * batch.visible
    hidden = ((1 - visible) - made.seen).clamp(min=0) * known
    return {
        "pixel": weights.pixel * error.mean(),
        "edge": weights.edge * _edges(made.image - batch.driving, weight),
        "warped": weights.warped * moved.mean(),
        "drawn": weights.drawn * drawn.mean(),
        "flow": weights.flow * off.mean(),
        "hidden": weights.hidden * hidden.mean(),
        "seen": weights.seen * made.seen.abs().mean(),
    }


def importance(
    keypoints: Float[Tensor, "batch points 3"], size: torch.Size, features: float
) -> Float[Tensor, "batch 1 height width"]:
    """Weigh pixels: mouth and eyes more; 1 on average."""
    grid = identity_grid(size[0], size[1], keypoints.device)[None]
    margin = _MARGIN * unit_of(keypoints)[:, :, 0]
    places = {int(point): place for place, point in enumerate(landmarks.FAST_KEYPOINTS)}
    inside = torch.zeros_like(grid[..., 0])
    for edges in _FEATURES:
        points = keypoints[:, [places[int(p)] for edge in edges for p in edge], :2]
        low = (points.amin(1) - margin)[:, None, None]
        high = (points.amax(1) + margin)[:, None, None]
        inside = torch.maximum(inside, ((grid > low) & (grid < high)).all(3).float())
    weight = 1 + (features - 1) * inside[:, None]
    return weight / weight.mean((2, 3), keepdim=True)


def _edges(error: Float[Tensor, "b c h w"], weight: Float[Tensor, "b 1 h w"]) -> Tensor:
    across = (error[..., 1:] - error[..., :-1]).abs() * weight[..., 1:]
    down = (error[..., 1:, :] - error[..., :-1, :]).abs() * weight[..., 1:, :]
    return across.mean() + down.mean()
