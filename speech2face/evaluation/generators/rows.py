"""The rows of the comparison: each draws a case's frames with one generator."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8

from speech2face.evaluation.generators.cases import Case, still, to_crop
from speech2face.generators.base import Generator
from speech2face.generators.fast.generator import NAME as FAST
from speech2face.generators.fast.generator import named_keypoints
from speech2face.generators.registry import create
from speech2face.types import EMOTIONS, Portrait

Frames = UInt8[np.ndarray, "frames size size 3"]

_BATCH = 16


Converter = Callable[[np.ndarray, Portrait], np.ndarray]
"""Latents of the warp generator (frames, latent) and whose they are in, those of another out."""

_WARP = "warp"
_BANDS = 8
"""Bands of the sound that a calibration hears; here it is silent."""


@runtime_checkable
class Row(Protocol):
    """Whatever draws a case's frames."""

    name: str

    def __call__(self, case: Case) -> Frames:
        """Draw the frames."""
        ...


class TruthRow:
    """The recorded frames themselves: what no generator can beat, and the judges' own noise."""

    name = "truth"

    def __call__(self, case: Case) -> Frames:
        """Give the truth."""
        return case.truth


class StillRow:
    """The source repeated: what every generator must beat."""

    name = "still"

    def __call__(self, case: Case) -> Frames:
        """Give the source once a frame."""
        return still(case)


class GeneratorRow:
    """A generator of the registry, driven by the latents of a case's motion."""

    def __init__(self, name: str, device: torch.device) -> None:
        """Load it, and what leads from motion to its latents."""
        self._generator: Generator[Any] = create(name, device)
        self.name = self._generator.name
        self._convert = converter(self._generator, device)

    def __call__(self, case: Case) -> Frames:
        """Draw the frames."""
        return self.draw(case.portrait, case.motion.values)

    def draw(self, portrait: Portrait, motion: Float[np.ndarray, "frames latent"]) -> Frames:
        """Draw a portrait moved by latents of the warp generator."""
        return self._render(portrait, self._convert(motion, portrait))

    def _render(self, portrait: Portrait, values: Float[np.ndarray, "frames latent"]) -> Frames:
        state = self._generator.encode(portrait)
        return np.concatenate([
            self._generator.render(state, values[start : start + _BATCH])
            for start in range(0, len(values), _BATCH)
        ])  # fmt: skip


class TrackedRow(GeneratorRow):
    """A generator whose keypoints are named mesh points, driven by the tracked points themselves.

    Nothing is lost on the way through the rig, and nothing of the tracker's trembling is smoothed.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        """Load it."""
        super().__init__(name, device)
        self.name = f"{self.name}, tracked points"

    def __call__(self, case: Case) -> Frames:
        """Draw the frames."""
        size, moved = len(case.portrait.crop), to_crop(case.meshes, case.portrait)
        values = named_keypoints(moved, size).reshape(len(moved), -1)
        return self._render(case.portrait, values)


def converter(generator: Generator[Any], device: torch.device) -> Converter:
    """Give what turns a motion into a generator's latents: nothing for warp, else its own fit."""
    if generator.name == _WARP:
        return lambda motion, portrait: motion  # noqa: ARG005 - the portrait is in it already
    fit: Any = import_module("speech2face.stages.fits").create_fit(
        generator.name, device, generator
    )

    def keypoints(motion: np.ndarray, portrait: Portrait) -> np.ndarray:
        silence = np.zeros((len(motion), _BANDS), np.float32)
        neutral = np.zeros((len(motion), len(EMOTIONS)), np.float32)
        return fit.keypoints(motion, neutral, silence, portrait)

    return fit.from_motion if hasattr(fit, "from_motion") else keypoints


def rows_of(names: Sequence[str], device: torch.device) -> list[Row]:
    """Make the rows: truth and still first, then the generators in the order given."""
    rows: list[Row] = [TruthRow(), StillRow()]
    for name in names:
        rows.append(GeneratorRow(name, device))
        if rows[-1].name == FAST:
            rows.append(TrackedRow(name, device))
    return rows
