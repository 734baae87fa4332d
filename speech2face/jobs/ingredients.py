"""What decides a video: its settings, its inputs and the weights that took part."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from speech2face.generators.registry import full_name, weights_of
from speech2face.jobs.provenance import sidecar
from speech2face.jobs.settings import Settings
from speech2face.media.inputs import Opened
from speech2face.media.video.encode import Beside

_ALWAYS = ("rig", "speech2landmarks", "tracker")
"""Shipped weights that take part whoever draws."""


def described(
    output: Path, *, settings: Settings, inputs: Mapping[str, Opened | Path], path: Path
) -> Beside:
    """Return the sidecar of a video: how it was made.

    Args:
        output: The video.
        settings: What was asked for; the files that they name are inputs too.
        inputs: What was opened, by its role.
        path: Where the sidecar goes.
    """
    return sidecar(output, *ingredients(settings, inputs), path=path)


def ingredients(
    settings: Settings, inputs: Mapping[str, Opened | Path]
) -> tuple[dict[str, Any], dict[str, Opened | Path], list[str]]:
    """Return what decides a video: all settings, all inputs, the names of the weights."""
    generator, pose = full_name(settings.generator), settings.resolve().pose
    own = settings.speech2landmarks
    shipped = {*_ALWAYS, *weights_of(generator)} - ({"speech2landmarks"} if own else set())
    named = ({"speech2landmarks": own} if own else {}) | (
        {"pose": pose} if isinstance(pose, Path) else {}
    )
    return asdict(settings) | {"generator": generator}, {**inputs, **named}, sorted(shipped)
