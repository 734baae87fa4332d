"""SPADE decoder: features, modulated at every step by themselves, become a picture.

Source: Park et al., "Semantic Image Synthesis with Spatially-Adaptive Normalization" (2019), with
the warped features in the place of a segmentation map; names as in the published state dicts.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import spectral_norm

from speech2face.models.blocks import enlarge

SLOPE = 0.2
"""Of the decoder's leaky ReLU."""


class Spade(nn.Module):
    """Normalize each channel of a picture, then scale and shift every pixel as the label says."""

    def __init__(self, channels: int, label: int, hidden: int) -> None:
        """Build the layer for `channels` features and labels of `label` channels."""
        super().__init__()
        self.mlp_shared = nn.Sequential(nn.Conv2d(label, hidden, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(hidden, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(hidden, channels, 3, padding=1)

    def forward(
        self, x: Float[Tensor, "b c h w"], label: Float[Tensor, "b l h2 w2"]
    ) -> Float[Tensor, "b c h w"]:
        """Modulate; a label of another size is resized to the nearest pixel."""
        if label.shape[2:] != x.shape[2:]:
            label = functional.interpolate(label, x.shape[2:], mode="nearest")
        hidden = self.mlp_shared(label)
        gamma, beta = self.mlp_gamma(hidden), self.mlp_beta(hidden)
        return functional.instance_norm(x) * (1 + gamma) + beta


class SpadeBlock(nn.Module):
    """Residual block of two modulated convolutions; the shortcut has one where channels change."""

    def __init__(self, before: int, after: int, label: int, hidden: int) -> None:
        """Build the block."""
        super().__init__()
        middle = min(before, after)
        self.norm_0 = Spade(before, label, hidden)
        # The old spectral norm: the newer parametrization names its tensors otherwise.
        self.conv_0 = spectral_norm(nn.Conv2d(before, middle, 3, padding=1))
        self.norm_1 = Spade(middle, label, hidden)
        self.conv_1 = spectral_norm(nn.Conv2d(middle, after, 3, padding=1))
        self.norm_s = Spade(before, label, hidden) if before != after else None
        self.conv_s = (
            spectral_norm(nn.Conv2d(before, after, 1, bias=False)) if before != after else None
        )

    def forward(
        self, x: Float[Tensor, "b c h w"], label: Float[Tensor, "b l h2 w2"]
    ) -> Float[Tensor, "b d h w"]:
        """Run the block."""
        inner = self.conv_0(functional.leaky_relu(self.norm_0(x, label), SLOPE))
        inner = self.conv_1(functional.leaky_relu(self.norm_1(inner, label), SLOPE))
        if self.norm_s is None or self.conv_s is None:
            return x + inner
        return self.conv_s(self.norm_s(x, label)) + inner


class SpadeDecoder(nn.Module):
    """Draw a picture of four times the features' size."""

    def __init__(
        self, channels: int, last: int, hidden: int, middle: int, label: int | None = None
    ) -> None:
        """Build the decoder.

        Args:
            channels: Of the features it draws.
            last: Channels of the last block.
            hidden: Hidden channels of each modulation.
            middle: Number of blocks before the first enlargement.
            label: Channels of the label; by default the features are their own label.
        """
        super().__init__()
        label, wide = label or channels, 2 * channels
        self.fc = nn.Conv2d(channels, wide, 3, padding=1)
        self.middle = [f"G_middle_{index}" for index in range(middle)]
        for name in self.middle:
            self.add_module(name, SpadeBlock(wide, wide, label, hidden))
        self.up_0 = SpadeBlock(wide, channels, label, hidden)
        self.up_1 = SpadeBlock(channels, last, label, hidden)
        self.conv_img = nn.Conv2d(last, 3, 3, padding=1)

    def forward(
        self,
        features: Float[Tensor, "b c h w"],
        label: Float[Tensor, "b l h2 w2"] | None = None,
    ) -> Float[Tensor, "b 3 h4 w4"]:
        """Draw; `label` is the features themselves where none is given."""
        label = features if label is None else label
        x = self.fc(features)
        for name in self.middle:
            x = self.get_submodule(name)(x, label)
        x = self.up_0(enlarge(x), label)
        x = self.up_1(enlarge(x), label)
        return torch.sigmoid(self.conv_img(functional.leaky_relu(x, SLOPE)))
