"""Make X2Face faster without changing what it draws.

The result is for inference only: its weights have other names and are never stored.
"""

from copy import deepcopy
from typing import Literal

from torch import nn

from speech2face.generators.x2face.network import Enlarge, Level, X2Face
from speech2face.models.exact.folding import fold
from speech2face.models.exact.replacing import lay_out
from speech2face.models.exact.winograd import WinogradConvolution

Step = Literal["fold", "winograd", "channels-last"]
STEPS: tuple[Step, ...] = ("fold", "winograd")
"""For processors, which channels last do not help here."""
GPU_STEPS: tuple[Step, ...] = ("fold", "channels-last")

_SMALLEST_MAP = 16
_FEWEST_CHANNELS = 64


def accelerate(network: X2Face, steps: tuple[Step, ...] = STEPS) -> X2Face:
    """Copy a network and take steps; the copy draws the same in less time.

    Args:
        network: It stays as it is.
        steps: Any of `STEPS`.
    """
    fast = deepcopy(network).eval().requires_grad_(requires_grad=False)
    for outermost in (fast.embedding, fast.driving):
        level, side = outermost, network.config.size
        while level is not None:
            _take(level, side, steps)
            level, side = level.submodule, side // 2
    if "channels-last" in steps:
        lay_out(fast)
    return fast


def _take(level: Level, side: int, steps: tuple[Step, ...]) -> None:
    """Take steps in one level, whose output has `side` pixels."""
    if "fold" in steps:
        for part in (level.down, level.up):
            *_, before, last = (None, *part)
            if isinstance(before, nn.Conv2d) and isinstance(last, nn.BatchNorm2d):
                fold(before, last)
                part[-1] = nn.Identity()
    place = [type(module) for module in level.up].index(Enlarge) + 1
    convolution = level.up[place]
    if not isinstance(convolution, nn.Conv2d):  # pragma: no cover - built so
        return
    fewest = min(convolution.weight.shape[:2])
    if "winograd" in steps and side >= _SMALLEST_MAP and fewest >= _FEWEST_CHANNELS:
        level.up[place] = WinogradConvolution(convolution)
