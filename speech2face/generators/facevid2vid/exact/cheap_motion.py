"""Dense motion whose warped copies cost matrix products of single axes. Exact.

Each keypoint's motion shifts the whole volume by one vector, so trilinear sampling is the product
of three linear interpolations, each a small matrix that is the same for all rows; and what the
masks mix is a mean of shifts.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from speech2face.generators.facevid2vid.dense_motion import (
    DenseMotionNetwork,
    Motion,
)
from speech2face.models.keypoints import heat_features
from speech2face.models.sampling import coordinate_grid


class CheapDenseMotion(nn.Module):
    """Does what a `DenseMotionNetwork` does."""

    def __init__(self, network: DenseMotionNetwork) -> None:
        """Take over the parts of a network."""
        super().__init__()
        self.network = network

    def forward(
        self,
        volume: Float[Tensor, "b c depth h w"],
        source: Float[Tensor, "b k 3"],
        driving: Float[Tensor, "b k 3"],
    ) -> Motion:
        """Find the motion from the driving keypoints to the source's."""
        network, sizes = self.network, volume.shape[2:]
        compressed = torch.relu(network.norm(network.compress(volume)))
        shifts = functional.pad(source - driving, (0, 0, 1, 0))
        copies = shifted_copies(compressed, shifts, align_corners=network.align_corners)
        heat = heat_features(source, driving, sizes)
        inputs = torch.cat([heat[:, :, None], copies], 2).flatten(1, 2)
        features = network.hourglass(inputs.contiguous(memory_format=torch.channels_last_3d))
        mask = network.masks(features)
        weight = mask.sum(1)[..., None] if network.mask_floor else 1.0
        mean = torch.einsum("bmdhw,bmx->bdhwx", mask, shifts)
        deformation = coordinate_grid(sizes, volume) * weight + mean
        return Motion(mask, deformation, network.occlusions(features))


def shifted_copies(
    features: Float[Tensor, "b c depth h w"],
    shifts: Float[Tensor, "b m 3"],
    *,
    align_corners: bool,
) -> Float[Tensor, "b m c depth h w"]:
    """Warp the features once by each shift: the same as `dense_motion.warped_copies`."""
    depth, height, width = features.shape[2:]
    x, y, z = (
        _interpolation(size, shifts[..., axis], align_corners=align_corners)
        for axis, size in enumerate((width, height, depth))
    )
    moved = torch.einsum("bcdhw,bmxw->bmcdhx", features, x)
    moved = torch.einsum("bmcdhx,bmyh->bmcdyx", moved, y)
    return torch.einsum("bmcdyx,bmzd->bmczyx", moved, z)


def _interpolation(
    size: int, shift: Float[Tensor, "b m"], *, align_corners: bool
) -> Float[Tensor, "b m out into"]:
    """Return the matrices that sample one axis linearly at its grid plus a shift; zeros beyond."""
    place = torch.linspace(-1, 1, size, device=shift.device) + shift[..., None]
    pixel = (place + 1) * (size - 1) / 2 if align_corners else ((place + 1) * size - 1) / 2
    pixels = torch.arange(size, device=shift.device, dtype=shift.dtype)
    return torch.relu(1 - (pixel[..., None] - pixels).abs())
