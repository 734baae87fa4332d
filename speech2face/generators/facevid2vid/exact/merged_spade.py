"""The SPADE decoder with what belongs together computed together. Exact.

- All modulations of one size read the same label: their hidden maps are one convolution, and where
  the label is enlarged, a convolution of the small label by phases.
- Scale and shift of one modulation are one convolution of its hidden map.
- Enlarging repeats pixels, so the statistics of a normalization are those of the small map.
- A shortcut is linear in its shift: convolving the shift is one convolution of the hidden map.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from speech2face.models.blocks import enlarge
from speech2face.models.exact.phases import PhaseConvolution
from speech2face.models.spade import SLOPE, Spade, SpadeBlock, SpadeDecoder

_EPS = 1e-5
"""Of the normalization."""


class MergedSpadeDecoder(nn.Module):
    """Does what a `SpadeDecoder` without spectral norm does, where the features are the label."""

    def __init__(self, decoder: SpadeDecoder) -> None:
        """Merge the weights of a decoder."""
        super().__init__()
        self.fc, self.conv_img = decoder.fc, decoder.conv_img
        middle = [decoder.get_submodule(name) for name in decoder.middle]
        blocks = [block for block in middle if isinstance(block, SpadeBlock)]
        self.middle_hidden = _shared([norm for block in blocks for norm in _norms(block)])
        self.middle = nn.ModuleList(_MergedBlock(block) for block in blocks)
        self.up_0_hidden = PhaseConvolution(_shared(_norms(decoder.up_0)), 2)
        self.up_0 = _MergedBlock(decoder.up_0)
        self.up_1_hidden = PhaseConvolution(_shared(_norms(decoder.up_1)), 4)
        self.up_1 = _MergedBlock(decoder.up_1)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 3 h4 w4"]:
        """Draw."""
        x = self.fc(features)
        hidden = torch.relu_(self.middle_hidden(features))
        parts = hidden.chunk(2 * len(self.middle), 1)
        for index, block in enumerate(self.middle):
            x = block(x, _normalized(x), list(parts[2 * index : 2 * index + 2]))
        for block, convolution in ((self.up_0, self.up_0_hidden), (self.up_1, self.up_1_hidden)):
            hidden = torch.relu_(convolution(features))
            x = block(None, enlarge(_normalized(x)), list(hidden.chunk(3, 1)))
        return torch.sigmoid(self.conv_img(functional.leaky_relu_(x, SLOPE)))


class _MergedBlock(nn.Module):
    def __init__(self, block: SpadeBlock) -> None:
        super().__init__()
        self.conv_0, self.conv_1, self.conv_s = block.conv_0, block.conv_1, block.conv_s
        self.modulation_0 = _modulation(block.norm_0)
        self.modulation_1 = _modulation(block.norm_1)
        self.modulation_s = (
            None if block.norm_s is None or block.conv_s is None
            else _modulation(block.norm_s, block.conv_s)
        )  # fmt: skip

    def forward(self, x: Tensor | None, normalized: Tensor, hidden: list[Tensor]) -> Tensor:
        inner = self.conv_0(_activated(normalized, self.modulation_0(hidden[0])))
        inner = self.conv_1(_activated(_normalized(inner), self.modulation_1(hidden[1])))
        if self.conv_s is None or self.modulation_s is None:
            return inner if x is None else inner.add_(x)
        channels = normalized.shape[1]
        scale, shift = self.modulation_s(hidden[2]).tensor_split((channels,), 1)
        return self.conv_s(normalized * scale).add_(shift).add_(inner)


def _activated(normalized: Tensor, modulation: Tensor) -> Tensor:
    scale, shift = modulation.chunk(2, 1)
    return functional.leaky_relu_(torch.addcmul(shift, normalized, scale), SLOPE)


def _normalized(x: Tensor) -> Tensor:
    variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
    scale = torch.rsqrt(variance + _EPS)
    return torch.addcmul(-mean * scale, x, scale)


def _norms(block: SpadeBlock) -> list[Spade]:
    norms = [block.norm_0, block.norm_1]
    return norms if block.norm_s is None else [*norms, block.norm_s]


def _shared(norms: list[Spade]) -> nn.Conv2d:
    """Return one convolution from the label to the hidden maps of several modulations."""
    return _convolution([norm.mlp_shared[0] for norm in norms])


@torch.no_grad()
def _modulation(norm: Spade, shortcut: nn.Conv2d | None = None) -> nn.Conv2d:
    """Return one convolution from the hidden map to 1 + scale and shift.

    Args:
        norm: The modulation.
        shortcut: A 1x1 convolution without bias that follows, of which the shift's part is merged.
    """
    merged = _convolution([norm.mlp_gamma, norm.mlp_beta])
    channels = norm.mlp_gamma.out_channels
    weight, bias = merged.weight.detach(), _bias(merged).clone()
    bias[:channels] += 1
    if shortcut is not None:
        mix = shortcut.weight.detach()[:, :, 0, 0]
        shifted = torch.einsum("oc,cihw->oihw", mix, weight[channels:])
        weight = torch.cat([weight[:channels], shifted])
        bias = torch.cat([bias[:channels], mix @ bias[channels:]])
    return _from(weight, bias)


def _convolution(parts: list[nn.Module]) -> nn.Conv2d:
    convolutions = [part for part in parts if isinstance(part, nn.Conv2d)]
    return _from(
        torch.cat([part.weight.detach() for part in convolutions]),
        torch.cat([_bias(part) for part in convolutions]),
    )


def _bias(convolution: nn.Conv2d) -> Tensor:
    if convolution.bias is None:  # pragma: no cover - SPADE's convolutions have one
        return convolution.weight.new_zeros(convolution.out_channels)
    return convolution.bias.detach()


def _from(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    out, channels, kernel, _ = weight.shape
    made = nn.Conv2d(channels, out, kernel, padding=kernel // 2, device="meta")
    made.weight = nn.Parameter(weight, requires_grad=False)
    made.bias = nn.Parameter(bias, requires_grad=False)
    return made
