"""What a training run consists of between two steps: weights, optimisers, running means."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW

from speech2face.errors import OutputError, WeightsError

_YOUNG = 10
"""A running mean of n < 10 * memory steps remembers n / (n + 10) only: it forgets its start."""


class Average:
    """Running means of the weights of several modules."""

    def __init__(self, modules: dict[str, nn.Module], memory: float) -> None:
        """Start from the weights as they are.

        Args:
            modules: Whose weights.
            memory: What a step leaves of the mean, in [0, 1); 0 is no averaging.
        """
        self.memory: float = memory
        self._modules: dict[str, nn.Module] = modules
        self.values: dict[str, dict[str, Tensor]] = {
            name: {key: value.detach().clone() for key, value in module.state_dict().items()}
            for name, module in modules.items()
        }

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after `step` steps; whole numbers are copied."""
        keep = min(self.memory, step / (step + _YOUNG))
        for name, module in self._modules.items():
            own = self.values[name]
            now = {key: value.detach() for key, value in module.state_dict().items()}
            real = [key for key, value in now.items() if value.is_floating_point()]
            for key in real:
                own[key].lerp_(now[key], 1 - keep)
            for key in now.keys() - set(real):
                own[key].copy_(now[key])

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Put the means into the modules, in evaluation mode, for as long as the context lasts."""
        kept = {
            name: {key: value.detach().clone() for key, value in module.state_dict().items()}
            for name, module in self._modules.items()
        }
        try:
            for name, module in self._modules.items():
                module.load_state_dict(self.values[name])
                module.eval()
            yield
        finally:
            for name, module in self._modules.items():
                module.load_state_dict(kept[name])
                module.train()


class RunState:
    """Modules, their optimisers and means, how far they are, and losses not yet in the log."""

    def __init__(
        self,
        modules: dict[str, nn.Module],
        *,
        memory: float,
        decay: float,
        betas: tuple[float, float],
        device: torch.device,
    ) -> None:
        """Bring the modules to the device and give each its optimiser.

        Args:
            modules: What learns, by name; parameters that need no gradient stay as they are.
            memory: Of the running means.
            decay: Weight decay of AdamW.
            betas: Memories of AdamW's moments.
            device: Where everything happens.
        """
        self.device: torch.device = device
        self.modules: dict[str, nn.Module] = {
            name: module.to(device).train() for name, module in modules.items()
        }
        self.optimizers: dict[str, AdamW] = {
            name: AdamW(
                learning(module), betas=betas, weight_decay=decay, fused=device.type == "cuda"
            )
            for name, module in self.modules.items()
            if learning(module)
        }
        self.average: Average = Average(self.modules, memory)
        self.step: int = 0
        self.seconds: float = 0.0
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def note(self, losses: dict[str, Tensor]) -> None:
        """Add up what the log will tell; nothing waits for the device here."""
        for name, value in losses.items():
            single = value.detach().float()
            self.sums[name] = self.sums[name] + single if name in self.sums else single.clone()
            self.counts[name] = self.counts.get(name, 0) + 1

    def means(self) -> dict[str, Tensor]:
        """Return the mean of every loss since the last call."""
        means = {name: value / self.counts[name] for name, value in self.sums.items()}
        self.sums, self.counts = {}, {}
        return means

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all.

        Raises:
            OutputError: It cannot be written.
        """
        state = {
            "step": self.step, "seconds": self.seconds, "sums": self.sums, "counts": self.counts,
            "modules": {name: module.state_dict() for name, module in self.modules.items()},
            "optimizers": {name: one.state_dict() for name, one in self.optimizers.items()},
            "average": self.average.values,
        }  # fmt: skip
        partial = path.with_name(path.name + ".part")
        try:
            torch.save(state, partial)
            partial.replace(path)
        except (OSError, RuntimeError) as error:
            partial.unlink(missing_ok=True)
            msg = f"{path} cannot be written ({error}); free some space and train again"
            raise OutputError(msg) from error

    def load(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises:
            WeightsError: The file is damaged, or of networks of other sizes.
        """
        try:
            state: dict[str, Any] = torch.load(path, weights_only=True, map_location=self.device)
            for name, module in self.modules.items():
                module.load_state_dict(state["modules"][name])
            for name, optimizer in self.optimizers.items():
                optimizer.load_state_dict(state["optimizers"][name])
            for name, values in self.average.values.items():
                for key, value in values.items():
                    value.copy_(state["average"][name][key])
            self.step, self.seconds = state["step"], state["seconds"]
            self.sums, self.counts = state["sums"], state["counts"]
        # A damaged file shows itself by whatever its reader stumbles over.
        except Exception as error:
            reason = str(error).strip().splitlines()
            msg = (
                f"{path} does not continue this training "
                f"({reason[0] if reason else type(error).__name__}); expected a checkpoint of the "
                "same recipe; delete it or give another --output"
            )
            raise WeightsError(msg) from error


def learning(module: nn.Module) -> list[nn.Parameter]:
    """Return the parameters of a module that are to be learnt."""
    return [parameter for parameter in module.parameters() if parameter.requires_grad]
