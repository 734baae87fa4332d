"""FOMM: a picture becomes features once, keypoints warp them, what was hidden is drawn anew.

Source: Siarohin et al., "First Order Motion Model for Image Animation" (NeurIPS 2019, arXiv
2003.00196). Names, sizes and conventions are those of its public weights.
"""

from collections import OrderedDict
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from speech2face.generators.fomm.config import SCALE, FommConfig
from speech2face.generators.fomm.keypoints import Keypoints, inverse
from speech2face.models.blocks import (
    AntiAliasDownsample,
    DownBlock,
    Hourglass,
    ResBlock,
    SameBlock,
    UpBlock,
)
from speech2face.models.keypoints import heat_features, sparse_motions, warped_copies
from speech2face.models.sampling import sample


class Motion(NamedTuple):
    """What dense motion finds."""

    mask: Float[Tensor, "b motions h w"]
    """Weight of each keypoint's motion; the first is that of no motion."""
    deformation: Float[Tensor, "b h w 2"]
    """Where in the source each point of the target lies: (x, y)."""
    occlusion: Float[Tensor, "b 1 h w"]
    """How much of the warped features to trust: 0 nothing, 1 all."""


class DenseMotionNetwork(nn.Module):
    """Mix the motions of the keypoints, each of which is affine."""

    def __init__(self, config: FommConfig) -> None:
        """Build the network with random weights."""
        super().__init__()
        motions = config.keypoints + 1
        self.down = AntiAliasDownsample(3, SCALE)
        self.hourglass = Hourglass(
            motions * (3 + 1),
            config.motion_expansion,
            config.motion_blocks,
            config.motion_max_features,
            dims=2,
        )
        self.mask = nn.Conv2d(self.hourglass.out_channels, motions, 7, padding=3)
        self.occlusion = nn.Conv2d(self.hourglass.out_channels, 1, 7, padding=3)
        self.align_corners = config.align_corners

    def forward(
        self, small: Float[Tensor, "b 3 h w"], source: Keypoints, driving: Keypoints
    ) -> Motion:
        """Find the motion from the driving keypoints to the source's.

        Args:
            small: The source's picture, as `down` makes it.
            source: Its keypoints.
            driving: The keypoints of each frame.
        """
        sizes = small.shape[2:]
        motions = self.motions(source, driving, sizes)
        copies = warped_copies(small, motions, align_corners=self.align_corners)
        heat = heat_features(source.value, driving.value, sizes)
        features = self.hourglass(torch.cat([heat[:, :, None], copies], 2).flatten(1, 2))
        mask = torch.softmax(self.mask(features), 1)
        deformation = torch.einsum("bmhw,bmhwx->bhwx", mask, motions)
        return Motion(mask, deformation, torch.sigmoid(self.occlusion(features)))

    @staticmethod
    def motions(
        source: Keypoints, driving: Keypoints, sizes: torch.Size
    ) -> Float[Tensor, "b m h w 2"]:
        """Return the identity and each keypoint's motion."""
        jacobian = source.jacobian @ inverse(driving.jacobian)
        return sparse_motions(source.value, driving.value, sizes, jacobian)


class Encoded(NamedTuple):
    """All that depends on the source alone."""

    features: Float[Tensor, "b c h4 w4"]
    small: Float[Tensor, "b 3 h4 w4"]


class WarpingNetwork(nn.Module):
    """Encode a source, find where it moves, warp it: all that precedes drawing."""

    def __init__(self, config: FommConfig) -> None:
        """Build the network with random weights."""
        super().__init__()
        self.config = config
        full, half, quarter = config.widths
        self.first = SameBlock(3, full, 7)
        self.down_blocks = nn.ModuleList([DownBlock(full, half), DownBlock(half, quarter)])
        self.dense_motion_network = DenseMotionNetwork(config)

    def encode_picture(self, image: Float[Tensor, "b 3 size size"]) -> Encoded:
        """Compute what depends on source pictures (RGB in [0, 1]) alone."""
        x = self.first(image)
        for block in self.down_blocks:
            x = block(x)
        return Encoded(x, self.dense_motion_network.down(image))

    def motion(
        self, small: Float[Tensor, "one_or_b 3 h w"], source: Keypoints, driving: Keypoints
    ) -> Motion:
        """Find the dense motion of frames.

        Args:
            small: The source at a quarter of its size, as it was encoded.
            source: Its keypoints.
            driving: The keypoints of each frame.
        """
        frames = len(driving.value)
        small = small.expand(frames, -1, -1, -1)
        return self.dense_motion_network(small, source.expand(frames), driving)

    def warp(
        self, features: Float[Tensor, "one_or_b c h w"], motion: Motion
    ) -> Float[Tensor, "b c h w"]:
        """Warp the features and dim what the source did not show."""
        features = features.expand(len(motion.deformation), -1, -1, -1)
        warped = sample(features, motion.deformation, align_corners=self.config.align_corners)
        return warped * motion.occlusion

    def deformed(
        self, image: Float[Tensor, "one_or_b 3 h w"], motion: Motion
    ) -> Float[Tensor, "b 3 h w"]:
        """Warp the picture itself, by the deformation brought to its size."""
        flow = functional.interpolate(
            motion.deformation.movedim(3, 1), image.shape[2:], mode="bilinear"
        ).movedim(1, 3)
        return sample(
            image.expand(len(flow), -1, -1, -1), flow, align_corners=self.config.align_corners
        )


class DrawingNetwork(WarpingNetwork):
    """Also draw what was warped, by residual blocks."""

    def __init__(self, config: FommConfig) -> None:
        """Build the network with random weights."""
        super().__init__(config)
        full, half, quarter = config.widths
        blocks = range(config.residual_blocks)
        self.bottleneck = nn.Sequential(OrderedDict((f"r{i}", ResBlock(quarter)) for i in blocks))
        self.up_blocks = nn.ModuleList([UpBlock(quarter, half), UpBlock(half, full)])
        self.final = nn.Conv2d(full, 3, 7, padding=3)

    def decode(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 3 h4 w4"]:
        """Draw the picture."""
        x = self.bottleneck(features)
        for block in self.up_blocks:
            x = block(x)
        return torch.sigmoid(self.final(x))


class OcclusionAwareGenerator(DrawingNetwork):
    """Draw a face as its keypoints say."""

    def encode(self, image: Float[Tensor, "b 3 size size"]) -> Encoded:
        """Compute what depends on source pictures (RGB in [0, 1]) alone."""
        return self.encode_picture(image)

    def render(
        self, encoded: Encoded, source: Keypoints, driving: Keypoints
    ) -> Float[Tensor, "b 3 size size"]:
        """Draw frames, all at once.

        Args:
            encoded: The source; one serves all frames.
            source: Its keypoints.
            driving: The keypoints of each frame.

        Returns:
            RGB in [0, 1].
        """
        motion = self.motion(encoded.small, source, driving)
        return self.decode(self.warp(encoded.features, motion))

    def forward(
        self, image: Float[Tensor, "b 3 size size"], source: Keypoints, driving: Keypoints
    ) -> Float[Tensor, "b 3 size size"]:
        """Encode and render, for training."""
        return self.render(self.encode(image), source, driving)
