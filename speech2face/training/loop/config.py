"""How a network is trained, whichever it is: steps, rates, running means, checkpoints."""

import math
from dataclasses import dataclass, field

from speech2face.checked import require_types
from speech2face.errors import InputError


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """How a task is trained, whatever it is."""

    steps: int = 1000
    rate: float = 1e-3
    """Highest learning rate of AdamW."""
    rates: dict[str, float] = field(default_factory=dict)
    """Factor on the rate for modules by name; 1 for those that are not named."""
    warmup: int = 100
    """Steps in which the rate rises to its height."""
    cooldown: int = 300
    """Steps at the end in which the rate falls to 1 %."""
    fall: str = "linear"
    """How it falls: "linear" or "cosine"."""
    decay: float = 0.0
    """Weight decay of AdamW."""
    betas: tuple[float, float] = (0.9, 0.999)
    average: float = 0.999
    """Memory of the running mean of the weights, which is what previews and files hold."""
    clip: float = 1.0
    """Norm to which the gradients of a turn are cut."""
    seed: int = 0
    every: int = 200
    """Steps between two rows of the log, each with a checkpoint."""
    preview_every: int = 1000
    """Steps between two previews."""
    bfloat16: tuple[str, ...] = ()
    """Kinds of device ("cuda", "cpu") on which losses are computed in mixed precision."""

    def __post_init__(self) -> None:
        """Check types, and what no type can.

        Raises:
            InputError: A value is of a wrong type, or a number out of its range.
        """
        require_types(self)
        least = {"steps": 1, "every": 1, "preview_every": 1, "warmup": 0, "cooldown": 0}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                msg = f"{name} = {getattr(self, name)} in a recipe; expected {bound} or more"
                raise InputError(msg)
        if not (self.rate > 0 and self.clip > 0 and 0 <= self.average < 1 and self.decay >= 0):
            msg = (
                f"rate = {self.rate}, clip = {self.clip}, average = {self.average}, decay = "
                f"{self.decay} in a recipe; expected rate and clip above 0, average in [0, 1), "
                "decay of 0 or more"
            )
            raise InputError(msg)
        if self.fall not in {"linear", "cosine"}:
            msg = f"fall = {self.fall!r} in a recipe; expected linear or cosine"
            raise InputError(msg)

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step: up in a line, level, down by the end."""
        warm = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        left = max(0.0, self.steps - step) / self.cooldown if self.cooldown else 1.0
        if self.fall == "cosine" and left < 1:
            left = 0.5 - 0.5 * math.cos(math.pi * left)
        return self.rate * warm * min(1.0, left + 0.01)
