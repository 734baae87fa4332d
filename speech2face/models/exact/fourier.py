"""Wide convolutions by Fourier transform: a 7x7x7 kernel for the price of a 1x1x7 one. Exact.

Exact in real numbers; in float32 about as exact as the direct sum. Height and width are transformed
in overlapping tiles, which bounds the size of the transformed kernels; depth is summed directly.
"""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

_TILE = 32
_SMOOTH = (16, 20, 24, 32, 36, 40)
"""Lengths whose transforms are fast."""


class FourierConvolution(nn.Module):
    """A convolution with a wide odd cubic kernel and padding of half of it; few output channels."""

    def __init__(self, convolution: nn.Conv3d, side: int = _TILE) -> None:
        """Transform the kernels.

        Args:
            convolution: The convolution to replace.
            side: Side of a tile's result; at most 32.
        """
        super().__init__()
        weight = convolution.weight.detach()
        self.width = weight.shape[-1]
        self.side = side
        self.length = next(size for size in _SMOOTH if size >= side + self.width - 1)
        # The transform of a correlation's kernel is the conjugate.
        spread = torch.fft.rfft2(weight.double(), (self.length, self.length)).conj()
        taps = rearrange(spread, "o c d i j -> (i j) c (d o)").to(torch.complex64)
        # Complex parameters do not survive every conversion of a module, pairs of floats do.
        self.taps = nn.Parameter(torch.view_as_real(taps).contiguous(), requires_grad=False)
        bias = convolution.bias
        self.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)

    def forward(self, x: Float[Tensor, "b c depth h w"]) -> Float[Tensor, "b o depth h w"]:
        """Convolve."""
        batch, _, depth, height, width = x.shape
        reach = self.width // 2
        down, right = -(-height // self.side), -(-width // self.side)
        extra = self.length - self.side - reach
        below, beside = down * self.side - height + extra, right * self.side - width + extra
        padded = functional.pad(x, (reach, beside, reach, below))
        tiles = padded.unfold(3, self.length, self.side).unfold(4, self.length, self.side)
        waves = torch.fft.rfft2(rearrange(tiles, "b c z p q i j -> b z p q c i j"))
        rows = rearrange(waves, "b z p q c i j -> (i j) (b z p q) c")
        product = torch.bmm(rows, torch.view_as_complex(self.taps))
        found = self._sum_depth(
            product.view(len(product), batch, depth, -1, self.width, product.shape[2] // self.width)
        )
        spread = rearrange(found, "(i j) b z (p q) o -> b z p q o i j", i=self.length, p=down)
        tiles = torch.fft.irfft2(spread, (self.length, self.length))[..., : self.side, : self.side]
        out = rearrange(tiles, "b z p q o i j -> b o z (p i) (q j)")[..., :height, :width]
        return out if self.bias is None else out + self.bias[:, None, None, None]

    def _sum_depth(self, product: Tensor) -> Tensor:
        """Add up what each plane contributes to its neighbours: (waves, b, z, tiles, taps, o)."""
        depth, reach = product.shape[2], self.width // 2
        total = product[:, :, :, :, reach].clone()
        for tap in range(self.width):
            shift = tap - reach
            if not shift or abs(shift) >= depth:
                continue
            here = slice(max(0, -shift), min(depth, depth - shift))
            there = slice(max(0, shift), min(depth, depth + shift))
            total[:, :, here] += product[:, :, there, :, tap]
        return total
