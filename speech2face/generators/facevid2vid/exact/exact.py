"""Make a generator of the family faster without changing what it draws.

Each step replaces parts of a network by others that compute the same numbers, up to rounding. The
result is for inference only: its weights have other names and are never stored.
"""

from copy import deepcopy
from typing import Literal, get_args

from speech2face.generators.facevid2vid.exact.cheap_motion import CheapDenseMotion
from speech2face.generators.facevid2vid.exact.merged_spade import MergedSpadeDecoder
from speech2face.generators.facevid2vid.network import FaceVid2VidGenerator
from speech2face.models.blocks import UpBlock
from speech2face.models.exact.folding import fold_norms
from speech2face.models.exact.fourier import FourierConvolution
from speech2face.models.exact.narrow import BlockConvolution, TapsConvolution
from speech2face.models.exact.phases import PhaseUpBlock
from speech2face.models.exact.replacing import lay_out, replace_all, to_winograd
from speech2face.models.spade import SpadeDecoder

Step = Literal[
    "fold", "phases", "spade", "motion", "fourier", "narrow", "winograd", "channels-last"
]
STEPS: tuple[Step, ...] = get_args(Step)
"""All steps in the order they are taken, whatever the order they are asked for in."""
GPU_STEPS: tuple[Step, ...] = ("fold", "phases", "spade", "motion", "channels-last")
"""Those that are not made for processors."""


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
        replace_all(network, UpBlock, PhaseUpBlock)
    if "spade" in steps:
        replace_all(network, SpadeDecoder, MergedSpadeDecoder)
    _replace_wide(network, steps)
    if "winograd" in steps:
        hourglass = network.dense_motion_network.hourglass
        to_winograd(network, hourglass, network.config.size // 4)
    if "motion" in steps:
        cheap = CheapDenseMotion(network.dense_motion_network)
        network.add_module("dense_motion_network", cheap)
    if "channels-last" in steps:
        lay_out(network)
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
