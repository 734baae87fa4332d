"""What a network must offer to be trained by `training.loop`: the protocols of a task."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn


class _Common(Protocol):
    """What every task can do."""

    def modules(self) -> dict[str, nn.Module]:
        """Return the networks by name: they learn, are averaged, and are stored in checkpoints."""
        ...

    def preview(self, folder: Path) -> dict[str, float]:
        """Show what has been learnt, with averaged weights in evaluation mode.

        Args:
            folder: Exists and is this step's own; pictures and sounds go there.

        Returns:
            Figures for the log, of held-out material; none is fine.
        """
        ...

    def write(self, folder: Path) -> Path:
        """Write the weights as they are used, averaged; give the file's path."""
        ...


@runtime_checkable
class Task(_Common, Protocol):
    """Networks that learn together from one sum of losses."""

    def losses(
        self, step: int, rng: np.random.Generator, device: torch.device
    ) -> dict[str, Tensor]:
        """Compute the losses of a step, each with its weight in it; their sum is minimized.

        Args:
            step: From 0.
            rng: Decides what is drawn; torch's own generators are seeded with the step too.
            device: Where the modules are.
        """
        ...


class Turn(NamedTuple):
    """A part of a step in which some of the networks learn."""

    modules: tuple[str, ...]
    """Who learns now; nobody else's gradients are computed."""
    losses: dict[str, Tensor]


@runtime_checkable
class AdversarialTask(_Common, Protocol):
    """Networks that play against each other."""

    def turns(self, step: int, rng: np.random.Generator, device: torch.device) -> Iterator[Turn]:
        """Yield the turns of a step; what is yielded has been learnt when the body goes on.

        Args:
            step: From 0.
            rng: Decides what is drawn; torch's own generators are seeded with the step too.
            device: Where the modules are.
        """
        ...
