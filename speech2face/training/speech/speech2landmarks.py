"""What training.loop needs to train Speech2Landmarks: `speech2face train speech2landmarks.toml`."""

import hashlib
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from speech2face.checkpoints import store
from speech2face.checkpoints.store import load, read_weights, write_weights
from speech2face.errors import InputError
from speech2face.models.mel import LogMel, MelConfig
from speech2face.models.speech2landmarks import (
    MOVING,
    Answer,
    Condition,
    Speech2LandmarksNetwork,
    mel_config,
)
from speech2face.stages.speech2landmarks import (
    SHIPPED,
    build_network,
    load_hearing,
    without_hearing,
)
from speech2face.training.speech.batches import Sampler
from speech2face.training.speech.corpora import (
    read_both,
    read_corpora,
    read_faces,
    split,
)
from speech2face.training.speech.data import Stretch
from speech2face.training.speech.heard import Heard, Pool
from speech2face.training.speech.losses import losses
from speech2face.training.speech.preview import compare, draw
from speech2face.training.speech.recipe import Recipe, read_recipe
from speech2face.training.speech.sync import load_network, sync_loss

__all__ = [
    "Recipe", "SpeechTask", "open_task", "read_corpora", "read_recipe", "ship",
    "split", "start_network",
]  # fmt: skip

FILE = "speech2landmarks.safetensors"
"""Name of the weight file."""
_SHOWN = 40
"""Held-out clips that a preview listens to, at most."""


class SpeechTask:
    """Speech2Landmarks and what it is asked for; a `Task` of `training.loop`."""

    def __init__(
        self,
        recipe: Recipe,
        corpora: dict[str, list[Stretch]],
        faces: Float[np.ndarray, "faces 70 3"],
        held_out: list[Stretch] | None = None,
        folder: Path | None = None,
    ) -> None:
        """Build the network and take the material.

        Args:
            recipe: Everything that decides the run.
            corpora: What is learnt from, by corpus; the statistics of a new network are the first
                one's.
            faces: Rest landmarks of people who say nothing, lent to those who do.
            held_out: What previews listen to; nothing is learnt from it.
            folder: Where the pool of heard examples goes; None: into memory alone.
        """
        torch.manual_seed(recipe.seed)
        self.recipe: Recipe = recipe
        self.network: Speech2LandmarksNetwork = start_network(recipe)
        if not recipe.start:
            _measure(self.network, corpora, faces)
        config = self.network.config
        self.mel: LogMel = LogMel(mel_config(config))
        # Not one of the modules: it judges, and does not learn. It hears more than is learnt from.
        self.sync = load_network() if recipe.losses.sync else None
        self.sync_mel = LogMel(MelConfig(bands=self.sync.config.bands)) if self.sync else None
        self.held_out: list[Stretch] = spread_over(held_out or [], _SHOWN)
        self.sampler: Sampler = Sampler(
            corpora, recipe.shares, faces, mel=mel_config(config), batch=recipe.batch,
            augment=recipe.augment, delay=config.delay, trust=recipe.trust,
        )  # fmt: skip

        facts = {
            name: getattr(recipe, name)
            for name in ("shares", "trust", "held_out_speakers", "held_out_every", "held_out_end")
        }
        facts |= {
            "hearing": asdict(config.hearing), "augment": asdict(recipe.augment),
            "weights": _digest(self.network.hearing),
            "stretches": {name: len(own) for name, own in corpora.items()},
        }  # fmt: skip
        self.pool: Pool = Pool(folder, facts, self.sampler, recipe.heard, recipe.seed)

    def modules(self) -> dict[str, nn.Module]:
        """Return the network."""
        return {"network": self.network}

    def losses(
        self, step: int, rng: np.random.Generator, device: torch.device
    ) -> dict[str, Tensor]:
        """Draw a batch from the pool, and compare the network's answer."""
        del step
        self.prepare()
        batch = self.pool.draw(rng, self.recipe.batch.size).to(device)
        answer, weights = self.answer(batch), self.recipe.losses
        parts = losses(answer, batch, self.network.offset_scale, weights)
        if self.sync is not None and self.sync_mel is not None:
            heard = self.sync_mel.to(device)(batch.samples)
            fits = sync_loss(self.sync.to(device), heard, answer.offsets, batch.weight)
            parts["sync"] = weights.sync * fits
        return parts

    def prepare(self) -> None:
        """Fill the pool; a new network's statistics of the features are the pool's."""
        if self.pool.filled:
            return
        self.pool.fill(self.network, self.mel)
        if not self.recipe.start:
            mean, scale = self.pool.statistics()
            self.network.feature_mean.copy_(mean)
            self.network.feature_scale.copy_(scale)

    def answer(self, batch: Heard) -> Answer:
        """Run the network over a batch and move its answers back by the delay."""
        neutral = batch.rest.new_zeros(len(batch.rest), 8)
        features = batch.features
        if self.network.training and self.recipe.noise:
            noise = self.recipe.noise * self.network.feature_scale
            features = features + noise * torch.randn_like(features)
        late = self.network.follow(batch.mel, features, Condition(batch.rest, neutral))[0]
        return Answer(*(values[:, self.network.config.delay :] for values in late))

    def preview(self, folder: Path) -> dict[str, float]:
        """Listen to held-out clips: figures for the log, and their openings as a picture."""
        if not self.held_out:
            return {}
        scores = compare(self.network, self.mel, self.held_out)
        draw(self.network, self.mel, spread_over(self.held_out, 8), folder / "opening.png")
        return scores

    def write(self, folder: Path) -> Path:
        """Write the weights with the network's sizes."""
        tensors = self.network.state_dict()
        if self.recipe.hearing == SHIPPED:
            tensors = without_hearing(tensors)
        write_weights(folder / FILE, tensors, asdict(self.network.config))
        return folder / FILE


def _digest(module: nn.Module) -> str:
    """Hash the weights of a module."""
    found = hashlib.sha256()
    for _, values in sorted(module.state_dict().items()):
        found.update(values.cpu().numpy().tobytes())
    return found.hexdigest()


def spread_over(stretches: list[Stretch], count: int) -> list[Stretch]:
    """Take up to `count` stretches, evenly from first to last by name."""
    ordered = sorted(stretches, key=lambda one: one.name)
    if len(ordered) <= count:
        return ordered
    return [ordered[int(i)] for i in np.linspace(0, len(ordered) - 1, count)]


def start_network(recipe: Recipe) -> Speech2LandmarksNetwork:
    """Build the network a recipe begins with: a new one, or one that has learnt already.

    Raises:
        InputError: The recipe freezes a part that the network does not have.
    """
    if recipe.start:
        shipped = recipe.start == SHIPPED
        tensors, sizes = load("speech2landmarks") if shipped else read_weights(Path(recipe.start))
        network = build_network(tensors, sizes, recipe.start)
    else:
        network = Speech2LandmarksNetwork(recipe.network)
        if recipe.hearing == SHIPPED:
            load_hearing(network)
    parts = dict(next(iter(network.lips)).named_children())
    for name in recipe.frozen:
        if name not in parts:
            msg = f"frozen = {name!r} in a recipe; expected some of {', '.join(parts)}"
            raise InputError(msg)
        for lips in network.lips:
            dict(lips.named_children())[name].requires_grad_(requires_grad=False)
    return network


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


def open_task(recipe: Recipe, prepared: Path) -> SpeechTask:
    """Read the prepared corpora that the recipe names, and build the task.

    Args:
        recipe: Everything that decides the run.
        prepared: Folder of the prepared corpora.
    """
    both = read_both(prepared, recipe)
    learnt = {name: own for name, (own, _) in both.items()}
    held_out = [one for _, away in both.values() for one in away]
    return SpeechTask(recipe, learnt, read_faces(prepared), held_out, prepared / "heard")


def ship(weights: Path, pretrained: Path) -> Path:
    """Enter weights that the loop wrote into a pretrained folder."""
    return store.ship(pretrained, "speech2landmarks", *read_weights(weights), row=_ROW)


_ROW = {
    "what": "Speech2Landmarks: sound to movements of lips and jaw, streaming, 240 ms look-ahead",
    "licence": "MIT",
    "trained_on": (
        "GRID audiovisual corpus (CC BY 4.0; Cooke, Barker, Cunningham, Shao 2006) labelled by "
        "MediaPipe's face landmarker (Apache-2.0); LibriSpeech (CC BY 4.0; Panayotov, Chen, Povey, "
        "Khudanpur 2015) with known phones; speech made by espeak-ng; rest faces of SFHQ-T2I "
        "portraits (MIT); hears by Whisper base (MIT, OpenAI)"
    ),
    "command": (
        "speech2face prepare --corpora DIR -o PREPARED; "
        "speech2face train speech2landmarks.toml --data PREPARED -o run"
    ),
}
