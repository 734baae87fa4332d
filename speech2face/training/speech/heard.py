"""A pool of examples that have been heard already.

The hearing is frozen, and hearing costs far more than learning to move lips. So examples are drawn
and heard once, written in shards, and drawn from the pool many times. A pool that was interrupted
goes on where it stopped; one of another recipe lies in another folder.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from rich.console import Console
from rich.progress import track
from torch import Tensor

from speech2face.models.mel import LogMel, log_of_power
from speech2face.models.speech2landmarks import Speech2LandmarksNetwork
from speech2face.training.speech.batches import Batch, Sampler

_SHARD = 16
"""Examples in a file."""
_SEED = 7_368_787
"""Keeps the seeds of pools apart from those of steps."""
_SIXTEEN = 32767


class Heard(NamedTuple):
    """Examples of equal length with what the hearing said about them."""

    mel: Float[Tensor, "batch mels bands"]
    features: Float[Tensor, "batch positions width"]
    samples: Float[Tensor, "batch samples"]
    offsets: Float[Tensor, "batch frames 70 3"]
    rest: Float[Tensor, "batch 70 3"]
    speech: Float[Tensor, "batch frames"]
    phones: Float[Tensor, "batch frames"]
    weight: Float[Tensor, "batch frames"]

    def to(self, device: torch.device) -> "Heard":
        """Bring everything to a device."""
        return Heard(*(values.to(device) for values in self))


@torch.inference_mode()
def hear(network: Speech2LandmarksNetwork, mel: LogMel, batch: Batch) -> Heard:
    """Hear a batch as the network would while it speaks."""
    spectrum = log_of_power(mel.power(batch.samples), batch.filters)
    features = network.hear(spectrum)[0]
    return Heard(
        spectrum, features, batch.samples, batch.offsets, batch.rest, batch.speech, batch.phones,
        batch.weight,
    )  # fmt: skip


class Pool:
    """Examples that were heard, in shards on disc or in memory alone."""

    def __init__(
        self, folder: Path | None, facts: dict[str, Any], sampler: Sampler, count: int, seed: int
    ) -> None:
        """Choose the folder of the pool.

        Args:
            folder: Holds the pools of a prepared folder, one a recipe; None: nothing is written.
            facts: All that decides the examples; a change makes another pool.
            sampler: Draws them.
            count: How many there are at least.
            seed: Decides them.
        """
        facts = {**facts, "count": count, "seed": seed, "batch": asdict(sampler.batch)}
        text = json.dumps(facts, sort_keys=True, default=str)
        name = hashlib.sha256(text.encode()).hexdigest()[:12]
        self.folder: Path | None = None if folder is None else folder / name
        self._facts: str = text
        self._sampler: Sampler = sampler
        self._shards: int = -(-count // _SHARD)
        self._seed: int = seed
        self._held: list[dict[str, np.ndarray]] = []

    def fill(self, network: Speech2LandmarksNetwork, mel: LogMel) -> None:
        """Read the shards, and draw and hear those that are not there yet."""
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "recipe.json").write_text(self._facts + "\n", encoding="utf-8")
        numbers, console = range(self._shards), Console(stderr=True)
        self._held = [
            self._shard(number, network, mel)
            for number in track(numbers, "hear", console=console, disable=not console.is_terminal)
        ]

    def _shard(
        self, number: int, network: Speech2LandmarksNetwork, mel: LogMel
    ) -> dict[str, np.ndarray]:
        path = None if self.folder is None else self.folder / f"{number:04d}.npz"
        if path is not None and path.is_file():
            with np.load(path) as stored:
                return {name: stored[name] for name in Heard._fields}
        rng = np.random.default_rng((_SEED, self._seed, number))
        heard = hear(network, mel, self._sampler.draw(rng, _SHARD))
        shard = {name: _small(name, values) for name, values in heard._asdict().items()}
        if path is not None:
            partial = path.with_suffix(".part.npz")
            np.savez(partial, **shard)  # pyright: ignore[reportArgumentType]
            partial.replace(path)
        return shard

    @property
    def filled(self) -> bool:
        """Whether the examples have been read."""
        return bool(self._held)

    def draw(self, rng: np.random.Generator, count: int) -> Heard:
        """Draw examples, none twice."""
        total = self._shards * _SHARD
        chosen = rng.choice(total, count, replace=count > total)
        return Heard(*(
            torch.from_numpy(np.stack([self._one(name, int(i)) for i in chosen])).float()
            for name in Heard._fields
        ))  # fmt: skip

    def statistics(self) -> tuple[Float[Tensor, " width"], Float[Tensor, " width"]]:
        """Measure mean and standard deviation of the features."""
        features = np.concatenate([
            shard["features"].reshape(-1, shard["features"].shape[-1]).astype(np.float32)
            for shard in self._held[:20]
        ])  # fmt: skip
        return torch.from_numpy(features.mean(0)), torch.from_numpy(features.std(0) + 1e-3)

    def _one(self, name: str, index: int) -> np.ndarray:
        values = self._held[index // _SHARD][name][index % _SHARD]
        return values.astype(np.float32) / _SIXTEEN if name == "samples" else values


def _small(name: str, values: Tensor) -> np.ndarray:
    array = values.numpy()
    if name == "samples":
        return np.round(np.clip(array, -1, 1) * _SIXTEEN).astype(np.int16)
    return array.astype(np.int8 if name in {"speech", "phones"} else np.float16)
