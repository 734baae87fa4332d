"""Wide convolutions to few channels, arranged so that a processor's vector units are full. Exact.

Direct convolutions compute many output channels at once; with one or three most lanes are idle.
"""

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class TapsConvolution(nn.Module):
    """A convolution to one channel from many: one product for all taps, then shifted sums."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        """Take over the weights of a convolution with an odd kernel and padding of half of it."""
        super().__init__()
        weight = convolution.weight.detach()
        self.width = weight.shape[-1]
        taps = rearrange(weight, "o c i j -> (o i j) c 1 1")
        self.taps = nn.Parameter(taps.contiguous(), requires_grad=False)
        bias = convolution.bias
        self.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b o h w"]:
        """Convolve."""
        products = functional.conv2d(x, self.taps)
        # A convolution looks at p + tap, `fold` adds to p + tap: the taps are turned around.
        flat = rearrange(products, "b (o t) h w -> b o t (h w)", t=self.width**2).flip(2)
        padding = self.width // 2
        out = functional.fold(flat.flatten(1, 2), x.shape[2:], self.width, padding=padding)
        return out if self.bias is None else out + self.bias[:, None, None]


class BlockConvolution(nn.Module):
    """A convolution to few channels that computes 2x2 neighbours as if they were channels."""

    def __init__(self, convolution: nn.Conv2d, side: int = 2) -> None:
        """Lay the kernel out once for each place in a block of `side` squared pixels."""
        super().__init__()
        weight, width = convolution.weight.detach(), convolution.kernel_size[0]
        self.side, self.padding = side, width // 2
        large = weight.new_zeros(len(weight), side, side, weight.shape[1], *[width + side - 1] * 2)
        for row in range(side):
            for column in range(side):
                target = large[:, row, column, :, row : row + width, column : column + width]
                target.copy_(weight)
        self.kernel = nn.Parameter(large.flatten(0, 2), requires_grad=False)
        bias = convolution.bias
        spread = None if bias is None else bias.detach().repeat_interleave(side**2)
        self.bias = None if spread is None else nn.Parameter(spread, requires_grad=False)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b o h w"]:
        """Convolve; height and width are multiples of the block's side."""
        blocks = functional.conv2d(x, self.kernel, self.bias, self.side, self.padding)
        return functional.pixel_shuffle(blocks, self.side)
