"""The fast generator as a task of `training.loop`: what it learns from, and what previews show."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from speech2face.checkpoints.networks import build
from speech2face.checkpoints.store import load, read_weights, write_weights
from speech2face.errors import InputError
from speech2face.generators.fast.network import FastConfig, FastFrames, FastGenerator
from speech2face.synthesis.pairs import IdentityFrames
from speech2face.training.fast.losses import FastLosses, importance, losses
from speech2face.training.fast.pairs import PairBatch, PairSampler, whole
from speech2face.training.fast.perceptual import PerceptualDistance
from speech2face.training.loop.config import LoopConfig

FILE = "fast.safetensors"
"""Name of the weight file."""
_SHOWN = 4
"""Held-out identities of each kind whose pictures a preview shows."""
_SCORED = 3
"""Driving frames of each held-out identity."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A stretch of the training with pictures of one size."""

    until: float = 1.0
    """Share of the steps at which it ends."""
    side: int = 128
    """Of the pictures, in pixels."""
    batch: int = 8
    close: int = 0
    """Side of the pictures of every other step, which look closely at mouths and eyes; 0: none."""
    close_batch: int = 8


@dataclass(frozen=True, kw_only=True)
class FastRecipe(LoopConfig):
    """A training run of the fast generator; the loop's part stands in the same table."""

    rate: float = 5e-4
    decay: float = 0.01
    start: str = ""
    """Weights to begin with: "shipped", the path of a weight file, or none."""
    shares: dict[str, float] = field(
        default_factory=lambda: {"grid": 0.35, "portraits": 0.25, "heads": 0.4}
    )
    """How often a pair is drawn from each kind of identities."""
    phases: tuple[Phase, ...] = (Phase(),)
    scored: int = 12
    """Held-out identities of each kind that previews score, at most."""
    network: FastConfig = field(default_factory=FastConfig)
    losses: FastLosses = field(default_factory=FastLosses)
    adversarial: float = 0.0
    """Weight of a discriminator's losses; 0: there is none."""
    workers: int = 0
    """Threads that draw the batches of coming steps; 0: each is drawn when it is wanted."""

    def phase_at(self, step: int) -> Phase:
        """Return the phase that a step belongs to."""
        for phase in self.phases:
            if step < phase.until * self.steps:
                return phase
        return self.phases[-1]


class FastTask:
    """The fast generator and what it is asked for; a `Task` of `training.loop`."""

    def __init__(
        self,
        recipe: FastRecipe,
        identities: Sequence[IdentityFrames],
        held_out: Sequence[IdentityFrames] = (),
    ) -> None:
        """Build the network and take the material.

        Args:
            recipe: Everything that decides the run.
            identities: What is learnt from.
            held_out: What previews show and score; nothing is learnt from it.

        Raises:
            InputError: There is nothing to learn from.
        """
        torch.manual_seed(recipe.seed)
        if not any(recipe.shares.get(one.kind, 0) > 0 for one in identities):
            msg = (
                f"none of {len(identities)} identities is of a kind that the recipe draws from; "
                f"expected one of {', '.join(recipe.shares)}; run speech2face synthesize"
            )
            raise InputError(msg)
        self.recipe: FastRecipe = recipe
        self.network: FastGenerator = start_network(recipe)
        self.sampler: PairSampler = PairSampler(identities, recipe.shares)
        self.held_out: Sequence[IdentityFrames] = held_out
        self._pool: ThreadPoolExecutor | None = None
        self._ahead: dict[int, Future[PairBatch]] = {}
        self.perceptual: PerceptualDistance | None = (
            PerceptualDistance() if recipe.losses.perceptual > 0 else None
        )

    def modules(self) -> dict[str, nn.Module]:
        """Return the network."""
        return {"generator": self.network}

    def losses(
        self, step: int, rng: np.random.Generator, device: torch.device
    ) -> dict[str, Tensor]:
        """Draw a batch of pairs and compare the network's pictures."""
        return self.compare(step, rng, device)[2]

    def compare(
        self, step: int, rng: np.random.Generator, device: torch.device
    ) -> tuple[PairBatch, FastFrames, dict[str, Tensor]]:
        """Draw a step's batch, and give it with the network's pictures and the losses."""
        batch = self._batch(step, rng).to(device)
        made = draw(self.network, batch)
        weight = importance(
            batch.driving_keypoints, batch.driving.shape[2:], self.recipe.losses.features
        )
        found = losses(made, batch, self.recipe.losses, weight)
        if self.perceptual is not None:
            share = self.recipe.losses.perceptual
            found["perceptual"] = share * self.perceptual.to(device)(made.image, batch.driving)
        return batch, made, found

    def _batch(self, step: int, rng: np.random.Generator) -> PairBatch:
        """Draw a step's batch, or fetch it from the threads that draw ahead."""
        if self.recipe.workers == 0:
            return self._draw(step, rng)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.recipe.workers)
        state = rng.bit_generator.seed_seq.entropy  # pyright: ignore[reportAttributeAccessIssue]
        seed, _, *rest = state
        for coming in range(step, step + 2 * self.recipe.workers):
            if coming not in self._ahead:
                # Just as the loop would seed it, so that threads change nothing.
                own = np.random.default_rng((seed, coming, *rest))
                self._ahead[coming] = self._pool.submit(self._draw, coming, own)
        return self._ahead.pop(step).result()

    def _draw(self, step: int, rng: np.random.Generator) -> PairBatch:
        phase = self.recipe.phase_at(step)
        if phase.close and step % 2:
            return self.sampler.draw(rng, phase.close_batch, phase.close, close=True)
        return self.sampler.draw(rng, phase.batch, phase.side)

    @torch.no_grad()
    def preview(self, folder: Path) -> dict[str, float]:
        """Draw held-out identities: a sheet, and mean absolute differences by kind."""
        device = next(self.network.parameters()).device
        figures: dict[str, list[float]] = {}
        sheets: dict[str, list[np.ndarray]] = {}
        for one in self.held_out:
            batch = whole(one, 0, _spread(len(one.frames), _SCORED)).to(device)
            made = draw(self.network, batch)
            shown = {"still": batch.source, "warped": self._prior(batch), "drawn": made.image}
            for row, picture in shown.items():
                error = (picture - batch.driving).abs().mean()
                figures.setdefault(f"{one.kind} {row}", []).append(float(error))
            rows = sheets.setdefault(one.kind, [])
            if len(rows) < _SHOWN:
                seen = functional.interpolate(made.seen, size=batch.source.shape[2:])
                seen = seen.expand(-1, 3, -1, -1)
                parts = (batch.source, batch.driving, shown["warped"], made.image, seen)
                rows.append(_side_by_side([part[-1] for part in parts]))
        for kind, rows in sheets.items():
            cv2.imwrite(str(folder / f"{kind}.png"), np.concatenate(rows)[..., ::-1])
        return {name: float(np.mean(values)) for name, values in figures.items()}

    def _prior(self, batch: PairBatch) -> Tensor:
        """Draw what keypoints alone give: an untrained network's picture."""
        least = replace(
            self.recipe.network, half=1, quarter=1, eighth=1, shown=1, motion=(1, 1, 1),
            decoder=(1, 1),
        )  # fmt: skip
        return draw(FastGenerator(least).to(batch.source.device), batch).image

    def write(self, folder: Path) -> Path:
        """Write the weights with the network's sizes."""
        write_weights(folder / FILE, self.network.state_dict(), asdict(self.network.config))
        return folder / FILE


def draw(network: FastGenerator, batch: PairBatch) -> FastFrames:
    """Draw a batch's driving pictures from its sources."""
    state = network.encode(batch.source, batch.source_keypoints, batch.border)
    return network.frames(state, batch.driving_keypoints)


def start_network(recipe: FastRecipe) -> FastGenerator:
    """Build the network a recipe begins with: a new one, or one that has learnt already."""
    if not recipe.start:
        network = FastGenerator(recipe.network)
    else:
        found = load("fast") if recipe.start == "shipped" else read_weights(Path(recipe.start))
        network = build(FastGenerator, FastConfig, found, f"the weights {recipe.start}")
    return network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def _spread(frames: int, count: int) -> list[int]:
    return sorted({int(i) for i in np.linspace(1, frames - 1, min(count, frames - 1))})


def _side_by_side(pictures: Sequence[Tensor]) -> np.ndarray:
    row = torch.cat([picture.clamp(0, 1).cpu() for picture in pictures], 2)
    return (row.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
