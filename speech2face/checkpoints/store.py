"""Shipped files of `pretrained/`: found, verified against the manifest, and read.

Every file is safetensors with its configuration as one JSON string under one metadata key, so the
same content is always the same bytes and its SHA-256 is reproducible.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from speech2face.errors import InputError, WeightsError, shown
from speech2face.media.files import require_stored

_CONFIG_KEY = "config"
_REMEDY = "install speech2face again"


@dataclass(frozen=True, kw_only=True)
class Shipped:
    """One row of the manifest."""

    file: str
    sha256: str
    bytes: int
    what: str
    """One line: which network or data this is."""
    licence: str
    trained_on: str
    command: str
    """The command that made it."""


def pretrained_folder() -> Path:
    """Return the folder of the shipped files: inside the installed package, else of the checkout.

    Raises:
        WeightsError: There is neither.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "pretrained", package.parent / "pretrained"):
        if (folder / "manifest.json").is_file():
            return folder
    msg = f"the pretrained folder is missing beside {package}; install speech2face again"
    raise WeightsError(msg)


def manifest(folder: Path | None = None, remedy: str = _REMEDY) -> dict[str, Shipped]:
    """Read the manifest: what ships, by name without suffix.

    Args:
        folder: The folder; by default that of the shipped files.
        remedy: What to do if the manifest is damaged.

    Raises:
        WeightsError: The manifest is damaged.
    """
    path = (folder or pretrained_folder()) / "manifest.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {name: Shipped(**row) for name, row in rows.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        msg = f"{path} is damaged ({error}); {remedy}"
        raise WeightsError(msg) from error


def verified_path(name: str, folder: Path | None = None) -> Path:
    """Return the path of a shipped file after checking it.

    Raises:
        WeightsError: The file is missing or is not the one the manifest names.
    """
    folder = folder or pretrained_folder()
    shipped = manifest(folder).get(name)
    if shipped is None:
        msg = f"no weights named {name!r} ship; expected one that speech2face weights list names"
        raise WeightsError(msg)
    return verified_file(folder / shipped.file, shipped)


def verified_file(path: Path, row: Shipped, remedy: str = _REMEDY) -> Path:
    """Return the path of a file after comparing it with its row of a manifest.

    Raises:
        WeightsError: The file is missing or is not the one that the row describes.
    """
    if not path.is_file():
        msg = f"{path} is missing; {remedy}"
        raise WeightsError(msg)
    actual = file_sha256(path)
    if actual != row.sha256:
        msg = (
            f"{path} is damaged or of another version: its SHA-256 is {actual[:12]}…, "
            f"the manifest says {row.sha256[:12]}…; {remedy}"
        )
        raise WeightsError(msg)
    return path


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, without reading it into memory as a whole."""
    state = path.stat()
    return _sha256(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=64)
def _sha256(path: Path, size: int, changed: int) -> str:
    """Hash a file once a process: several parts verify the same, and some are near a gigabyte."""
    del size, changed  # they tell an old content from a new one
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read tensors and configuration of a safetensors file.

    Raises:
        WeightsError: It is no safetensors file, or it carries no configuration.
    """  # noqa: DOC502 _opened raises it
    with _opened(path) as (opened, config):
        return {name: opened.get_tensor(name) for name in opened.keys()}, config  # noqa: SIM118


def read_config(path: Path) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Read the names of the tensors and the configuration of a file, not the tensors.

    Raises:
        WeightsError: It is no safetensors file, or it carries no configuration.
    """  # noqa: DOC502 _opened raises it
    with _opened(path) as (opened, config):
        return tuple(opened.keys()), config


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Open a file and read its configuration.

    Raises:
        WeightsError: It is absent, no safetensors file, or it carries no configuration.
    """
    try:
        require_stored(path, "weight file")
    except InputError as error:
        raise WeightsError(str(error)) from error
    try:
        with safe_open(path, framework="pt") as opened:
            yield opened, json.loads((opened.metadata() or {})[_CONFIG_KEY])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        msg = f"{shown(path)} is no weight file ({error}); expected safetensors with a config"
        raise WeightsError(msg) from error


def load(name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a shipped file by its name in the manifest: tensors and configuration, verified."""
    return read_weights(verified_path(name))


def write_weights(path: Path, tensors: dict[str, Tensor], config: dict[str, Any]) -> None:
    """Write tensors and configuration so that equal content gives equal bytes."""
    metadata = {_CONFIG_KEY: json.dumps(config, sort_keys=True, separators=(",", ":"))}
    contiguous = {name: tensors[name].detach().cpu().contiguous() for name in sorted(tensors)}
    path.write_bytes(save(contiguous, metadata))


def ship(
    folder: Path,
    name: str,
    tensors: dict[str, Tensor],
    config: dict[str, Any],
    *,
    row: dict[str, str],
) -> Path:
    """Enter trained weights into a folder of shipped files, as half floats: half the bytes.

    Args:
        folder: The pretrained folder.
        name: Name of the weights, and of their file.
        tensors: The weights.
        config: What the network is built from.
        row: `what`, `licence`, `trained_on` and `command` of `Shipped`.

    Returns:
        The shipped file.
    """
    file = folder / f"{name}.safetensors"
    halves = {
        key: value.half() if value.is_floating_point() else value for key, value in tensors.items()
    }
    write_weights(file, halves, config)
    register(folder, name, row | {"file": file.name})
    return file


def register(folder: Path, name: str, row: dict[str, str]) -> None:
    """Enter a written file into the manifest with its size and SHA-256.

    Args:
        folder: The pretrained folder.
        name: Name of the weights.
        row: `file`, `what`, `licence`, `trained_on` and `command` of `Shipped`.
    """
    path = folder / "manifest.json"
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    file = folder / row["file"]
    rows[name] = {**row, "bytes": file.stat().st_size, "sha256": file_sha256(file)}
    path.write_text(json.dumps(rows, indent=2, sort_keys=True) + "\n", encoding="utf-8")
