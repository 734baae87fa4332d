"""Train Speech2Landmarks: `python -m speech2face.training.speech2landmarks RECIPE.toml --data DIR`.

One command goes from the corpora to the weights: it prepares what is not yet prepared (tracking
with the face-mesh teacher), trains, and writes safetensors. It resumes from its last checkpoint; a
resumed run draws the same batches as an uninterrupted one.
"""

import argparse
import json
import logging
import time
import tomllib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from speech2face.checkpoints.store import read_weights, register, write_weights
from speech2face.errors import InputError
from speech2face.models.mel import LogMel, log_of_power
from speech2face.models.speech2landmarks import (
    MOVING,
    Answer,
    Condition,
    Speech2LandmarksConfig,
    Speech2LandmarksNetwork,
    mel_config,
)
from speech2face.training.speech_augment import AugmentConfig
from speech2face.training.speech_batches import Batch, BatchConfig, Sampler
from speech2face.training.speech_data import Stretch, prepare, prepare_faces, read_stretch
from speech2face.training.speech_losses import Losses, losses
from speech2face.training.synthetic_speech import name_grid_phones, prepare_synthetic

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides a training run."""

    steps: int = 2800
    rate: float = 1.4e-3
    warmup: int = 200
    cooldown: int = 1000
    """Steps at the end in which the learning rate falls to 1 %."""
    decay: float = 0.02
    """Weight decay of AdamW."""
    average: float = 0.999
    """The shipped weights are a running mean with this memory."""
    seed: int = 0
    held_out_speakers: tuple[str, ...] = ("grid-s31", "grid-s32")
    held_out_every: dict[str, int] = field(default_factory=lambda: {"grid-s1": 10})
    """Of these speakers every n-th clip is held out, from the first on."""
    shares: dict[str, float] = field(
        default_factory=lambda: {"grid": 0.72, "facegood": 0.1, "synthetic": 0.18}
    )
    joins: dict[str, int] = field(default_factory=lambda: {"synthetic": 1000})
    """Step from which a corpus is drawn; real lips come first."""
    trust: dict[str, float] = field(default_factory=lambda: {"synthetic": 0.5})
    """What the movements of a corpus weigh in the loss; 1 where nothing is said."""
    network: Speech2LandmarksConfig = field(default_factory=Speech2LandmarksConfig)
    batch: BatchConfig = field(default_factory=BatchConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    losses: Losses = field(default_factory=Losses)


_PARTS = {
    "network": Speech2LandmarksConfig,
    "batch": BatchConfig,
    "augment": AugmentConfig,
    "losses": Losses,
}


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        InputError: It is not TOML or it has a key that a recipe does not have.
    """
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        parts = {name: kind(**values.pop(name, {})) for name, kind in _PARTS.items()}
        values["held_out_speakers"] = tuple(
            values.get("held_out_speakers", ("grid-s31", "grid-s32"))
        )
        return Recipe(**values, **parts)
    except (OSError, tomllib.TOMLDecodeError, TypeError) as error:
        msg = f"{path} is not a recipe for Speech2Landmarks ({error}); see training/recipes"
        raise InputError(msg) from error


def split(recipe: Recipe, stretches: list[Stretch]) -> tuple[list[Stretch], list[Stretch]]:
    """Part a corpus into what is learnt from and what is held out."""
    held: set[str] = set()
    for speaker, every in recipe.held_out_every.items():
        names = sorted(one.name for one in stretches if one.speaker == speaker)
        held.update(names[::every])
    apart = [one.speaker in recipe.held_out_speakers or one.name in held for one in stretches]
    learnt = [one for one, away in zip(stretches, apart, strict=True) if not away]
    return learnt, [one for one, away in zip(stretches, apart, strict=True) if away]


def read_corpora(prepared: Path, recipe: Recipe) -> dict[str, list[Stretch]]:
    """Read what is learnt from, by corpus.

    Raises:
        InputError: A corpus of the recipe is not prepared.
    """
    corpora = {}
    for name in recipe.shares:
        paths = sorted((prepared / name).glob("*.npz"))
        if not paths:
            msg = f"{prepared / name} holds no prepared speech; prepare it, or give it no share"
            raise InputError(msg)
        corpora[name] = split(recipe, [read_stretch(path) for path in paths])[0]
    return corpora


class Trainer:
    """A run: network, optimiser, running mean, and the step it has come to."""

    def __init__(
        self, recipe: Recipe, corpora: dict[str, list[Stretch]], faces: np.ndarray
    ) -> None:
        """Build everything from the recipe's seed."""
        torch.manual_seed(recipe.seed)
        self.recipe: Recipe = recipe
        self.network: Speech2LandmarksNetwork = Speech2LandmarksNetwork(recipe.network)
        self.mel: LogMel = LogMel(mel_config(recipe.network))
        _measure(self.network, corpora, faces)
        self.sampler: Sampler = Sampler(
            corpora, recipe.shares, faces, mel=mel_config(recipe.network), batch=recipe.batch,
            augment=recipe.augment, delay=recipe.network.delay, trust=recipe.trust,
        )  # fmt: skip
        self.optimizer: torch.optim.AdamW = torch.optim.AdamW(
            self.network.parameters(), recipe.rate, weight_decay=recipe.decay
        )
        self.average: dict[str, Tensor] = {
            name: value.detach().clone() for name, value in self.network.state_dict().items()
        }
        self.step: int = 0

    def train_step(self) -> dict[str, float]:
        """Learn from one batch; the step's number decides which."""
        rng = np.random.default_rng((self.recipe.seed, self.step))
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.step)
        joins = self.recipe.joins
        shares = {
            name: share
            for name, share in self.recipe.shares.items()
            if joins.get(name, 0) <= self.step
        }
        self.sampler.join(shares)
        batch = self.sampler.draw(rng)
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        self.network.train()
        parts = losses(self.answer(batch), batch, self.network.offset_scale, self.recipe.losses)
        self.optimizer.zero_grad()
        sum(parts.values(), torch.zeros(())).backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        keep = min(self.recipe.average, self.step / (self.step + 10))
        for name, value in self.network.state_dict().items():
            self.average[name].lerp_(value, 1 - keep)
        return {name: part.item() for name, part in parts.items()}

    def answer(self, batch: Batch) -> Answer:
        """Run the network over a batch and move its answers back by the delay."""
        mel = log_of_power(self.mel.power(batch.samples), batch.filters)
        neutral = batch.rest.new_zeros(len(batch.rest), 8)
        late = self.network(mel, Condition(batch.rest, neutral))[0]
        return Answer(*(values[:, self.recipe.network.delay :] for values in late))

    def _rate(self) -> float:
        warm = min(1.0, (self.step + 1) / self.recipe.warmup)
        left = max(0.0, self.recipe.steps - self.step)
        return self.recipe.rate * warm * min(1.0, left / self.recipe.cooldown + 0.01)

    def averaged(self) -> Speech2LandmarksNetwork:
        """Give the network with the running mean of its weights, ready for use."""
        network = Speech2LandmarksNetwork(self.recipe.network)
        network.load_state_dict(self.average)
        return network.eval()

    def save(self, path: Path) -> None:
        """Write a checkpoint from which the run resumes."""
        partial = path.with_suffix(".part")
        state = {
            "network": self.network.state_dict(), "optimizer": self.optimizer.state_dict(),
            "average": self.average, "step": self.step,
        }  # fmt: skip
        torch.save(state, partial)
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Resume from a checkpoint."""
        state = torch.load(path, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average, self.step = state["average"], state["step"]


def _measure(
    network: Speech2LandmarksNetwork, corpora: dict[str, list[Stretch]], faces: np.ndarray
) -> None:
    """Put the statistics of the material into the network's buffers."""
    moving = list(MOVING)
    real = next(iter(corpora.values()))
    moves = np.concatenate([one.offsets[:, moving].reshape(len(one), -1) for one in real])
    scale = np.maximum(moves.std(0), 0.01)
    shapes = faces[:, moving].reshape(len(faces), -1)
    network.offset_scale.copy_(torch.from_numpy(scale.astype(np.float32)))
    network.rest_mean.copy_(torch.from_numpy(shapes.mean(0)))
    network.rest_scale.copy_(torch.from_numpy(np.maximum(shapes.std(0), 0.02)))


def train(recipe: Recipe, prepared: Path, out: Path, *, every: int = 200) -> Path:
    """Train to the recipe's last step, resuming where a run was left.

    Args:
        recipe: Everything that decides the run.
        prepared: Folder of the prepared corpora and `faces.npy`.
        out: Folder for checkpoint, log and weights.
        every: Steps between two checkpoints.

    Returns:
        The weight file.
    """
    out.mkdir(parents=True, exist_ok=True)
    corpora = read_corpora(prepared, recipe)
    trainer = Trainer(recipe, corpora, np.load(prepared / "faces.npy"))
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists():
        trainer.load(checkpoint)
    started, sums = time.monotonic(), dict.fromkeys((part.name for part in fields(Losses)), 0.0)
    while trainer.step < recipe.steps:
        for name, value in trainer.train_step().items():
            sums[name] += value / every
        if trainer.step % every == 0 or trainer.step == recipe.steps:
            row = {"step": trainer.step, "seconds": time.monotonic() - started, **sums}
            with (out / "log.jsonl").open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(row) + "\n")
            log.info(" ".join(f"{name} {value:.4g}" for name, value in row.items()))
            sums = dict.fromkeys(sums, 0.0)
            trainer.save(checkpoint)
            write(trainer, out / "speech2landmarks.safetensors")
    return out / "speech2landmarks.safetensors"


def write(trainer: Trainer, path: Path) -> None:
    """Write the averaged network as it ships."""
    network = trainer.averaged()
    write_weights(path, network.state_dict(), asdict(trainer.recipe.network))


def prepare_all(data: Path, prepared: Path, recipe: Recipe) -> None:
    """Prepare every corpus; held-out people say nothing about how much synthetic lips move."""
    prepare(data, prepared)
    name_grid_phones(prepared, data / "grid")
    grid = [read_stretch(path) for path in sorted((prepared / "grid").glob("*.npz"))]
    prepare_synthetic(prepared, split(recipe, grid)[0])
    # Last, because its presence says that all is prepared.
    prepare_faces(data, prepared)


def ship(weights: Path, pretrained: Path) -> Path:
    """Enter trained weights into the pretrained folder, as half floats: half the bytes.

    Args:
        weights: What `train` wrote.
        pretrained: Folder of the shipped files.

    Returns:
        The shipped file.
    """
    tensors, config = read_weights(weights)
    file = pretrained / "speech2landmarks.safetensors"
    write_weights(file, {name: value.half() for name, value in tensors.items()}, config)
    register(pretrained, "speech2landmarks", _ROW | {"file": file.name})
    return file


_ROW = {
    "what": "Speech2Landmarks: sound to movements of lips and jaw, streaming, 200 ms look-ahead",
    "licence": "MIT",
    "trained_on": (
        "GRID audiovisual corpus (CC BY 4.0; Cooke, Barker, Cunningham, Shao 2006) labelled by "
        "MediaPipe's face landmarker (Apache-2.0); FACEGOOD Audio2Face (MIT); speech made by "
        "espeak-ng; rest faces of SFHQ-T2I portraits (MIT)"
    ),
    "command": (
        "python -m speech2face.training.speech2landmarks "
        "speech2face/training/recipes/speech2landmarks.toml --data DIR --prepared DIR --out DIR"
    ),
}


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="Train Speech2Landmarks.")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, help="the corpora; prepared where they are not yet")
    parser.add_argument("--prepared", type=Path, required=True, help="folder of prepared corpora")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint and weights")
    parser.add_argument("--ship", type=Path, help="enter the weights into this pretrained folder")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(options.threads)
    recipe = read_recipe(options.recipe)
    if options.data is not None and not (options.prepared / "faces.npy").exists():
        prepare_all(options.data, options.prepared, recipe)
    weights = train(recipe, options.prepared, options.out)
    if options.ship is not None:
        ship(weights, options.ship)


if __name__ == "__main__":
    main()
