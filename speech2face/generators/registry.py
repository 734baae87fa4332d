"""The generators by name: ours, and imported weights by family and the name they were given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from speech2face.checkpoints import library
from speech2face.checkpoints.store import manifest, read_config
from speech2face.errors import InputError, WeightsError
from speech2face.generators.base import Generator
from speech2face.generators.dagan import system as dagan
from speech2face.generators.dagan.extractor import load_extractor as dagan_extractor
from speech2face.generators.dagan.generator import Dagan
from speech2face.generators.facevid2vid import system as facevid2vid
from speech2face.generators.facevid2vid.extractor import load_extractor as facevid2vid_extractor
from speech2face.generators.facevid2vid.generator import FaceVid2Vid
from speech2face.generators.fast.generator import create as create_fast
from speech2face.generators.fomm import system as fomm
from speech2face.generators.fomm.extractor import load_extractor as fomm_extractor
from speech2face.generators.fomm.generator import Fomm
from speech2face.generators.imported.drive import is_calibrated
from speech2face.generators.imported.extractor import Extractor
from speech2face.generators.imported.importer import Converted
from speech2face.generators.imported.importer import convert as convert_to
from speech2face.generators.imported.system import System
from speech2face.generators.warp.generator import WarpGenerator
from speech2face.generators.x2face import system as x2face
from speech2face.generators.x2face.extractor import load_extractor as x2face_extractor
from speech2face.generators.x2face.generator import X2FaceGenerator

WARP, FAST = "warp", "facevid2vid:fast"
_SHIPPED = {WARP: ("rig", "mouth"), FAST: ("rig", "fast")}
"""The shipped weights that each of our generators reads."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """A system whose imported weights draw; each takes the weights' name or path and a device."""

    system: System[Any]
    create: Callable[[str, torch.device], Generator[Any]]
    extractor: Callable[[str, torch.device], Extractor[Any]]


_FAMILIES = {
    family.system.kind: family
    for family in (
        Family(
            system=facevid2vid.SYSTEM,
            create=FaceVid2Vid.from_weights,
            extractor=facevid2vid_extractor,
        ),
        Family(system=dagan.SYSTEM, create=Dagan.from_weights, extractor=dagan_extractor),
        Family(system=fomm.SYSTEM, create=Fomm.from_weights, extractor=fomm_extractor),
        Family(
            system=x2face.SYSTEM, create=X2FaceGenerator.from_weights, extractor=x2face_extractor
        ),
    )
}


def names() -> tuple[str, ...]:
    """Name the generators whose weights ship; the first is the default."""
    shipped = manifest()
    return tuple(name for name, needs in _SHIPPED.items() if all(need in shipped for need in needs))


def full_name(name: str) -> str:
    """Spell a generator's name out: `facevid2vid` is `facevid2vid:fast`.

    Raises:
        InputError: No generator has that name.
    """
    full = FAST if name == facevid2vid.SYSTEM.kind else name
    family, colon, weights = full.partition(":")
    if full in names() or (family in _FAMILIES and colon and weights and full != FAST):
        return full
    imported = " or ".join(f"{kind}:NAME" for kind in _FAMILIES)
    msg = (
        f"there is no generator named {name!r}; choose one of {', '.join(names())}, or "
        f"{imported} with weights that speech2face weights import has brought"
    )
    raise InputError(msg)


def imported_name(name: str) -> str:
    """Return the name or path of the imported weights in a generator's full name."""
    return name.partition(":")[2]


def require(name: str) -> None:
    """Make sure that a generator can be made, without loading it.

    Raises:
        InputError: No generator has that name.
        WeightsError: Its weights have not been imported, are damaged, or are another family's.
    """  # noqa: DOC502 full_name raises the first
    full = full_name(name)
    if full in _SHIPPED:
        return
    family, _, weights = full.partition(":")
    kind = kind_of(weights)
    if kind != family and kind in _FAMILIES:
        title = _FAMILIES[kind].system.title
        msg = f"{weights} are weights of {title}, not of {family}; use {kind}:{weights}"
        raise WeightsError(msg)


def weights_of(name: str) -> tuple[str, ...]:
    """Name the weights behind a generator: shipped ones, or imported ones and their calibration."""
    full = full_name(name)
    if full in _SHIPPED:
        return _SHIPPED[full]
    family, _, weights = full.partition(":")
    fitted = library.calibration_path(library.find(weights))
    if not fitted.is_file():
        return (full,)
    return full, f"{family}:{fitted if library.is_path(weights) else fitted.stem}"


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
    family, _, weights = full.partition(":")
    return _FAMILIES[family].create(weights, device)


def extractor(name: str, device: torch.device) -> Extractor[Any]:
    """Load the motion extractor of imported weights, by their generator's name.

    Raises:
        InputError: No generator has that name, or it is one of ours.
        WeightsError: The weights are missing or damaged.
    """  # noqa: DOC502 those below raise the latter
    full = full_name(name)
    if full in _SHIPPED:
        msg = f"{full} is ours and needs no calibration; name imported weights"
        raise InputError(msg)
    family, _, weights = full.partition(":")
    return _FAMILIES[family].extractor(weights, device)


def kind_of(weights: str) -> str:
    """Return the family of imported weights, by their name or path.

    Raises:
        WeightsError: They have not been imported, or are damaged.
    """  # noqa: DOC502 those below raise it
    return str(read_config(library.find(weights).path)[1].get("kind"))


def reads(name: str) -> bool:
    """Return whether a generator has a motion extractor of its own, without loading it.

    Raises:
        InputError: No generator has that name.
        WeightsError: Its weights have not been imported, or are damaged.
    """  # noqa: DOC502 those below raise them
    full = full_name(name)
    return full not in _SHIPPED and _reads(library.find(imported_name(full)))


def _reads(found: library.Weights) -> bool:
    config = read_config(found.path)[1]
    family = _FAMILIES.get(str(config.get("kind")))
    return family is not None and family.system.reads(config.get("networks", ()))


def needs_calibration(weights: str) -> bool:
    """Return whether weights have a motion extractor to which nothing has been fitted yet.

    Raises:
        WeightsError: They have not been imported, or are damaged.
    """  # noqa: DOC502 those below raise it
    found = library.find(weights)
    return _reads(found) and not is_calibrated(found)


def convert(
    paths: Sequence[Path],
    *,
    size: int | None = None,
    align_corners: bool | None = None,
    licence: str | None = None,
) -> Converted:
    """Read a public checkpoint of any family: see `imported.importer.convert`."""
    systems = [family.system for family in _FAMILIES.values()]
    return convert_to(paths, systems, size=size, align_corners=align_corners, licence=licence)
