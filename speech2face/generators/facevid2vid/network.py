"""face-vid2vid: a picture becomes a feature volume once, keypoints warp it, a decoder draws it.

Source: Wang et al., "One-Shot Free-View Neural Talking-Head Synthesis for Video Conferencing"
(CVPR 2021, arXiv 2011.15126). Names, sizes and conventions are those of the public weights of
Zhang's re-implementation, so that these and SadTalker's renderer load as they are.
"""

from collections import OrderedDict

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from speech2face.generators.facevid2vid.config import PRESETS, FaceVid2VidConfig
from speech2face.generators.facevid2vid.dense_motion import DenseMotionNetwork, Motion
from speech2face.generators.facevid2vid.head_pose import HeadPose, HeadPoseEstimator, pose_keypoints
from speech2face.generators.facevid2vid.keypoints import KeypointDetector
from speech2face.models.blocks import DownBlock, ResBlock, SameBlock, UpBlock
from speech2face.models.sampling import sample
from speech2face.models.spade import SpadeDecoder

__all__ = [
    "PRESETS",
    "FaceVid2VidConfig",
    "FaceVid2VidGenerator",
    "HeadPose",
    "HeadPoseEstimator",
    "KeypointDetector",
    "pose_keypoints",
]


class FaceVid2VidGenerator(nn.Module):
    """Draw a face as its keypoints say."""

    def __init__(self, config: FaceVid2VidConfig) -> None:
        """Build the network with random weights."""
        super().__init__()
        self.config = config
        be, most = config.block_expansion, config.max_features
        widths = [be, min(most, 2 * be), min(most, 4 * be)]
        blocks = range(config.residual_blocks)
        self.first = SameBlock(3, be, 3 if config.decoder == "spade" else 7)
        self.down_blocks = nn.ModuleList([DownBlock(widths[0], widths[1]), DownBlock(*widths[1:])])
        self.second = nn.Conv2d(widths[2], config.volume_channels * config.depth, 1)
        self.resblocks_3d = nn.Sequential(
            OrderedDict((f"3dr{i}", ResBlock(config.volume_channels, dims=3)) for i in blocks)
        )
        self.dense_motion_network = DenseMotionNetwork(config)
        self.third = SameBlock(config.volume_channels * config.depth, widths[2], 3, 0.01)
        self.fourth = nn.Conv2d(widths[2], widths[2], 1)
        if config.decoder == "spade":
            self.decoder = SpadeDecoder(
                widths[2], be, config.label_channels, config.residual_blocks
            )
        else:
            # These have no common prefix in the published state dicts.
            self.resblocks_2d = nn.Sequential(
                OrderedDict((f"2dr{i}", ResBlock(widths[2])) for i in blocks)
            )
            self.up_blocks = nn.ModuleList([UpBlock(widths[2], widths[1]), UpBlock(widths[1], be)])
            self.final = nn.Conv2d(be, 3, 7, padding=3)

    def encode(self, image: Float[Tensor, "b 3 size size"]) -> Float[Tensor, "b c depth h w"]:
        """Turn source pictures (RGB in [0, 1]) into feature volumes; needed once a source."""
        x = self.first(image)
        for block in self.down_blocks:
            x = block(x)
        volume = rearrange(self.second(x), "b (c d) h w -> b c d h w", d=self.config.depth)
        return self.resblocks_3d(volume)

    def render(
        self,
        volume: Float[Tensor, "one_or_b c depth h w"],
        keypoints_source: Float[Tensor, "one_or_b k 3"],
        keypoints_driving: Float[Tensor, "b k 3"],
    ) -> Float[Tensor, "b 3 size size"]:
        """Draw frames, all at once.

        Args:
            volume: The source's features; one serves all frames.
            keypoints_source: The keypoints of the source as it was encoded.
            keypoints_driving: The keypoints of each frame.

        Returns:
            RGB in [0, 1].
        """
        volume, motion = self.motion(volume, keypoints_source, keypoints_driving)
        return self.decode(self.warp(volume, motion))

    def motion(
        self,
        volume: Float[Tensor, "one_or_b c depth h w"],
        keypoints_source: Float[Tensor, "one_or_b k 3"],
        keypoints_driving: Float[Tensor, "b k 3"],
    ) -> tuple[Float[Tensor, "b c depth h w"], Motion]:
        """Find the dense motion of frames; also give the volume once for each frame."""
        frames = len(keypoints_driving)
        volume = volume.expand(frames, -1, -1, -1, -1)
        source = keypoints_source.expand(frames, -1, -1)
        return volume, self.dense_motion_network(volume, source, keypoints_driving)

    def warp(
        self, volume: Float[Tensor, "b c depth h w"], motion: Motion
    ) -> Float[Tensor, "b c2 h w"]:
        """Warp the volume, flatten it and dim what the source did not show."""
        warped = sample(volume, motion.deformation, align_corners=self.config.align_corners)
        flat = self.fourth(self.third(rearrange(warped, "b c d h w -> b (c d) h w")))
        occlusion = motion.occlusion
        if occlusion.shape[2:] != flat.shape[2:]:
            occlusion = functional.interpolate(occlusion, flat.shape[2:], mode="bilinear")
        return flat * occlusion

    def decode(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 3 h4 w4"]:
        """Draw the picture."""
        if self.config.decoder == "spade":
            return self.decoder(features)
        x = self.resblocks_2d(features)
        for block in self.up_blocks:
            x = block(x)
        return torch.sigmoid(self.final(x))

    def forward(
        self,
        image: Float[Tensor, "b 3 size size"],
        keypoints_source: Float[Tensor, "b k 3"],
        keypoints_driving: Float[Tensor, "b k 3"],
    ) -> Float[Tensor, "b 3 size size"]:
        """Encode and render, for training."""
        return self.render(self.encode(image), keypoints_source, keypoints_driving)
