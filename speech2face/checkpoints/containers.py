"""The files that public checkpoints come in, taken apart into the state of each network.

Two forms: what `torch.save` wrote (a dict with one entry a network, beside optimizers and counters;
called .pth.tar though it is no tar file; or the tensors of one network) and flat safetensors. Where
tensors lie side by side, their keys start with the network's name. Pickled code is never run:
`torch.load(weights_only=True)` refuses it.
"""

import pickle
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from speech2face.errors import WeightsError, shown
from speech2face.media.files import require_stored

State = dict[str, Tensor]
"""A network's tensors by their names in its state dict."""

_WRAPPERS = ("module.",)
"""What DataParallel and DistributedDataParallel put in front of every key."""

_SAVED = (b"pk\x03\x04", b"\x80")
"""First bytes of what `torch.save` writes, today and formerly, in small letters."""
_SAFETENSORS_HEADER = 8
"""Bytes before the JSON that opens a safetensors file: its length."""


@dataclass(frozen=True, kw_only=True)
class Container:
    """A checkpoint file, taken apart."""

    path: Path
    flat: bool
    """Whether its networks lie side by side under prefixes, as in safetensors."""
    states: Mapping[str, State]
    """Each network that was asked for, by the name that the file gives it."""
    others: Mapping[str, int]
    """What else the file holds, by name, with the number of its tensors; 0 where it has none."""


def read_container(path: Path, networks: Iterable[str]) -> Container:
    """Take a checkpoint file apart.

    Args:
        path: The file.
        networks: Names of the entries or prefixes that are wanted; all others are only named.

    Raises:
        WeightsError: The file is damaged, of another kind, or holds more than tensors.
    """  # noqa: DOC502 those below raise it
    require_stored(path, "checkpoint")
    _require_checkpoint(path)
    wanted = frozenset(networks)
    return _read_flat(path, wanted) if _is_safetensors(path) else _read_saved(path, wanted)


def _require_checkpoint(path: Path) -> None:
    """Check that a download is not the page around it, nor anything else that is no checkpoint.

    Raises:
        WeightsError: It is a web page, a pointer to the file, or of no format that holds tensors.
    """
    with path.open("rb") as file:
        start = file.read(64).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        msg = f"{shown(path)} is a web page, not the file it offers; expected a checkpoint; "
        msg += "download the file itself"
    elif start.startswith(b"version https://git-lfs"):
        msg = f"{shown(path)} is a pointer of Git LFS; expected the checkpoint; run git lfs pull"
    elif not _is_safetensors(path) and not start.startswith(_SAVED):
        msg = (
            f"{shown(path)} is no checkpoint by its first bytes; expected what torch.save or "
            "safetensors wrote; choose another file"
        )
    else:
        return
    raise WeightsError(msg)


def _is_safetensors(path: Path) -> bool:
    """Recognise the format by its bytes: a length, then JSON."""
    with path.open("rb") as file:
        start = file.read(_SAFETENSORS_HEADER + 1)
    return start[_SAFETENSORS_HEADER:] == b"{"


def _read_flat(path: Path, wanted: frozenset[str]) -> Container:
    """Read safetensors: only the tensors of the wanted networks are loaded.

    Raises:
        WeightsError: The file is damaged.
    """
    states: dict[str, State] = {}
    others: dict[str, int] = {}
    try:
        with safe_open(path, framework="pt") as file:
            for key in sorted(file.keys()):
                plain = _unwrapped(key)
                if _network(plain) in wanted:
                    _sort(plain, file.get_tensor(key), wanted, states, others)
                else:
                    others[_network(plain)] = others.get(_network(plain), 0) + 1
    except (SafetensorError, OSError, ValueError) as error:
        msg = f"{shown(path)} is a damaged safetensors file ({_line(error)}); fetch it again"
        raise WeightsError(msg) from error
    return Container(path=path, flat=True, states=states, others=others)


def _read_saved(path: Path, wanted: frozenset[str]) -> Container:
    """Read what `torch.save` wrote.

    Raises:
        WeightsError: The file is damaged, holds code, or no dict of networks.
    """
    try:
        saved: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        msg = (
            f"{shown(path)} holds more than tensors ({_line(error)}); only tensors are read, "
            "because pickled code of strangers is not run; ask its makers for a safetensors file"
        )
        raise WeightsError(msg) from error
    except Exception as error:  # damaged bytes end torch's reader in errors of any kind
        msg = f"{shown(path)} cannot be read as a checkpoint ({_line(error)}); fetch it again"
        raise WeightsError(msg) from error
    if not isinstance(saved, Mapping):
        msg = (
            f"{path} holds {type(saved).__name__}, expected a dict with one entry a network; "
            "give a checkpoint as its makers published it"
        )
        raise WeightsError(msg)
    states: dict[str, State] = {}
    others: dict[str, int] = {}
    for key, entry in saved.items():
        if isinstance(entry, Tensor):  # a bare state dict: the first word of a key is the network
            _sort(_unwrapped(str(key)), entry, wanted, states, others)
            continue
        state = _tensors(entry)
        if key in wanted and state:
            states[str(key)] = state
        else:
            others[str(key)] = len(state)
    return Container(path=path, flat=False, states=states, others=others)


def _tensors(entry: object) -> State:
    """Return the tensors of an entry with plain names; none if it is no state dict."""
    if not isinstance(entry, Mapping):
        return {}
    return {
        _unwrapped(str(key)): value for key, value in entry.items() if isinstance(value, Tensor)
    }


def _sort(
    key: str,
    tensor: Tensor,
    wanted: frozenset[str],
    states: dict[str, State],
    others: dict[str, int],
) -> None:
    """Put a tensor where the first word of its key says."""
    network, _, name = key.partition(".")
    if network in wanted and name:
        states.setdefault(network, {})[name] = tensor
    else:
        others[network] = others.get(network, 0) + 1


def _network(key: str) -> str:
    return key.partition(".")[0]


def _unwrapped(key: str) -> str:
    for wrapper in _WRAPPERS:
        key = key.removeprefix(wrapper)
    return key


def merge(
    containers: Sequence[Container], names: Mapping[str, str]
) -> tuple[dict[str, State], list[str]]:
    """Put the networks of several files together under our names.

    Args:
        containers: The files; of a network that several hold, the first file's is taken.
        names: Our name for each name that a file may use; networks of other names are not wanted.

    Returns:
        The networks, and a line for each that was left aside.
    """
    found: dict[str, State] = {}
    left: list[str] = []
    for container in containers:
        for theirs, state in container.states.items():
            ours = names.get(theirs)
            if ours in found:
                left.append(f"{theirs} of {container.path.name}: an earlier file has one")
            elif ours is not None:
                found[ours] = state
    return found, left


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
