"""Keypoints that move pictures, in two or three dimensions: what they say of motion.

Source: Siarohin et al., "First Order Motion Model for Image Animation" (2019), equations 4 to 8 and
section 3.5; without Jacobians and in three dimensions Wang et al., "One-Shot Free-View Neural
Talking-Head Synthesis for Video Conferencing" (2021), section 3.
"""

from collections.abc import Sequence

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from scipy.spatial import ConvexHull
from torch import Tensor
from torch.nn import functional

from speech2face.models.sampling import coordinate_grid, heatmaps, sample


def sparse_motions(
    source: Float[Tensor, "b k dims"],
    driving: Float[Tensor, "b k dims"],
    sizes: Sequence[int],
    jacobian: Float[Tensor, "b k dims dims"] | None = None,
) -> Float[Tensor, "b k_and_1 *space dims"]:
    """Return each keypoint's motion, from every point of the target to the source.

    Args:
        source: Keypoints of the source.
        driving: Keypoints of the target.
        sizes: (height, width) or (depth, height, width).
        jacobian: How the source's surroundings of a keypoint change with the target's: J_s J_d^-1;
            None: they are shifted.

    Returns:
        Coordinates in the source; before the keypoints' motions the identity.
    """
    grid = coordinate_grid(sizes, source)
    one = (1,) * len(sizes)
    if jacobian is None:
        shift = functional.pad(source - driving, (0, 0, 1, 0))
        return grid + shift.unflatten(1, (-1, *one))
    away = grid - driving.unflatten(1, (-1, *one))
    moved = torch.einsum("bkij,bk...j->bk...i", jacobian, away) + source.unflatten(1, (-1, *one))
    return torch.cat([grid.expand(len(moved), 1, *grid.shape), moved], 1)


def heat_features(
    source: Float[Tensor, "b k dims"], driving: Float[Tensor, "b k dims"], sizes: Sequence[int]
) -> Float[Tensor, "b k_and_1 *space"]:
    """Draw the driving keypoints as Gaussians, minus the source's; before them, zeros."""
    heat = heatmaps(driving, sizes) - heatmaps(source, sizes)
    return functional.pad(heat, (0, 0) * len(sizes) + (1, 0))


def warped_copies(
    features: Float[Tensor, "b c *space"],
    motions: Float[Tensor, "b m *space dims"],
    *,
    align_corners: bool,
) -> Float[Tensor, "b m c *space"]:
    """Warp the features once by each motion."""
    copies = repeat(features, "b c ... -> (b m) c ...", m=motions.shape[1])
    warped = sample(copies, motions.flatten(0, 1), align_corners=align_corners)
    return rearrange(warped, "(b m) c ... -> b m c ...", m=motions.shape[1])


def relative_keypoints(
    source: Float[Tensor, "one_or_b k dims"],
    driving: Float[Tensor, "b k dims"],
    initial: Float[Tensor, "one_or_b k dims"],
    scale: float | Float[Tensor, ""] = 1.0,
) -> Float[Tensor, "b k dims"]:
    """Move the source's keypoints as the driving face has moved since its initial frame.

    Source: Siarohin et al. (2019), section 3.5 ("kp_norm"); `scale` is `movement_scale` where a
    face of another size drives.
    """
    return source + scale * (driving - initial)


def movement_scale(source: Float[Tensor, "k dims"], initial: Float[Tensor, "k dims"]) -> float:
    """Return the size of the source's face in units of the driving one, for `relative_keypoints`.

    As in the reference it is the square root of the ratio of the hulls' volumes, in three
    dimensions too, where a cube root would be meant.
    """
    volumes = [
        ConvexHull(points.detach().cpu().double().numpy()).volume for points in (source, initial)
    ]
    return float((volumes[0] / volumes[1]) ** 0.5)
