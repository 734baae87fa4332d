"""Does this sound belong to these lips? Two small networks whose embeddings agree when it does.

One hears log-mel frames, the other sees how the lip landmarks move; both give an embedding for
every step of 40 ms. How well a stretch fits is the cosine of its two sequences of embeddings, so
that steps in which little happens say little. The idea is that of Chung and Zisserman, "Out of
time: automated lip sync in the wild" (2016); network, data and figures are ours, made for landmarks
instead of pixels, and are not to be compared with theirs.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from speech2face import landmarks
from speech2face.errors import InputError
from speech2face.models.mel import Level

_MEL_LEVEL, _MEL_FLOOR, _MEL_SCALE = 1.5, -14.0, 0.25
"""Log-mel below the speaker's level, cut at -60 dB, becomes about -2 to 2."""

_TINY = 1e-8
"""Below the product of the squared sizes of any two embeddings that say something."""


@dataclass(frozen=True, kw_only=True)
class SyncConfig:
    """Sizes of the network; they are stored with its weights and never change after training."""

    bands: int = 80
    """Mel bands."""
    channels: int = 96
    """Of the convolutions."""
    blocks: int = 3
    """Residual blocks of either side at 25 steps a second; each sees two steps more to either
    side."""
    size: int = 64
    """Of an embedding."""
    dropout: float = 0.1
    """While training only."""

    def __post_init__(self) -> None:
        """Check what no type can.

        Raises:
            InputError: A size is not positive.
        """
        if min(self.bands, self.channels, self.blocks, self.size) < 1:
            msg = f"the sizes of a sync network must be positive, got {self}; correct the recipe"
            raise InputError(msg)


class Conv(nn.Module):
    """A convolution over time that keeps the length, edges repeated, normalized per step."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int = 1) -> None:
        """Choose sizes; with a stride the length is divided by it."""
        super().__init__()
        self.pad: tuple[int, int] = ((kernel - stride) // 2, (kernel - stride + 1) // 2)
        self.conv: nn.Conv1d = nn.Conv1d(inputs, outputs, kernel, stride)
        self.norm: nn.LayerNorm = nn.LayerNorm(outputs)

    def forward(self, values: Float[Tensor, "batch channels steps"]) -> Tensor:
        """Convolve, normalize over channels, bend."""
        convolved = self.conv(functional.pad(values, self.pad, mode="replicate"))
        return functional.gelu(self.norm(convolved.mT).mT)


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, channels: int, dropout: float) -> None:
        """Choose the width."""
        super().__init__()
        self.first: Conv = Conv(channels, channels, kernel=3)
        self.second: Conv = Conv(channels, channels, kernel=3)
        self.dropout: nn.Dropout = nn.Dropout(dropout)

    def forward(self, values: Float[Tensor, "batch channels steps"]) -> Tensor:
        """Add what the convolutions find."""
        return values + self.second(self.dropout(self.first(values)))


class SyncNetwork(nn.Module):
    """Embeds sound and lips so that what belongs together points the same way."""

    scale: Tensor

    def __init__(self, config: SyncConfig) -> None:
        """Build the layers; `scale` holds the spread of the lips' movements that training saw."""
        super().__init__()
        self.config: SyncConfig = config
        width = config.channels
        self.level: Level = Level()
        self.ear: nn.Sequential = nn.Sequential(
            Conv(config.bands, width, kernel=5),
            Conv(width, width, kernel=4, stride=2),
            Conv(width, width, kernel=4, stride=2),
            *(Block(width, config.dropout) for _ in range(config.blocks)),
            nn.Conv1d(width, config.size, 1),
        )
        self.eye: nn.Sequential = nn.Sequential(
            Conv(_LIPS * 2, width, kernel=3),
            *(Block(width, config.dropout) for _ in range(config.blocks)),
            nn.Conv1d(width, config.size, 1),
        )
        self.temperature: nn.Parameter = nn.Parameter(torch.tensor(2.5))
        """Logarithm of the factor by which cosines become logits while training."""
        self.register_buffer("scale", torch.ones(_LIPS, 2))

    def hear(self, mel: Float[Tensor, "batch frames bands"]) -> Float[Tensor, "batch steps size"]:
        """Embed a sound.

        Args:
            mel: Natural-log mel frames of 10 ms, four for every step.
        """
        level, _ = self.level(mel, self.level.start(mel))
        below = (mel - level[..., None]).clamp(min=_MEL_FLOOR) * _MEL_SCALE + _MEL_LEVEL
        return self.ear(below.mT).mT

    def see(self, offsets: Float[Tensor, "batch steps 70 3"]) -> Float[Tensor, "batch steps size"]:
        """Embed moving lips.

        Args:
            offsets: Normalized landmarks less those of the closed mouth; only x and y of the lips
                are looked at.
        """
        lips = offsets[:, :, landmarks.MOUTH, :2] / self.scale
        return self.eye(rearrange(lips, "batch steps points xy -> batch (points xy) steps")).mT


_LIPS = landmarks.MOUTH.stop - landmarks.MOUTH.start


def agreement(
    heard: Float[Tensor, "*batch steps size"],
    seen: Float[Tensor, "*batch steps size"],
    weight: Float[Tensor, "*batch steps"] | None = None,
) -> Float[Tensor, "*batch"]:
    """Return the cosine of two sequences of embeddings, -1 to 1.

    Args:
        heard: Of the sound.
        seen: Of the lips.
        weight: 0 for steps that do not count; None counts all.
    """
    if weight is not None:
        heard, seen = heard * weight[..., None], seen * weight[..., None]
    together = (heard * seen).sum((-2, -1))
    # Inside the root, so that a stretch in which nothing counts has a gradient: none.
    sizes = heard.square().sum((-2, -1)) * seen.square().sum((-2, -1))
    return together * torch.rsqrt(sizes + _TINY)
