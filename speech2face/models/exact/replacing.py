"""Where in a network the faster convolutions go."""

import torch
from torch import nn

from speech2face.models.blocks import Hourglass, UpBlock
from speech2face.models.exact.narrow import BlockConvolution
from speech2face.models.exact.phases import PhaseConvolution
from speech2face.models.exact.winograd import WinogradConvolution

_FEWEST_CHANNELS = 64
"""Below, Winograd's transforms cost more than they save."""
_SMALLEST_MAP = 16


def replace_all(network: nn.Module, old: type[nn.Module], new: type[nn.Module]) -> None:
    """Replace all modules of a kind inside a network by what `new` makes of them."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, old):
                setattr(module, name, new(child))


def to_winograd(network: nn.Module, hourglass: Hourglass, side: int) -> None:
    """Compute the 3x3 convolutions with many channels and large maps by Winograd's way.

    Args:
        network: Is changed.
        hourglass: The one inside it; its maps shrink.
        side: Of the hourglass's input.
    """
    for module, name in winograd_places(network, hourglass, side):
        module.add_module(name, WinogradConvolution(module.get_submodule(name)))


def winograd_places(
    network: nn.Module, hourglass: Hourglass, side: int
) -> list[tuple[nn.Module, str]]:
    """Find the 3x3 convolutions with many channels and large maps: their parents and names."""
    small = [
        block
        for level, block in enumerate(hourglass.encoder.down_blocks)
        if side // 2**level < _SMALLEST_MAP
    ]
    skipped = {id(module) for block in small for module in block.modules()}
    places: list[tuple[nn.Module, str]] = []
    for module in network.modules():
        for name, child in module.named_children():
            if id(child) in skipped or not isinstance(child, nn.Conv2d | nn.Conv3d):
                continue
            three = set(child.kernel_size) == {3} and set(child.stride) == {1}
            # The up blocks of the hourglass work on small maps, or by phases.
            up = isinstance(module, UpBlock) and child.weight.ndim == 5  # noqa: PLR2004
            if three and not up and min(child.weight.shape[:2]) >= _FEWEST_CHANNELS:
                places.append((module, name))
    return places


def lay_out(network: nn.Module) -> None:
    """Put channels last in the memory of the library's kernels; maps follow their kernels."""
    for module in network.modules():
        if not isinstance(module, nn.Conv2d | nn.Conv3d | PhaseConvolution | BlockConvolution):
            continue
        for kernel in module.parameters():
            for dims, layout in ((4, torch.channels_last), (5, torch.channels_last_3d)):
                if kernel.ndim == dims:
                    kernel.data = kernel.data.contiguous(memory_format=layout)
