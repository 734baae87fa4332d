"""Convolutions of nearest-upsampled maps, computed on the small map. Exact.

After every pixel has been repeated n times along an axis, a kernel of three taps meets only one or
two different pixels: the first repetition sees (left, own, own), the last (own, own, right), those
between only their own. Taps that meet the same pixel are added up beforehand, so an axis costs
5 instead of 3 n products, and repetitions with equal results are computed once.
"""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from speech2face.models.blocks import UpBlock
from speech2face.models.exact.folding import Convolution


class PhaseUpBlock(nn.Module):
    """An `UpBlock` whose four phases are convolutions of the small map; its norm is folded."""

    def __init__(self, block: UpBlock) -> None:
        """Take over the weights of a block without a norm."""
        super().__init__()
        self.phases = PhaseConvolution(block.conv, 2)
        self.norm = block.norm

    def forward(self, x: Float[Tensor, "b c *space"]) -> Float[Tensor, "b d *double"]:
        """Run the block."""
        return torch.relu_(self.norm(self.phases(x)))


class PhaseConvolution(nn.Module):
    """A 3x3 (3x3x3) convolution of a map enlarged `factor` times in height and width."""

    def __init__(self, convolution: nn.Module, factor: int) -> None:
        """Sum up the taps that meet the same pixel.

        Args:
            convolution: Kernel of three, padding one, stride one.
            factor: 2, or larger; from 3 on the phases between the first and the last are equal.

        Raises:
            TypeError: It is no convolution.
        """
        super().__init__()
        if not isinstance(convolution, Convolution):  # pragma: no cover - a bug, not bad input
            raise TypeError(type(convolution).__name__)
        self.factor = factor
        weight, bias = convolution.weight.detach(), convolution.bias
        self.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)
        self.deep = weight.ndim == 5  # noqa: PLR2004 - two of channels, three of space
        self.kernels = nn.ParameterList()
        self.pads: list[tuple[int, int, int, int]] = []
        for rows, top, bottom in _merges(factor):
            for columns, left, right in _merges(factor):
                merged = torch.einsum(
                    "...hw,ih,jw->...ij", weight, rows.to(weight), columns.to(weight)
                )
                self.kernels.append(nn.Parameter(merged.contiguous(), requires_grad=False))
                self.pads.append((left, right, top, bottom))

    def forward(self, x: Float[Tensor, "b c *space"]) -> Float[Tensor, "b d *large"]:
        """Convolve as if the map had been enlarged."""
        convolve = functional.conv3d if self.deep else functional.conv2d
        depth = (1, 1) if self.deep else ()
        found = [
            convolve(functional.pad(x, pad + depth), kernel, self.bias)
            for kernel, pad in zip(self.kernels, self.pads, strict=True)
        ]
        side = round(len(found) ** 0.5)
        # Which of the distinct phases each repetition shows: 0 1 2 2 ... of first, between, last.
        shown = [0, *([1] * (self.factor - 2)), side - 1]
        rows = [torch.stack([found[side * i + j] for j in shown], -1) for i in shown]
        return rearrange(torch.stack(rows, -2), "... h w p q -> ... (h p) (w q)")


def _merges(factor: int) -> list[tuple[Tensor, int, int]]:
    """Return for each distinct phase which taps are summed, and its padding before and after."""
    first = (torch.tensor([[1.0, 0, 0], [0, 1, 1]]), 1, 0)
    between = (torch.tensor([[1.0, 1, 1]]), 0, 0)
    last = (torch.tensor([[1.0, 1, 0], [0, 0, 1]]), 0, 1)
    return [first, last] if factor == 2 else [first, between, last]  # noqa: PLR2004
