"""Let a torchaudio built for CUDA work beside a CPU build of torch.

PyPI's Linux wheels of torchaudio link CUDA libraries; beside a CPU-only torch its extension does
not load and `import torchaudio` fails. What we use of it (resampling, filters) is written in torch
and needs no extension. Where torchaudio loads by itself nothing is changed.
"""

import contextlib
import importlib
import sys
from collections.abc import Callable
from functools import cache
from types import ModuleType


@cache
def ensure_torchaudio() -> ModuleType:
    """Import torchaudio, whatever build is installed; without its compiled parts if need be."""
    with contextlib.suppress(RuntimeError, ImportError, OSError):
        return importlib.import_module("torchaudio")
    for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
        del sys.modules[name]
    sys.modules["torchaudio._extension"] = _without_extension()
    return importlib.import_module("torchaudio")


def _without_extension() -> ModuleType:
    stub = ModuleType("torchaudio._extension")
    stub.__dict__["_IS_TORCHAUDIO_EXT_AVAILABLE"] = False
    stub.__dict__["fail_if_no_align"] = _unchanged
    return stub


def _unchanged(function: Callable[..., object]) -> Callable[..., object]:
    return function
