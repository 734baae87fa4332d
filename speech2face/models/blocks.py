"""Blocks that the motion-transfer networks of the first-order-motion family are built from.

FOMM, face-vid2vid, SadTalker's renderer, LivePortrait and DaGAN use the same few blocks in two or
three dimensions; the names of the submodules are those of their published state dicts. In three
dimensions height and width are scaled, depth never is.

Source: Siarohin et al., "First Order Motion Model for Image Animation" (2019), appendix; names and
sizes from its public configuration (AliaksandrSiarohin/first-order-model).
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

CONVOLUTIONS: dict[int, type[nn.Conv2d | nn.Conv3d]] = {2: nn.Conv2d, 3: nn.Conv3d}
"""The convolution by number of space dimensions."""
_NORMS: dict[int, type[nn.BatchNorm2d | nn.BatchNorm3d]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


class SameBlock(nn.Module):
    """Convolution, batch norm, (leaky) ReLU: the size stays."""

    def __init__(self, before: int, after: int, kernel: int = 3, slope: float = 0.0) -> None:
        """Build the block.

        Args:
            before: Input channels.
            after: Output channels.
            kernel: Side of the square kernel; odd.
            slope: Slope of the activation below 0; 0 is a plain ReLU.
        """
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, padding=kernel // 2)
        self.norm: nn.Module = nn.BatchNorm2d(after)
        self.slope = slope

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        """Run the block."""
        return functional.leaky_relu(self.norm(self.conv(x)), self.slope)


class DownBlock(nn.Module):
    """Convolution, batch norm, ReLU, then the mean of 2x2 pixels."""

    def __init__(self, before: int, after: int, dims: int = 2) -> None:
        """Build the block for `dims` space dimensions."""
        super().__init__()
        self.conv = CONVOLUTIONS[dims](before, after, 3, padding=1)
        self.norm: nn.Module = _NORMS[dims](after)

    def forward(self, x: Float[Tensor, "b c *space"]) -> Float[Tensor, "b d *half"]:
        """Run the block; odd last rows and columns are dropped."""
        return halve(torch.relu(self.norm(self.conv(x))))


class UpBlock(nn.Module):
    """Nearest upsampling to twice height and width, then convolution, batch norm, ReLU."""

    def __init__(self, before: int, after: int, dims: int = 2) -> None:
        """Build the block for `dims` space dimensions."""
        super().__init__()
        self.conv: nn.Module = CONVOLUTIONS[dims](before, after, 3, padding=1)
        self.norm: nn.Module = _NORMS[dims](after)

    def forward(self, x: Float[Tensor, "b c *space"]) -> Float[Tensor, "b d *double"]:
        """Run the block."""
        return torch.relu(self.norm(self.conv(enlarge(x))))


class ResBlock(nn.Module):
    """Pre-activated residual block: the input plus two times (batch norm, ReLU, convolution)."""

    def __init__(self, channels: int, dims: int = 2) -> None:
        """Build the block for `dims` space dimensions."""
        super().__init__()
        self.norm1: nn.Module = _NORMS[dims](channels)
        self.conv1 = CONVOLUTIONS[dims](channels, channels, 3, padding=1)
        self.norm2: nn.Module = _NORMS[dims](channels)
        self.conv2 = CONVOLUTIONS[dims](channels, channels, 3, padding=1)

    def forward(self, x: Float[Tensor, "b c *space"]) -> Float[Tensor, "b c *space"]:
        """Run the block."""
        inner = self.conv1(torch.relu(self.norm1(x)))
        return x + self.conv2(torch.relu(self.norm2(inner)))


class _Encoder(nn.Module):
    def __init__(self, channels: list[int], dims: int) -> None:
        super().__init__()
        self.down_blocks = nn.ModuleList(
            DownBlock(before, after, dims) for before, after in pairwise(channels)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        outputs = [x]
        for block in self.down_blocks:
            outputs.append(block(outputs[-1]))
        return outputs


class _Decoder(nn.Module):
    def __init__(self, channels: list[int], expansion: int, dims: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        before = channels[-1]
        for level in range(len(channels) - 2, -1, -1):
            after = channels[level] if level else expansion
            blocks.append(UpBlock(before, after, dims))
            before = after + channels[level]  # what the encoder saw there follows
        self.up_blocks = nn.ModuleList(blocks)
        self.out_channels = before
        # Only the hourglass of three dimensions ends in one more convolution.
        self.conv = CONVOLUTIONS[dims](before, before, 3, padding=1) if dims == 3 else None  # noqa: PLR2004
        self.norm: nn.Module | None = _NORMS[dims](before) if self.conv is not None else None

    def forward(self, outputs: list[Tensor]) -> Tensor:
        x, *skips = outputs[::-1]
        for block, skip in zip(self.up_blocks, skips, strict=True):
            x = torch.cat([block(x), skip], 1)
        if self.conv is None or self.norm is None:
            return x
        return torch.relu(self.norm(self.conv(x)))


class Hourglass(nn.Module):
    """U-shaped network; its output is as large as its input, which is its last skip."""

    def __init__(self, channels: int, expansion: int, blocks: int, most: int, dims: int) -> None:
        """Build the network.

        Args:
            channels: Input channels.
            expansion: Half the channels after the first of `blocks` halvings; doubled at each.
            blocks: Number of halvings; the input's sides are multiples of 2 to this power.
            most: Upper bound of the channels.
            dims: 2 or 3 space dimensions; the one of three has a last convolution.
        """
        super().__init__()
        inner = [channels, *(min(most, expansion * 2 ** (i + 1)) for i in range(blocks))]
        self.encoder = _Encoder(inner, dims)
        self.decoder = _Decoder(inner, expansion, dims)
        self.out_channels = self.decoder.out_channels

    def forward(self, x: Float[Tensor, "b c *space"]) -> Float[Tensor, "b d *space"]:
        """Run the network."""
        return self.decoder(self.encoder(x))


class AntiAliasDownsample(nn.Module):
    """Blur with a Gaussian and take every n-th pixel, beginning with the first."""

    weight: Tensor

    def __init__(self, channels: int, scale: float) -> None:
        """Make the kernel for `scale`, one over a whole number."""
        super().__init__()
        self.every = round(1 / scale)
        self.register_buffer("weight", antialias_kernel(scale).expand(channels, 1, -1, -1).clone())

    def forward(self, image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
        """Shrink the picture."""
        if self.every == 1:
            return image
        # A stride gives the same pixels as blurring all of them, for a part of the work.
        padding = self.weight.shape[-1] // 2
        groups = len(self.weight)
        return functional.conv2d(image, self.weight, None, self.every, padding, groups=groups)


def antialias_kernel(scale: float) -> Float[Tensor, "size size"]:
    """Return the Gaussian with a standard deviation of half of (1 / scale - 1) pixels; sum 1."""
    sigma = (1 / scale - 1) / 2
    reach = round(4 * sigma)
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float32)
    line = torch.exp(-(offsets**2) / (2 * sigma**2)) if reach else torch.ones(1)
    kernel = torch.outer(line, line)
    return kernel / kernel.sum()


def halve(x: Float[Tensor, "b c *space"]) -> Float[Tensor, "b c *half"]:
    """Average 2x2 pixels in height and width."""
    if x.ndim == 5:  # noqa: PLR2004 - batch, channels and three space dimensions
        return functional.avg_pool3d(x, (1, 2, 2))
    return functional.avg_pool2d(x, 2)


def enlarge(x: Float[Tensor, "b c *space"]) -> Float[Tensor, "b c *double"]:
    """Repeat every pixel 2x2 times in height and width."""
    scale = [1.0] * (x.ndim - 4) + [2.0, 2.0]
    return functional.interpolate(x, scale_factor=scale, mode="nearest")
