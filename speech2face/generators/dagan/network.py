"""DaGAN: what the keypoints warp attends to the source's depth before it is drawn.

Source: Hong et al., "Depth-Aware Generative Adversarial Network for Talking Head Video Generation"
(CVPR 2022, arXiv 2203.06605). Names, sizes and conventions are those of its public weights.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from speech2face.generators.dagan.config import DaganConfig
from speech2face.generators.fomm.keypoints import Keypoints
from speech2face.generators.fomm.network import DrawingNetwork, Motion, WarpingNetwork
from speech2face.models.blocks import DownBlock, SameBlock
from speech2face.models.spade import SpadeDecoder

_ROWS = 512
"""Queries at once: all 4096 against all 4096 keys of a picture of 256 would fill 64 MB."""


class DepthEncoded(NamedTuple):
    """All that depends on the source alone."""

    features: Float[Tensor, "b c h4 w4"]
    small: Float[Tensor, "b 3 h4 w4"]
    query: Float[Tensor, "b attention h4 w4"]
    """What the source's depth asks the warped features for."""
    image: Float[Tensor, "b 3 size size"]


class CrossAttention(nn.Module):
    """Add to each place of a map what its query finds in all the map."""

    def __init__(self, channels: int, inner: int) -> None:
        """Build the layer with random weights; without training it changes nothing."""
        super().__init__()
        self.query_conv = nn.Conv2d(channels, inner, 1)
        self.key_conv = nn.Conv2d(channels, inner, 1)
        self.value_conv = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def ask(self, depth: Float[Tensor, "b c h w"]) -> Float[Tensor, "b inner h w"]:
        """Turn features of depth into queries."""
        return torch.relu(self.query_conv(depth))

    def forward(
        self, query: Float[Tensor, "one_or_b inner h w"], features: Float[Tensor, "b c h w"]
    ) -> Float[Tensor, "b c h w"]:
        """Attend; rows of queries are taken a few at a time, whatever the map's size."""
        keys = torch.relu(self.key_conv(features)).flatten(2)
        values = torch.relu(self.value_conv(features)).flatten(2)
        queries = query.flatten(2).expand(len(features), -1, -1)
        found = [
            torch.einsum("bij,bcj->bci", attention(rows, keys), values)
            for rows in queries.split(_ROWS, 2)
        ]
        return self.gamma * torch.cat(found, 2).view_as(features) + features


def attention(
    queries: Float[Tensor, "b inner rows"], keys: Float[Tensor, "b inner places"]
) -> Float[Tensor, "b rows places"]:
    """Return how much each query heeds every place: over the places it sums up to 1."""
    return torch.softmax(torch.einsum("bqi,bqj->bij", queries, keys), 2)


class _DepthAware(WarpingNetwork, ABC):
    """What both generators have beside a first-order model: the way of depth."""

    def __init__(self, config: DaganConfig) -> None:
        """Build the network with random weights."""
        super().__init__(config)
        full, half, quarter = config.widths
        self.src_first = SameBlock(1, full, 7)
        self.src_down_blocks = nn.ModuleList([DownBlock(full, half), DownBlock(half, quarter)])
        self.AttnModule = CrossAttention(quarter, config.attention)

    def encode(
        self, image: Float[Tensor, "b 3 size size"], depth: Float[Tensor, "b 1 size size"]
    ) -> DepthEncoded:
        """Compute what depends on source pictures (RGB in [0, 1]) and their disparity alone."""
        x = self.src_first(depth)
        for block in self.src_down_blocks:
            x = block(x)
        return DepthEncoded(*self.encode_picture(image), self.AttnModule.ask(x), image)

    def render(
        self, encoded: DepthEncoded, source: Keypoints, driving: Keypoints
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
        attended = self.AttnModule(encoded.query, self.warp(encoded.features, motion))
        return self.draw(attended, encoded.image, motion)

    @abstractmethod
    def draw(
        self,
        features: Float[Tensor, "b c h w"],
        image: Float[Tensor, "one_or_b 3 h4 w4"],
        motion: Motion,
    ) -> Float[Tensor, "b 3 h4 w4"]:
        """Draw pictures from attended features."""

    def forward(
        self,
        image: Float[Tensor, "b 3 size size"],
        depth: Float[Tensor, "b 1 size size"],
        source: Keypoints,
        driving: Keypoints,
    ) -> Float[Tensor, "b 3 size size"]:
        """Encode and render, for training."""
        return self.render(self.encode(image, depth), source, driving)


class DepthAwareGenerator(_DepthAware, DrawingNetwork):
    """Draw as a first-order model does."""

    def draw(
        self,
        features: Float[Tensor, "b c h w"],
        image: Float[Tensor, "one_or_b 3 h4 w4"],
        motion: Motion,
    ) -> Float[Tensor, "b 3 h4 w4"]:
        """Draw pictures from attended features."""
        del image, motion
        return self.decode(features)


class _LabelledDecoder(SpadeDecoder):
    """A SPADE decoder whose label is a picture and a few of the features."""

    def __init__(self, config: DaganConfig) -> None:
        full, _, quarter = config.widths
        super().__init__(quarter, full, config.label_channels, config.spade_blocks, _COMPRESSED + 3)
        self.compress = nn.Conv2d(quarter, _COMPRESSED, 3, padding=1)


_COMPRESSED = 4


class SpadeDepthAwareGenerator(_DepthAware):
    """Draw by modulation: the warped picture itself says what is where."""

    def __init__(self, config: DaganConfig) -> None:
        """Build the network with random weights."""
        super().__init__(config)
        self.decoder = _LabelledDecoder(config)

    def draw(
        self,
        features: Float[Tensor, "b c h w"],
        image: Float[Tensor, "one_or_b 3 h4 w4"],
        motion: Motion,
    ) -> Float[Tensor, "b 3 h4 w4"]:
        """Draw pictures from attended features."""
        size = image.shape[2:]
        seen = functional.interpolate(motion.occlusion, size, mode="bilinear")
        few = functional.interpolate(self.decoder.compress(features), size, mode="nearest")
        label = torch.cat([few, self.deformed(image, motion) * seen], 1)
        return self.decoder(features, label)
