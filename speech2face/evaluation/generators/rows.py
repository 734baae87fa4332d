"""The rows of the comparison: each draws a case's frames with one generator."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from speech2face.evaluation.generators.cases import Case, still, to_crop
from speech2face.face.view import View
from speech2face.generators.base import Frames, Generator, Latents
from speech2face.generators.fast.generator import NAME as FAST
from speech2face.generators.fast.generator import named_keypoints
from speech2face.generators.registry import create
from speech2face.motion.motion import Motion

_BATCH = 16


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
        """Return the truth."""
        return case.truth


class StillRow:
    """The source repeated: what every generator must beat."""

    name = "still"

    def __call__(self, case: Case) -> Frames:
        """Return the source once a frame."""
        return still(case)


class GeneratorRow:
    """A generator of the registry, driven by the latents of a case's motion."""

    def __init__(self, name: str, device: torch.device) -> None:
        """Load it, and what leads from motion to its latents."""
        self._generator: Generator[Any] = create(name, device)
        self.name = self._generator.spec.name

    def __call__(self, case: Case) -> Frames:
        """Draw the frames."""
        return self.draw(case.portrait, case.motion)

    def draw(self, portrait: View, motion: Motion) -> Frames:
        """Draw a portrait that moves."""
        state = self._generator.encode([portrait])
        return self._render(state, self._generator.drive(state, motion))

    def _render(self, state: object, values: Latents) -> Frames:
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
        return self._render(self._generator.encode([case.portrait]), values)


def rows_of(names: Sequence[str], device: torch.device) -> list[Row]:
    """Make the rows: truth and still first, then the generators in the order given."""
    rows: list[Row] = [TruthRow(), StillRow()]
    for name in names:
        rows.append(GeneratorRow(name, device))
        if rows[-1].name == FAST:
            rows.append(TrackedRow(name, device))
    return rows
