"""Fold what is constant at inference into convolutions: batch norm and spectral norm. Exact.

A batch norm in evaluation mode multiplies each channel by a number and adds another; so does the
convolution before it, whose weights and bias can therefore absorb both. Spectral norm divides a
weight by a number that only training changes.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import remove_spectral_norm

Convolution = nn.Conv2d | nn.Conv3d

_PAIRS = (
    ("conv", "norm"),
    ("compress", "norm"),
    # Residual blocks normalize first, so only what stands between two convolutions can go.
    ("conv1", "norm2"),
)
_BOTTLENECK_PAIRS = (("conv1", "norm1"), ("conv2", "norm2"), ("conv3", "norm3"), ("skip", "norm4"))


def fold_norms(network: nn.Module) -> None:
    """Fold, in place, all batch norms that follow a convolution and every spectral norm.

    The network must be in evaluation mode and is for inference only from now on.
    """
    for module in list(network.modules()):
        if getattr(module, "weight_orig", None) is not None:
            remove_spectral_norm(module)
    for module in list(network.modules()):
        for convolution, norm in _pairs(module):
            before, after = getattr(module, convolution, None), getattr(module, norm, None)
            if isinstance(before, Convolution) and isinstance(after, _BatchNorm):
                fold(before, after)
                setattr(module, norm, nn.Identity())


def _pairs(module: nn.Module) -> Iterator[tuple[str, str]]:
    bottleneck = isinstance(getattr(module, "conv3", None), nn.Conv2d)
    if not bottleneck:
        yield from _PAIRS
        return
    # The stem of the head-pose estimator has five pairs of the same kind.
    yield from (*_BOTTLENECK_PAIRS, ("conv4", "norm4"), ("conv5", "norm5"))


@torch.no_grad()
def fold(convolution: Convolution, norm: _BatchNorm) -> None:
    """Let a convolution do, in place, what the batch norm after it does at inference."""
    scale, shift = affine(norm)
    shape = (-1,) + (1,) * (convolution.weight.ndim - 1)
    bias = 0 if convolution.bias is None else convolution.bias
    convolution.weight = nn.Parameter(convolution.weight * scale.view(shape), requires_grad=False)
    convolution.bias = nn.Parameter(bias * scale + shift, requires_grad=False)


def affine(norm: _BatchNorm) -> tuple[Tensor, Tensor]:
    """Return what a batch norm multiplies each channel by and adds to it at inference."""
    if norm.running_mean is None or norm.running_var is None:  # pragma: no cover - never built so
        return norm.weight, norm.bias
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale
