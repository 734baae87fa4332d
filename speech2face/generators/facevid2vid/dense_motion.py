"""Dense motion: from keypoints of two faces to where every point of the target comes from.

Source: Siarohin et al. (2019), equations 4 to 8, in three dimensions and without Jacobians: Wang
et al., "One-Shot Free-View Neural Talking-Head Synthesis for Video Conferencing" (2021), section 3.
"""

from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from speech2face.generators.facevid2vid.config import FaceVid2VidConfig
from speech2face.models.blocks import Hourglass
from speech2face.models.keypoints import heat_features, sparse_motions, warped_copies


class Motion(NamedTuple):
    """What dense motion finds."""

    mask: Float[Tensor, "b motions depth h w"]
    """Weight of each keypoint's motion; the first is that of no motion."""
    deformation: Float[Tensor, "b depth h w 3"]
    """Where in the source each point of the target lies: (x, y, z)."""
    occlusion: Float[Tensor, "b 1 h w"]
    """How much of the warped features to trust: 0 nothing, 1 all."""


class DenseMotionNetwork(nn.Module):
    """Mix the motions of the keypoints, each of which shifts the whole volume."""

    def __init__(self, config: FaceVid2VidConfig) -> None:
        """Build the network with random weights."""
        super().__init__()
        motions = config.keypoints + 1
        self.compress = nn.Conv3d(config.volume_channels, config.compress, 1)
        self.norm: nn.Module = nn.BatchNorm3d(config.compress)
        self.hourglass = Hourglass(
            motions * (config.compress + 1),
            config.motion_expansion,
            config.motion_blocks,
            config.motion_max_features,
            dims=3,
        )
        channels = self.hourglass.out_channels
        self.mask = nn.Conv3d(channels, motions, 7, padding=3)
        self.occlusion = nn.Conv2d(channels * config.depth, 1, 7, padding=3)
        self.align_corners = config.align_corners
        self.mask_floor = config.mask_floor

    def forward(
        self,
        volume: Float[Tensor, "b c depth h w"],
        source: Float[Tensor, "b k 3"],
        driving: Float[Tensor, "b k 3"],
    ) -> Motion:
        """Find the motion from the driving keypoints to the source's."""
        compressed = torch.relu(self.norm(self.compress(volume)))
        motions = sparse_motions(source, driving, volume.shape[2:])
        copies = warped_copies(compressed, motions, align_corners=self.align_corners)
        heat = heat_features(source, driving, volume.shape[2:])
        features = self.hourglass(torch.cat([heat[:, :, None], copies], 2).flatten(1, 2))
        mask = self.masks(features)
        deformation = torch.einsum("bmdhw,bmdhwx->bdhwx", mask, motions)
        return Motion(mask, deformation, self.occlusions(features))

    def masks(self, features: Float[Tensor, "b c depth h w"]) -> Float[Tensor, "b m depth h w"]:
        """Weigh the motions by what the hourglass saw."""
        mask = torch.softmax(self.mask(features), 1)
        if self.mask_floor:
            # As in SadTalker, what remains is not scaled up to a sum of 1.
            mask = torch.where(mask < self.mask_floor, torch.zeros_like(mask), mask)
        return mask

    def occlusions(self, features: Float[Tensor, "b c depth h w"]) -> Float[Tensor, "b 1 h w"]:
        """Return what the source did not show."""
        return torch.sigmoid(self.occlusion(rearrange(features, "b c d h w -> b (c d) h w")))
