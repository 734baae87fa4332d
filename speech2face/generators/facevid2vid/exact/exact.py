"""Make a generator of the family faster without changing what it draws.

Each step replaces parts of a network by others that compute the same numbers, up to rounding. The
result is for inference only: its weights have other names and are never stored.
"""

from copy import deepcopy
from typing import Literal, get_args

import torch
from torch import nn

from speech2face.generators.facevid2vid.exact.cheap_motion import CheapDenseMotion
from speech2face.generators.facevid2vid.exact.merged_spade import MergedSpadeDecoder
from speech2face.generators.facevid2vid.network import FaceVid2VidGenerator
from speech2face.generators.facevid2vid.spade import SpadeDecoder
from speech2face.models.blocks import UpBlock
from speech2face.models.exact.folding import fold_norms
from speech2face.models.exact.fourier import FourierConvolution
from speech2face.models.exact.narrow import BlockConvolution, TapsConvolution
from speech2face.models.exact.phases import PhaseConvolution, PhaseUpBlock
from speech2face.models.exact.winograd import WinogradConvolution

Step = Literal[
    "fold", "phases", "spade", "motion", "fourier", "narrow", "winograd", "channels-last"
]
STEPS: tuple[Step, ...] = get_args(Step)
"""All steps in the order they are taken, whatever the order they are asked for in."""
GPU_STEPS: tuple[Step, ...] = ("fold", "phases", "spade", "motion", "channels-last")
"""Those that are not made for processors."""

_FEWEST_CHANNELS = 64
"""Below, Winograd's transforms cost more than they save."""
_SMALLEST_MAP = 16


def accelerate(
    generator: FaceVid2VidGenerator, steps: tuple[Step, ...] = STEPS
) -> FaceVid2VidGenerator:
    """Copy a generator and take steps; the copy draws the same in less time.

    Args:
        generator: It stays as it is.
        steps: Any of `STEPS`; "phases" and "spade" take "fold" with them.

    Returns:
        A network in evaluation mode whose parameters need no gradient.
    """
    network = deepcopy(generator).eval().requires_grad_(requires_grad=False)
    if {"fold", "phases", "spade"} & set(steps):
        fold_norms(network)
    if "phases" in steps:
        _replace_all(network, UpBlock, PhaseUpBlock)
    if "spade" in steps:
        _replace_all(network, SpadeDecoder, MergedSpadeDecoder)
    _replace_wide(network, steps)
    if "winograd" in steps:
        for module, name in _winograd_places(network):
            module.add_module(name, WinogradConvolution(module.get_submodule(name)))
    if "motion" in steps:
        cheap = CheapDenseMotion(network.dense_motion_network)
        network.add_module("dense_motion_network", cheap)
    if "channels-last" in steps:
        _lay_out(network)
    return network


def _replace_wide(network: FaceVid2VidGenerator, steps: tuple[Step, ...]) -> None:
    """Replace the convolutions with kernels of seven."""
    motion = network.dense_motion_network
    if "fourier" in steps:
        motion.add_module("mask", FourierConvolution(motion.mask))
    if "narrow" in steps:
        motion.add_module("occlusion", TapsConvolution(motion.occlusion))
        if network.config.decoder == "original":
            network.add_module("final", BlockConvolution(network.final))


def _replace_all(network: nn.Module, old: type[nn.Module], new: type[nn.Module]) -> None:
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, old):
                setattr(module, name, new(child))


def _winograd_places(network: FaceVid2VidGenerator) -> list[tuple[nn.Module, str]]:
    """Find the 3x3 convolutions with many channels and large maps."""
    hourglass = network.dense_motion_network.hourglass
    small = [
        block
        for level, block in enumerate(hourglass.encoder.down_blocks)
        if network.config.size // 4 // 2**level < _SMALLEST_MAP
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


def _lay_out(network: nn.Module) -> None:
    """Put channels last in the memory of the library's kernels; maps follow their kernels."""
    for module in network.modules():
        if not isinstance(module, nn.Conv2d | nn.Conv3d | PhaseConvolution | BlockConvolution):
            continue
        for kernel in module.parameters():
            for dims, layout in ((4, torch.channels_last), (5, torch.channels_last_3d)):
                if kernel.ndim == dims:
                    kernel.data = kernel.data.contiguous(memory_format=layout)
