"""The generators by name: ours, and imported weights by the name they were given."""

from typing import Any

import torch

from speech2face.checkpoints import library
from speech2face.checkpoints.store import manifest
from speech2face.errors import InputError
from speech2face.generators.base import Generator
from speech2face.generators.facevid2vid.generator import FaceVid2Vid
from speech2face.generators.fast.generator import create as create_fast
from speech2face.generators.warp.generator import WarpGenerator

WARP, FAST = "warp", "facevid2vid:fast"
_FAMILY = "facevid2vid"
_SHIPPED = {WARP: ("rig", "mouth"), FAST: ("rig", "fast")}
"""The shipped weights that each of our generators reads."""


def names() -> tuple[str, ...]:
    """Name the generators whose weights ship; the first is the default."""
    shipped = manifest()
    return tuple(name for name, needs in _SHIPPED.items() if all(need in shipped for need in needs))


def full_name(name: str) -> str:
    """Spell a generator's name out: `facevid2vid` is `facevid2vid:fast`.

    Raises:
        InputError: No generator has that name.
    """
    full = FAST if name == _FAMILY else name
    family, colon, weights = full.partition(":")
    if full in names() or (family == _FAMILY and colon and weights and full != FAST):
        return full
    msg = (
        f"there is no generator named {name!r}; choose one of {', '.join(names())}, or "
        "facevid2vid:NAME with weights that speech2face weights import has brought"
    )
    raise InputError(msg)


def imported_name(name: str) -> str:
    """Return the name or path of the imported weights in a generator's full name."""
    return name.partition(":")[2]


def require(name: str) -> None:
    """Make sure that a generator can be made, without loading it.

    Raises:
        InputError: No generator has that name.
        WeightsError: Its weights have not been imported, or are damaged.
    """  # noqa: DOC502 those below raise them
    full = full_name(name)
    if full not in _SHIPPED:
        library.find(imported_name(full))


def weights_of(name: str) -> tuple[str, ...]:
    """Name the weights behind a generator: shipped ones, or imported ones and their calibration."""
    full = full_name(name)
    if full in _SHIPPED:
        return _SHIPPED[full]
    weights = imported_name(full)
    fitted = library.calibration_path(library.find(weights))
    if not fitted.is_file():
        return (full,)
    return full, f"{_FAMILY}:{fitted if library.is_path(weights) else fitted.stem}"


def create(name: str, device: torch.device) -> Generator[Any]:
    """Make a generator that draws on `device`.

    Raises:
        InputError: No generator has that name.
        WeightsError: Its weights are missing or damaged.
    """  # noqa: DOC502 those below raise them
    full = full_name(name)
    if full == WARP:
        return WarpGenerator(device)
    if full == FAST:
        return create_fast(device)
    return FaceVid2Vid.from_weights(imported_name(full), device)
