"""Public checkpoints of the face-vid2vid family become weights of ours.

Understood: Zhang's containers (one entry a network), those of SadTalker in the same form, and
SadTalker's flat safetensors. Architecture and preset are told by names and shapes; conventions that
no tensor shows (mask threshold, keypoint rule) by the layout. Nothing is guessed silently: what was
read, left aside, filled in and not understood is reported.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from speech2face.checkpoints.containers import Container, State, merge, read_container
from speech2face.checkpoints.store import file_sha256
from speech2face.errors import WeightsError
from speech2face.generators.facevid2vid.network import (
    PRESETS,
    FaceVid2VidConfig,
    FaceVid2VidGenerator,
    HeadPoseEstimator,
    KeypointDetector,
)

KIND = "facevid2vid"
"""What the configuration of an imported file says it is."""

NETWORKS: dict[str, type[nn.Module]] = {
    "generator": FaceVid2VidGenerator,
    "kp_detector": KeypointDetector,
    "he_estimator": HeadPoseEstimator,
}
"""The networks of a system by our names; they are the prefixes of the tensors of our files."""

_NEEDED = ("generator", "kp_detector")
"""Without a head-pose estimator keypoints can still be moved along with the face's surface."""

_NAMES = {name: name for name in NETWORKS} | {"kp_extractor": "kp_detector"}
"""Our name for each name of a network in public files."""

_COUNTER = "num_batches_tracked"
"""A counter that inference never reads; files that were rebuilt by hand lack it."""

_SHOWN = 3
"""Names that a message lists before it only counts."""

_PLAIN = {"size": 256, "mask_floor": 0.0, "keypoint_rule": "zhang"}
"""Conventions that no tensor shows."""

Layout = Literal["zhang", "sadtalker"]

_LICENCES: dict[Layout, str] = {
    "zhang": "CC BY-NC 4.0 if these are Zhang's weights: not for commercial use",
    "sadtalker": "Apache-2.0, as SadTalker's repository says",
}
_CONVENTIONS: dict[Layout, dict[str, Any]] = {
    "zhang": {},
    # SadTalker: src/facerender/modules/dense_motion.py and make_animation.py.
    "sadtalker": {"mask_floor": 1e-3, "keypoint_rule": "sadtalker"},
}


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A checkpoint in our form, and what there is to say of it."""

    tensors: dict[str, Tensor]
    config: dict[str, Any]
    """What is stored with the tensors: kind, sizes and conventions, origin, licence."""
    preset: str
    layout: Layout
    report: tuple[str, ...]
    """One line for each thing that was read, left aside, filled in or not understood."""


def convert(
    paths: Sequence[Path], *, size: int | None = None, licence: str | None = None
) -> Converted:
    """Read one checkpoint, out of one or several files.

    Args:
        paths: The files; of a network that several hold, the first file's is taken.
        size: Side of the picture in pixels that the networks work at; None: as the file's name or
            the preset says. No tensor depends on it.
        licence: What the weights may be used for; None: what is known of the layout.

    Raises:
        WeightsError: A file is damaged, or no network of this family fits it.
    """
    containers = [read_container(path, _NAMES) for path in paths]
    states, left = merge(containers, _NAMES)
    named = ", ".join(str(path) for path in paths)
    absent = [name for name in _NEEDED if name not in states]
    if absent:
        holds = sorted({name for c in containers for name in (*c.states, *c.others)})
        msg = (
            f"{named} holds no {' and no '.join(absent)} (but {_some(holds)}); expected a "
            "checkpoint of the face-vid2vid family (Zhang, SadTalker); give its file"
        )
        raise WeightsError(msg)
    layout: Layout = "sadtalker" if "kp_extractor" in containers[0].states else "zhang"
    preset = _closest(states)
    config = replace(PRESETS[preset], **_CONVENTIONS[layout])
    config = replace(config, size=size or _size_by_name(paths[0], config))
    tensors, notes = _fit(states, config, named)
    return Converted(
        tensors=tensors,
        config={
            "kind": KIND,
            "network": asdict(config),
            "layout": layout,
            "networks": sorted(states),
            "sources": [{"file": path.name, "sha256": file_sha256(path)} for path in paths],
            "licence": licence or _LICENCES[layout],
            "trained_on": "as its makers say; not trained here",
        },
        preset=preset,
        layout=layout,
        report=(*_read(states), *notes, *(f"left aside: {line}" for line in left),
                *_aside(containers)),
    )  # fmt: skip


@lru_cache(maxsize=32)
def expected(config: FaceVid2VidConfig, network: str) -> dict[str, Tensor]:
    """Return the names, shapes and types of a network's tensors, without their values."""
    with torch.device("meta"):
        return NETWORKS[network](config).state_dict()


def _closest(states: Mapping[str, State]) -> str:
    """Choose the preset whose names and shapes differ least from what was read.

    Of presets that differ in conventions alone it is the first.
    """
    plain = {replace(config, **_PLAIN): preset for preset, config in reversed(PRESETS.items())}

    def differences(preset: str) -> int:
        count = 0
        for network, state in states.items():
            wanted = expected(replace(PRESETS[preset], **_PLAIN), network)
            for name in wanted.keys() | state.keys():
                if not name.endswith(_COUNTER):
                    fits = name in wanted and name in state
                    count += not (fits and wanted[name].shape == state[name].shape)
        return count

    return min(reversed(plain.values()), key=differences)


def _size_by_name(path: Path, config: FaceVid2VidConfig) -> int:
    """Return 512 from 256, which share every tensor, by what the file is called."""
    return 512 if "512" in path.name and config.size == PRESETS["256"].size else config.size


def _fit(
    states: Mapping[str, State], config: FaceVid2VidConfig, named: str
) -> tuple[dict[str, Tensor], list[str]]:
    """Bring every network's tensors into the form that its module loads strictly.

    Raises:
        WeightsError: Tensors are missing or have another shape.
    """
    tensors: dict[str, Tensor] = {}
    notes: list[str] = []
    for network, state in states.items():
        wanted = expected(config, network)
        missing = [name for name in wanted if name not in state and not name.endswith(_COUNTER)]
        if missing:
            msg = (
                f"{named}: {network} lacks {len(missing)} of {len(wanted)} tensors "
                f"({_some(missing)}); expected those of the closest preset; fetch the file again, "
                "or give the file that belongs to this network"
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


def _aside(containers: Sequence[Container]) -> list[str]:
    """Name what the files hold beside the networks."""
    return [
        f"left aside: {name} of {container.path.name}" + (f" ({count} tensors)" if count else "")
        for container in containers
        for name, count in container.others.items()
    ]


def _some(names: Sequence[str]) -> str:
    """List names: the first few, then how many more."""
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
