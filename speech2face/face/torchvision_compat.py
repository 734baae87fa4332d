"""Let a torchvision built for CUDA work beside a CPU build of torch.

PyPI's Linux wheels of torchvision link CUDA libraries; beside a CPU-only torch their operators do
not load and `import torchvision` fails. What imports it here, face-alignment, needs one of those
operators at most, non-maximum suppression, which takes a few lines of torch. Where torchvision
loads by itself nothing is changed.
"""

import contextlib
import importlib
import sys
from functools import cache
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor


def non_maximum_suppression(
    boxes: Float[Tensor, "boxes 4"], scores: Float[Tensor, " boxes"], iou_threshold: float
) -> Int[Tensor, " kept"]:
    """Keep the best box of each group that overlaps by more than `iou_threshold`, best first."""
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    order = scores.argsort(descending=True)
    kept = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(best)
        top_left = torch.maximum(boxes[best, :2], boxes[rest, :2])
        bottom_right = torch.minimum(boxes[best, 2:], boxes[rest, 2:])
        overlap = (bottom_right - top_left).clamp(min=0).prod(1)
        order = rest[overlap / (areas[best] + areas[rest] - overlap) <= iou_threshold]
    return torch.stack(kept) if kept else torch.empty(0, dtype=torch.long)


@cache
def ensure_torchvision() -> None:
    """Make `import torchvision` work, whatever build is installed."""
    with contextlib.suppress(RuntimeError, ImportError, OSError):
        importlib.import_module("torchvision")
        return
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        # A half-loaded extension may have declared it already.
        with contextlib.suppress(RuntimeError):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", non_maximum_suppression, "CPU")
    _libraries.append(library)
    importlib.import_module("torchvision")
    extension: Any = importlib.import_module("torchvision.extension")
    extension._has_ops = lambda: True  # noqa: SLF001 - it decides whether nms is called at all


_libraries: list[torch.library.Library] = []
"""Keeps the registration alive: torch drops an operator with its library object."""
