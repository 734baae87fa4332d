"""Make a generator of the first-order family faster without changing what it draws.

The result is for inference only: its weights have other names and are never stored.
"""

from copy import deepcopy
from typing import Literal, TypeVar, get_args

from speech2face.generators.fomm.network import DrawingNetwork, WarpingNetwork
from speech2face.models.blocks import UpBlock
from speech2face.models.exact.folding import fold_norms
from speech2face.models.exact.narrow import BlockConvolution, TapsConvolution
from speech2face.models.exact.phases import PhaseUpBlock
from speech2face.models.exact.replacing import lay_out, replace_all, to_winograd

Network = TypeVar("Network", bound=WarpingNetwork)

Step = Literal["fold", "phases", "narrow", "winograd", "channels-last"]
STEPS: tuple[Step, ...] = get_args(Step)
"""All steps in the order they are taken, whatever the order they are asked for in."""
GPU_STEPS: tuple[Step, ...] = ("fold", "phases", "channels-last")
"""Those that are not made for processors."""


def accelerate(generator: Network, steps: tuple[Step, ...] = STEPS) -> Network:
    """Copy a generator and take steps; the copy draws the same in less time.

    Args:
        generator: It stays as it is.
        steps: Any of `STEPS`; "phases" takes "fold" with it.
    """
    network = deepcopy(generator).eval().requires_grad_(requires_grad=False)
    if {"fold", "phases"} & set(steps):
        fold_norms(network)
    if "phases" in steps:
        replace_all(network, UpBlock, PhaseUpBlock)
    if "narrow" in steps:
        motion = network.dense_motion_network
        motion.add_module("occlusion", TapsConvolution(motion.occlusion))
        if isinstance(network, DrawingNetwork):
            network.add_module("final", BlockConvolution(network.final))
    if "winograd" in steps:
        hourglass = network.dense_motion_network.hourglass
        to_winograd(network, hourglass, generator.config.size // 4)
    if "channels-last" in steps:
        lay_out(network)
    return network
