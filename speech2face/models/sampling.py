"""Grids and sampling in the convention of the published motion-transfer weights.

Unlike `speech2face.geometry` these grids put -1 and +1 at the *centres* of the outer pixels, while
most weights were trained with a sampler that puts them at the outer edges; `align_corners` of
grid_sample is therefore a named value of a weight's configuration.
"""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

VARIANCE = 0.01
"""Of the Gaussians that stand for keypoints, in squared normalized units."""


def coordinate_grid(sizes: Sequence[int], like: Tensor) -> Float[Tensor, "*space dims"]:
    """Return the coordinates of every pixel centre, 2 i / (n - 1) - 1 along each axis.

    Args:
        sizes: (height, width) or (depth, height, width).
        like: A tensor whose device and dtype the grid gets.

    Returns:
        Last axis (x, y) or (x, y, z).
    """
    axes = [_axis(size, like) for size in sizes]
    return torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1], -1)


def sample(
    x: Float[Tensor, "b c *space"],
    grid: Float[Tensor, "b *out dims"],
    *,
    align_corners: bool,
    padding: str = "zeros",
) -> Float[Tensor, "b c *out"]:
    """Sample an image or a volume linearly where the grid says."""
    return functional.grid_sample(
        x, grid, mode="bilinear", padding_mode=padding, align_corners=align_corners
    )


def heatmaps(
    keypoints: Float[Tensor, "b k dims"], sizes: Sequence[int]
) -> Float[Tensor, "b k *space"]:
    """Draw one Gaussian of height 1 at each keypoint.

    A Gaussian is the product of one along each axis, so only those need the exponential.
    """
    axes = [_axis(size, keypoints) for size in sizes]
    lines = [
        torch.exp(-0.5 * (axis - keypoints[..., place, None]) ** 2 / VARIANCE)
        for place, axis in enumerate(axes[::-1])
    ]
    drawn = lines[0]
    for line in lines[1:]:
        drawn = drawn[:, :, None] * rearrange(line, f"b k n -> b k n{' 1' * (drawn.ndim - 2)}")
    return drawn


def soft_argmax(
    logits: Float[Tensor, "b k *space"], temperature: float
) -> Float[Tensor, "b k dims"]:
    """Return the mean coordinate of softmax(logits / temperature) over all positions."""
    sizes = logits.shape[2:]
    heat = torch.softmax(logits.flatten(2) / temperature, -1).unflatten(2, sizes)
    means: list[Tensor] = []
    for place, size in enumerate(sizes):
        # Sums of one axis at a time are exact enough; one product over all positions is not.
        others = [axis + 2 for axis in range(len(sizes)) if axis != place]
        means.append(heat.sum(others) @ _axis(size, heat))
    return torch.stack(means[::-1], -1)


def _axis(size: int, like: Tensor) -> Float[Tensor, " size"]:
    return torch.linspace(-1, 1, size, device=like.device, dtype=like.dtype)
