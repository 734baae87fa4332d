"""Public checkpoints become weights of ours.

Which system a file holds, and in which preset, is told by names and shapes; conventions that no
tensor shows by the layout. Nothing is guessed silently: what was read, left aside, filled in and
not understood is reported.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from speech2face.checkpoints.containers import Container, State, merge, read_container
from speech2face.checkpoints.store import file_sha256
from speech2face.errors import WeightsError
from speech2face.generators.imported.system import System

_COUNTER = "num_batches_tracked"
"""A counter that inference never reads; files that were rebuilt by hand lack it."""

_SHOWN = 3
"""Names that a message lists before it only counts."""


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A checkpoint in our form, and what there is to say of it."""

    system: System[Any]
    tensors: dict[str, Tensor]
    config: dict[str, Any]
    """What is stored with the tensors: kind, sizes and conventions, origin, licence."""
    preset: str
    layout: str
    report: tuple[str, ...]
    """One line for each thing that was read, left aside, filled in, lacking or not understood."""


@dataclass(frozen=True, kw_only=True)
class _Guess:
    """A system that files may hold."""

    system: System[Any]
    states: Mapping[str, State]
    left: Sequence[str]
    preset: str
    differences: int


def convert(
    paths: Sequence[Path],
    systems: Sequence[System[Any]],
    *,
    size: int | None = None,
    align_corners: bool | None = None,
    licence: str | None = None,
) -> Converted:
    """Read one checkpoint, out of one or several files.

    Args:
        paths: The files; of a network that several hold, the first file's is taken.
        systems: Those that are known.
        size: Side of the picture in pixels that the networks work at; None: as the file's name or
            the preset says. No tensor depends on it.
        align_corners: Of grid_sample, as in training; None: as the preset says. No tensor shows it.
        licence: What the weights may be used for; None: what is known of the layout.

    Raises:
        WeightsError: A file is damaged, or no system fits it.
    """
    wanted = {name for system in systems for name in system.aliases}
    containers = [read_container(path, wanted) for path in paths]
    named = ", ".join(str(path) for path in paths)
    guess = _closest(containers, systems, named)
    system, states = guess.system, guess.states
    absent = [name for name in system.networks if name not in {*states, *system.optional}]
    if absent:
        msg = (
            f"{named} holds no {' and no '.join(absent)} (but {_content(containers)}); expected a "
            f"checkpoint of {system.title}, which its other networks resemble most; give its file"
        )
        raise WeightsError(msg)
    layout = system.layout(system.presets[guess.preset], containers[0])
    config = replace(layout.config, size=size or layout.config.size)
    if align_corners is not None:
        config = replace(config, align_corners=align_corners)
    tensors, notes = _fit(guess, config, named)
    lacking = [text for name, text in system.optional.items() if name not in states]
    return Converted(
        system=system,
        tensors=tensors,
        config={
            "kind": system.kind,
            "network": asdict(config),
            "layout": layout.name,
            "networks": sorted(states),
            "sources": [{"file": path.name, "sha256": file_sha256(path)} for path in paths],
            "licence": licence or layout.licence,
            "trained_on": "as its makers say; not trained here",
        },
        preset=guess.preset,
        layout=layout.name,
        report=(*_read(states), *notes, *(f"left aside: {line}" for line in guess.left),
                *_aside(containers, system), *lacking),
    )  # fmt: skip


@lru_cache(maxsize=64)
def expected(system: System[Any], config: Any, network: str) -> dict[str, Tensor]:  # noqa: ANN401 - of any system
    """Return the names, shapes and types of a network's tensors, without their values."""
    with torch.device("meta"):
        return system.networks[network](config).state_dict()


def _closest(containers: Sequence[Container], systems: Sequence[System[Any]], named: str) -> _Guess:
    """Choose the system and preset whose names and shapes differ least from what was read.

    Raises:
        WeightsError: No network of a known system is there.
    """
    guesses = []
    for system in systems:
        states, left = merge(containers, system.aliases)
        guesses += [
            _Guess(
                system=system, states=states, left=left, preset=preset,
                differences=_differences(system, config, states),
            )
            for preset, config in system.presets.items()
            if states
        ]  # fmt: skip
    if not guesses:
        msg = (
            f"{named} holds no network that is known (but {_content(containers)}); expected a "
            f"checkpoint of {', '.join(system.title for system in systems)}; give its file"
        )
        raise WeightsError(msg)
    # Of presets that differ in conventions alone it is the first.
    return min(guesses, key=lambda guess: guess.differences)


def _differences(system: System[Any], config: Any, states: Mapping[str, State]) -> int:  # noqa: ANN401 - of any system
    count = 0
    for network, state in states.items():
        wanted = expected(system, config, network)
        for name in wanted.keys() | state.keys():
            if not name.endswith(_COUNTER):
                fits = name in wanted and name in state
                count += not (fits and wanted[name].shape == state[name].shape)
    return count


def _fit(
    guess: _Guess,
    config: Any,  # noqa: ANN401 - of any system
    named: str,
) -> tuple[dict[str, Tensor], list[str]]:
    """Bring every network's tensors into the form that its module loads strictly.

    Raises:
        WeightsError: Tensors are missing, have another shape, or hold numbers that are none.
    """
    tensors: dict[str, Tensor] = {}
    notes: list[str] = []
    for network, state in guess.states.items():
        wanted = expected(guess.system, config, network)
        missing = [name for name in wanted if name not in state and not name.endswith(_COUNTER)]
        if missing:
            msg = (
                f"{named}: {network} lacks {len(missing)} of {len(wanted)} tensors "
                f"({_some(missing)}); expected those of {guess.system.title}; fetch the file "
                "again, or give the file that belongs to this network"
            )
            raise WeightsError(msg)
        for name, tensor in wanted.items():
            found = state.get(name, torch.zeros((), dtype=torch.int64))
            if found.shape != tensor.shape:
                msg = (
                    f"{named}: {network}.{name} has the shape {tuple(found.shape)}, expected "
                    f"{tuple(tensor.shape)}; only the published sizes can be imported"
                )
                raise WeightsError(msg)
            if not torch.isfinite(found).all():
                msg = (
                    f"{named}: {network}.{name} holds numbers that are not finite; expected "
                    "weights of a finished training; fetch the file again, or another one"
                )
                raise WeightsError(msg)
            tensors[f"{network}.{name}"] = found.to(tensor.dtype)
        filled = sum(name not in state for name in wanted)
        if filled:
            notes.append(f"filled in: {filled} counters ({_COUNTER}) that {network} lacks, with 0")
        unknown = sorted(state.keys() - wanted.keys())
        if unknown:
            notes.append(f"not understood, not imported: {network}: {_some(unknown)}")
    return tensors, notes


def _read(states: Mapping[str, State]) -> list[str]:
    return [
        f"read: {network}, {len(state)} tensors, "
        f"{sum(tensor.numel() for tensor in state.values()) / 1e6:.1f} million numbers"
        for network, state in states.items()
    ]


def _aside(containers: Sequence[Container], system: System[Any]) -> list[str]:
    """Name what the files hold beside the networks of the system."""
    others = [
        (name, count, container.path.name)
        for container in containers
        for name, count in (
            *container.others.items(),
            *((name, len(state)) for name, state in container.states.items()
              if name not in system.aliases),
        )
    ]  # fmt: skip
    return [
        f"left aside: {name} of {file}" + (f" ({count} tensors)" if count else "")
        for name, count, file in others
    ]


def _content(containers: Sequence[Container]) -> str:
    return _some(sorted({name for one in containers for name in (*one.states, *one.others)}))


def _some(names: Sequence[str]) -> str:
    """List names: the first few, then how many more."""
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
