"""The family's discriminator: says of each patch of a picture whether it looks real.

Source: Siarohin et al. (2019), appendix; Isola et al., "Image-to-Image Translation with Conditional
Adversarial Networks" (2017). Names and sizes as in the published state dicts.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import spectral_norm

_SLOPE = 0.2


class Judgement(NamedTuple):
    """What the discriminator says."""

    features: list[Tensor]
    """After each block, for the feature-matching loss."""
    score: Float[Tensor, "b 1 h w"]
    """One number a patch; large means real."""


class _Down(nn.Module):
    def __init__(self, before: int, after: int, *, norm: bool, pool: bool, spectral: bool) -> None:
        super().__init__()
        convolution = nn.Conv2d(before, after, 4)
        self.conv = spectral_norm(convolution) if spectral else convolution
        self.norm = nn.InstanceNorm2d(after, affine=True) if norm else None
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x)
        x = functional.leaky_relu(x, _SLOPE)
        return functional.avg_pool2d(x, 2) if self.pool else x


class _OneScale(nn.Module):
    def __init__(
        self, channels: int, expansion: int, most: int, blocks: int, *, spectral: bool
    ) -> None:
        super().__init__()
        widths = [channels, *(min(most, expansion * 2 ** (i + 1)) for i in range(blocks))]
        self.down_blocks = nn.ModuleList(
            _Down(*widths[i : i + 2], norm=i > 0, pool=i < blocks - 1, spectral=spectral)
            for i in range(blocks)
        )
        last = nn.Conv2d(widths[-1], 1, 1)
        self.conv = spectral_norm(last) if spectral else last

    def forward(self, x: Tensor) -> Judgement:
        features: list[Tensor] = []
        for block in self.down_blocks:
            x = block(x)
            features.append(x)
        return Judgement(features, self.conv(x))


class PatchDiscriminator(nn.Module):
    """Judge pictures, with heat maps of their keypoints behind the colours where it has any."""

    def __init__(
        self,
        keypoints: int = 0,
        expansion: int = 32,
        most: int = 512,
        blocks: int = 4,
        *,
        spectral: bool = True,
    ) -> None:
        """Build the network with random weights.

        Args:
            keypoints: Number of heat maps behind the three colours.
            expansion: Half the channels of the first block; each next one has twice as many.
            most: Upper bound of the channels.
            blocks: Number of blocks.
            spectral: Whether all convolutions are spectrally normalized.
        """
        super().__init__()
        scale = _OneScale(3 + keypoints, expansion, most, blocks, spectral=spectral)
        # The published networks could judge several scales; all that were released judge one.
        self.discs = nn.ModuleDict({"1": scale})

    def forward(
        self,
        image: Float[Tensor, "b 3 h w"],
        heat: Float[Tensor, "b k h w"] | None = None,
    ) -> Judgement:
        """Judge RGB pictures in [0, 1]."""
        return self.discs["1"](image if heat is None else torch.cat([image, heat], 1))
