"""The generators by name."""

from typing import Any

import torch

from speech2face.errors import InputError
from speech2face.generators.base import Generator
from speech2face.generators.warp.generator import WarpGenerator

_GENERATORS = {"warp": WarpGenerator}

NAMES = tuple(_GENERATORS)
"""Names that `create` knows; the first is the default."""


def create(name: str, device: torch.device) -> Generator[Any]:
    """Make a generator that draws on `device`.

    Raises:
        InputError: No generator has that name.
    """
    if name not in _GENERATORS:
        msg = f"there is no generator named {name!r}; choose one of {', '.join(NAMES)}"
        raise InputError(msg)
    return _GENERATORS[name](device)
