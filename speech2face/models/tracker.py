"""The face tracker's network: a square cut of a face becomes the points of the 478-point mesh.

Three small convolutional regressors: the whole face (with a score that says whether there is one),
and two that look closer, at the mouth and at one eye. The eye's is used for the left eye as seen;
the right one is shown to it mirrored. Points are predicted as a mean shape plus a learnt mix of
shape modes, which start as the principal components of the training shapes.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class RegressorConfig:
    """Sizes of one regressor; they are stored with its weights."""

    size: int
    """Side of the cut in pixels; a multiple of 2 to the number of `channels`."""
    channels: tuple[int, ...]
    """Feature channels after each halving of the resolution."""
    hidden: int
    """Width of the layer between the features and the modes."""
    modes: int
    """Number of shape modes."""
    points: int
    dims: int
    """2 for (x, y), 3 for (x, y, z)."""
    score: bool = False
    """Whether it also says if the cut shows a face at all."""


FACE = RegressorConfig(
    size=128, channels=(24, 40, 64, 96, 128), hidden=160, modes=96, points=478, dims=3, score=True
)
MOUTH = RegressorConfig(size=96, channels=(24, 40, 64, 96), hidden=128, modes=48, points=80, dims=2)
EYE = RegressorConfig(size=64, channels=(24, 40, 64, 96), hidden=96, modes=32, points=37, dims=2)


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(channels, channels, 1),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(
        self, features: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        return torch.relu(features + self.body(features))


class ShapeRegressor(nn.Module):
    """Regress the points of one cut."""

    def __init__(self, config: RegressorConfig) -> None:
        """Build the network with random weights; `set_shapes` gives it sensible shapes."""
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        before = 3
        for channels in config.channels:
            layers += _convolution(before, channels, 2)
            # The first map is large and its features are simple: no block there.
            if before != 3:  # noqa: PLR2004 - RGB
                layers.append(_Residual(channels))
            before = channels
        self.features = nn.Sequential(*layers)
        side = config.size >> len(config.channels)
        self.hidden = nn.Linear(before * side * side, config.hidden)
        self.modes = nn.Linear(config.hidden, config.modes)
        self.shape = nn.Linear(config.modes, config.points * config.dims)
        self.score = nn.Linear(config.hidden, 1) if config.score else None
        nn.init.zeros_(self.modes.bias)
        nn.init.normal_(self.modes.weight, std=0.02)

    def set_shapes(
        self,
        mean: Float[Tensor, "points dims"],
        modes: Float[Tensor, "modes points dims"],
    ) -> None:
        """Start from a mean shape and modes of variation, each scaled by its standard deviation."""
        with torch.no_grad():
            self.shape.bias.copy_(mean.flatten())
            self.shape.weight.copy_(modes.flatten(1).T)

    def forward(
        self, image: Float[Tensor, "batch 3 size size"]
    ) -> tuple[Float[Tensor, "batch points dims"], Float[Tensor, " batch"]]:
        """Find the points.

        Args:
            image: RGB in [0, 1].

        Returns:
            The points in the cut's normalized coordinates (-1 and +1 at its outer edges; z in the
            same unit, away from the viewer), and the logit of "this is a face" (0 without a score).
        """
        features = self.features(2 * image - 1)
        # Under autocast the features may be bfloat16; coordinates need more than its 8 bits.
        with torch.autocast(image.device.type, enabled=False):
            return self._points(rearrange(features.float(), "b c h w -> b (c h w)"))

    def _points(
        self, features: Float[Tensor, "batch features"]
    ) -> tuple[Float[Tensor, "batch points dims"], Float[Tensor, " batch"]]:
        hidden = torch.relu(self.hidden(features))
        flat = self.shape(self.modes(hidden))
        points = rearrange(flat, "b (p d) -> b p d", d=self.config.dims)
        score = hidden.new_zeros(len(hidden)) if self.score is None else self.score(hidden)[:, 0]
        return points, score


class TrackerNetwork(nn.Module):
    """The three regressors of the tracker."""

    def __init__(
        self,
        face: RegressorConfig = FACE,
        mouth: RegressorConfig = MOUTH,
        eye: RegressorConfig = EYE,
    ) -> None:
        """Build the networks with random weights."""
        super().__init__()
        self.face = ShapeRegressor(face)
        self.mouth = ShapeRegressor(mouth)
        self.eye = ShapeRegressor(eye)

    def parts(self) -> dict[str, ShapeRegressor]:
        """Return the regressors by name."""
        return {"face": self.face, "mouth": self.mouth, "eye": self.eye}


def _convolution(before: int, after: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(before, after, 3, stride, 1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    ]
