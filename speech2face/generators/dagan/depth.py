"""Depth of a face out of one picture: a residual network, and a decoder with skips.

Source: He et al., "Deep Residual Learning for Image Recognition" (2016); Godard et al., "Digging
into Self-Supervised Monocular Depth Estimation" (2019), table 6; names as in published state dicts.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from speech2face.generators.dagan.config import DaganConfig
from speech2face.models.blocks import enlarge

_MEAN, _SPREAD = 0.45, 0.225
"""Of the colours that the encoder was trained on."""
_CLASSES = 1000
"""Of the classifier that published files still hold; nothing asks it."""
_BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}
_WIDER = {18: 1, 50: 4}
"""How many times as many channels leave a block as are inside it."""
_LEVELS = 5


class _Residual(nn.Module):
    """Two convolutions of three, or one of three between two of one."""

    def __init__(self, before: int, inner: int, stride: int, wider: int) -> None:
        super().__init__()
        after = inner * wider
        deep = wider > 1
        shapes = (
            [(before, inner, 1, 1), (inner, inner, 3, stride), (inner, after, 1, 1)]
            if deep
            else [(before, inner, 3, stride), (inner, after, 3, 1)]
        )
        for number, (into, out, kernel, step) in enumerate(shapes, 1):
            conv = nn.Conv2d(into, out, kernel, step, kernel // 2, bias=False)
            self.add_module(f"conv{number}", conv)
            self.add_module(f"bn{number}", nn.BatchNorm2d(out))
        self.count = len(shapes)
        changes = stride > 1 or before != after
        self.downsample = (
            nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
            if changes
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        for number in range(1, self.count + 1):
            x = self.get_submodule(f"bn{number}")(self.get_submodule(f"conv{number}")(x))
            x = torch.relu(x + shortcut if number == self.count else x)
        return x


class DepthEncoder(nn.Module):
    """Five maps of a picture, each half as large as the one before."""

    def __init__(self, config: DaganConfig) -> None:
        """Build the network with random weights."""
        super().__init__()
        stem, wider = config.depth_expansion, _WIDER[config.depth_layers]
        self.conv1 = nn.Conv2d(3, stem, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        before = stem
        for level, blocks in enumerate(_BLOCKS[config.depth_layers]):
            inner, stride = stem * 2**level, 1 if level == 0 else 2
            layers = []
            for block in range(blocks):
                layers.append(_Residual(before, inner, stride if block == 0 else 1, wider))
                before = inner * wider
            self.add_module(f"layer{level + 1}", nn.Sequential(*layers))
        self.fc = nn.Linear(before, _CLASSES)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> list[Tensor]:
        """Look at pictures, RGB in [0, 1]."""
        x = torch.relu(self.bn1(self.conv1((image - _MEAN) / _SPREAD)))
        maps = [x]
        x = functional.max_pool2d(x, 3, 2, 1)
        for level in range(1, _LEVELS):
            x = self.get_submodule(f"layer{level}")(x)
            maps.append(x)
        return maps


class _Reflected(nn.Module):
    """A convolution of three over a map that is mirrored beyond its edges."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(functional.pad(x, (1, 1, 1, 1), mode="reflect"))


class _Block(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = _Reflected(before, after)

    def forward(self, x: Tensor) -> Tensor:
        return functional.elu(self.conv(x))


class DepthDecoder(nn.Module):
    """Maps of a picture become disparity, largest near the camera.

    The state dicts number their parts: two blocks a level from the deepest, then what reads
    disparity off each level, of which only the largest is asked.
    """

    def __init__(self, config: DaganConfig) -> None:
        """Build the network with random weights."""
        super().__init__()
        stem, wider = config.depth_expansion, _WIDER[config.depth_layers]
        seen = [stem, *(stem * wider * 2**level for level in range(_LEVELS - 1))]
        drawn = [stem * 2**level // 4 for level in range(_LEVELS)]
        parts: list[nn.Module] = []
        before = seen[-1]
        for level in reversed(range(_LEVELS)):
            skip = seen[level - 1] if level else 0
            parts += [_Block(before, drawn[level]), _Block(drawn[level] + skip, drawn[level])]
            before = drawn[level]
        parts += [_Reflected(drawn[level], 1) for level in range(_LEVELS - 1)]
        self.parts = len(parts)
        for number, part in enumerate(parts):
            self.add_module(str(number), part)

    def forward(self, maps: list[Tensor]) -> Float[Tensor, "b 1 h w"]:
        """Return disparity in 0 to 1, as large as the picture."""
        x = maps[-1]
        for step, level in enumerate(reversed(range(_LEVELS))):
            x = enlarge(self.get_submodule(str(2 * step))(x))
            x = torch.cat([x, maps[level - 1]], 1) if level else x
            x = self.get_submodule(str(2 * step + 1))(x)
        return torch.sigmoid(self.get_submodule(str(2 * _LEVELS))(x))


class Depth(nn.Module):
    """A picture's disparity."""

    def __init__(self, encoder: DepthEncoder, decoder: DepthDecoder) -> None:
        """Take both networks."""
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1 h w"]:
        """Find it; pictures are RGB in [0, 1]."""
        return self.decoder(self.encoder(image))
