"""Winograd's minimal filtering for 3x3 convolutions: 36 instead of 144 products a 4x4 tile. Exact.

Exact in real numbers; in float32 the rounding is a few times that of the direct sum (about 1e-5
of the result's size). In three dimensions the two axes of the picture are transformed and the three
taps of depth are summed, plane by plane, which keeps the working set within the cache.

Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016),
F(4x4, 3x3).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from speech2face.models.exact.folding import Convolution

_TILE = 4
_STRIP_TILES = 256
"""Tiles handled at a time: what they are transformed to should stay within the cache."""
_POINTS = 6
_INPUT = (
    (4.0, 0, -5, 0, 1, 0),
    (0.0, -4, -4, 1, 1, 0),
    (0.0, 4, -4, -1, 1, 0),
    (0.0, -2, -1, 2, 1, 0),
    (0.0, 2, -1, -2, 1, 0),
    (0.0, 4, 0, -5, 0, 1),
)
_KERNEL = (
    (1 / 4, 0.0, 0.0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0.0, 0.0, 1.0),
)
_OUTPUT = (
    (1.0, 1, 1, 1, 1, 0),
    (0.0, 1, -1, 2, -2, 0),
    (0.0, 1, 1, 4, 4, 0),
    (0.0, 1, -1, 8, -8, 1),
)


class WinogradConvolution(nn.Module):
    """A 3x3 or 3x3x3 convolution with padding 1; the result is in channels-last memory."""

    inputs: Tensor
    outputs: Tensor

    def __init__(self, convolution: nn.Module) -> None:
        """Transform the kernels, in double precision.

        Raises:
            TypeError: It is no convolution.
        """
        super().__init__()
        if not isinstance(convolution, Convolution):  # pragma: no cover - a bug, not bad input
            raise TypeError(type(convolution).__name__)
        weight = convolution.weight.detach()
        kernel = torch.tensor(_KERNEL, dtype=torch.float64, device=weight.device)
        # A picture has one tap of depth.
        deep = weight.double() if weight.ndim == 5 else weight.double()[:, :, None]  # noqa: PLR2004
        taps = torch.einsum("ocdhw,ih,jw->dijco", deep, kernel, kernel).flatten(1, 2).to(weight)
        self.taps = nn.Parameter(taps.contiguous(), requires_grad=False)
        bias = convolution.bias
        self.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)
        for name, matrix in (("inputs", _INPUT), ("outputs", _OUTPUT)):
            plane = torch.tensor(matrix)
            self.register_buffer(name, torch.kron(plane, plane).to(weight))

    def forward(self, x: Float[Tensor, "b c *space"]) -> Float[Tensor, "b d *space"]:
        """Convolve."""
        if x.ndim == 4:  # noqa: PLR2004 - one plane
            return self._planes(x[:, :, None])[:, :, 0]
        return self._planes(x)

    def _planes(self, x: Float[Tensor, "b c depth h w"]) -> Float[Tensor, "b d depth h w"]:
        batch, _, depth, height, width = x.shape
        rows, columns = -(-height // _TILE), -(-width // _TILE)
        pads = (0, 0, 1, 1 + -width % _TILE, 1, 1 + -height % _TILE)
        padded = functional.pad(x.permute(0, 2, 3, 4, 1), pads)
        channels = self.taps.shape[-1]
        out = x.new_empty(batch, depth, _TILE * rows, _TILE * columns, channels)
        step = max(1, _STRIP_TILES // (batch * columns))
        for top in range(0, rows, step):
            bottom = min(rows, top + step)
            strip = padded[:, :, _TILE * top : _TILE * bottom + 2]
            self._strip(strip, out[:, :, _TILE * top : _TILE * bottom])
        if (height, width) != out.shape[2:4]:
            out = out[:, :, :height, :width].contiguous()
        return out.permute(0, 4, 1, 2, 3)

    def _strip(
        self, padded: Float[Tensor, "b depth h2 w2 c"], out: Float[Tensor, "b depth h w d"]
    ) -> None:
        """Fill some rows of all planes."""
        depth, reach = out.shape[1], len(self.taps) // 2
        seen: dict[int, Tensor] = {}
        for plane in range(depth):
            near = range(max(0, plane - reach), min(depth, plane + reach + 1))
            # Each plane is transformed once and forgotten when no later one needs it.
            seen = {k: seen[k] if k in seen else self._transform(padded[:, k]) for k in near}
            first, *others = near
            product = torch.bmm(seen[first], self.taps[first - plane + reach])
            for k in others:
                product.baddbmm_(seen[k], self.taps[k - plane + reach])
            self._write(product, out[:, plane])

    def _transform(self, padded: Float[Tensor, "b h w c"]) -> Float[Tensor, "36 tiles c"]:
        tiles = padded.unfold(1, _POINTS, _TILE).unfold(2, _POINTS, _TILE)
        patches = tiles.permute(4, 5, 0, 1, 2, 3).reshape(_POINTS**2, -1)
        return (self.inputs @ patches).view(_POINTS**2, -1, padded.shape[3])

    def _write(self, product: Float[Tensor, "36 tiles d"], out: Float[Tensor, "b h w d"]) -> None:
        batch, height, width, channels = out.shape
        found = (self.outputs @ product.flatten(1)).view(
            _TILE, _TILE, batch, height // _TILE, width // _TILE, channels
        )
        rows = out.unflatten(1, (height // _TILE, _TILE))
        view = rows.unflatten(3, (width // _TILE, _TILE))
        ordered = found.permute(2, 3, 0, 4, 1, 5)
        if self.bias is None:
            view.copy_(ordered)
        else:
            torch.add(ordered, self.bias, out=view)
