"""Train the face tracker: `python -m speech2face.training.tracker train --data DIR --work DIR`.

The first run lets the face-mesh teacher label the data (`tracker_labels`); then the three networks
learn together from augmented cuts (`tracker_data`). A run goes on where the last one stopped.
`evaluate` measures a weight file on people that training never saw (`tracker_evaluate`).
"""

import argparse
import copy
import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from speech2face.checkpoints.store import register, write_weights
from speech2face.face.regions import MOUTH_POINTS
from speech2face.face.teacher import TASK
from speech2face.landmarks import (
    LEFT_IRIS,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LOWER_LIP_INNER,
    LOWER_LIP_OUTER,
    RIGHT_IRIS,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    UPPER_LIP_INNER,
    UPPER_LIP_OUTER,
)
from speech2face.models.tracker import ShapeRegressor, TrackerNetwork
from speech2face.training.tracker_animate import animate_portraits, animated_samples
from speech2face.training.tracker_data import Batch, TrackerData
from speech2face.training.tracker_evaluate import evaluate
from speech2face.training.tracker_labels import (
    Sample,
    clip_samples,
    label_folder,
    portrait_samples,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class TrackerRecipe:
    """How the tracker is trained."""

    steps: int = 10000
    """Optimizer steps in all, those of earlier runs included."""
    cooldown: float = 0.3
    """Share of the steps, at the end, in which the learning rate falls to zero."""
    learning_rate: float = 1.2e-3
    weight_decay: float = 0.02
    faces: int = 16
    mouths: int = 14
    eyes: int = 20
    """Cuts a step."""
    animated: int = 110
    """Portraits that are animated."""
    clip_frames: int = 400
    """Frames a speaker taken from the clips."""
    shapes: int = 1500
    """Shapes of each part whose principal components the networks start with."""
    average: float = 0.998
    """Decay of the moving average of the weights; the average is what ships."""
    save_every: float = 180.0
    """Seconds between checkpoints."""
    bfloat16: bool = True
    """Convolve in bfloat16: 1.6 times as fast where the CPU has AVX-512 BF16, slow without."""
    seed: int = 1


def load_samples(data: Path, work: Path, recipe: TrackerRecipe) -> list[Sample]:
    """Label what has no labels yet and read everything that training may see."""
    labels = work / "labels"
    label_folder(data, labels, data / TASK)
    portraits = portrait_samples(data, labels, held_out=False)
    animate_portraits(portraits, labels, data / TASK, recipe.animated)
    clips = clip_samples(data, labels, frames=recipe.clip_frames, held_out=False)
    return portraits + animated_samples(labels) + clips


class TrackerTraining:
    """One training run: the networks, their moving average, the optimizer, and the step."""

    def __init__(
        self, samples: list[Sample], recipe: TrackerRecipe, network: TrackerNetwork | None = None
    ) -> None:
        """Start with shapes from the samples and random features.

        Args:
            samples: What may be seen.
            recipe: How to train.
            network: Of other sizes than the shipped ones.
        """
        self.recipe = recipe
        self.step = 0
        torch.manual_seed(recipe.seed)
        self.data = TrackerData(samples, np.random.default_rng(recipe.seed))
        network = network or TrackerNetwork()
        # torch's types do not know that a memory format may stand alone.
        self.network: TrackerNetwork = network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        for name, part in self.network.parts().items():
            part.set_shapes(*self._shapes(name, part))
        self.averaged = copy.deepcopy(self.network)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self._weights = {name: _point_weights(name) for name in self.network.parts()}

    def _shapes(self, name: str, part: ShapeRegressor) -> tuple[Tensor, Tensor]:
        """Compute the mean and the principal components of a part's shapes."""
        drawn = self.data.batch(name, part.config, self.recipe.shapes)
        shapes = drawn.points[drawn.unit > 0]
        mean = shapes.mean(0)
        flat = (shapes - mean).flatten(1)
        _, singular, axes = torch.linalg.svd(flat, full_matrices=False)
        count = part.config.modes
        scaled = axes[:count] * (singular[:count] / len(flat) ** 0.5)[:, None]
        return mean, scaled.reshape(-1, *mean.shape)

    def learning_rate(self) -> float:
        """Give this step's rate: warm up, hold, fall to zero."""
        recipe = self.recipe
        warm = min(1.0, (self.step + 1) / 200)
        left = (recipe.steps - self.step) / (recipe.cooldown * recipe.steps)
        return recipe.learning_rate * warm * min(1.0, max(left, 0.0))

    def advance(self) -> dict[str, float]:
        """Make one step.

        Returns:
            The loss of each part; for the meshes about the mean error over the outer-eye distance.
        """
        counts = {"face": self.recipe.faces, "mouth": self.recipe.mouths, "eye": self.recipe.eyes}
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self.network.train()
        # Every step has its own seed: a run that was stopped goes on with the same batches.
        self.data.reseed(self.recipe.seed, self.step)
        losses = {}
        for name, part in self.network.parts().items():
            batch = self.data.batch(name, part.config, counts[name])
            with torch.autocast("cpu", torch.bfloat16, enabled=self.recipe.bfloat16):
                loss = part_loss(part, batch, self._weights[name])
            loss.backward()
            losses[name] = float(loss.detach())
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._update_average()
        self.step += 1
        return losses

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        for mean, value in zip(
            self.averaged.state_dict().values(), self.network.state_dict().values(), strict=True
        ):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)

    def save(self, path: Path) -> None:
        """Write everything that `load` needs to go on."""
        state = {
            "step": self.step,
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Go on where `save` was called."""
        state = torch.load(path, weights_only=True)
        self.step = state["step"]
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])


def part_loss(
    part: ShapeRegressor, batch: Batch, weights: Float[Tensor, " points"]
) -> Float[Tensor, ""]:
    """Measure a part: weighted mean distance over the outer-eye distance, and the score."""
    points, score = part(batch.images)
    face = batch.unit > 0
    error = (points - batch.points).abs().sum(-1)[face] / batch.unit[face, None]
    loss = (error * weights).mean()
    if part.score is not None:
        loss = loss + 0.05 * nn.functional.binary_cross_entropy_with_logits(score, face.float())
    return loss


def _point_weights(part: str) -> Float[Tensor, " points"]:
    """Weigh the points: contours that the picture is cut along count more. The mean is 1."""
    contours = np.concatenate([
        UPPER_LIP_INNER, LOWER_LIP_INNER, UPPER_LIP_OUTER, LOWER_LIP_OUTER, LEFT_UPPER_LID,
        LEFT_LOWER_LID, RIGHT_UPPER_LID, RIGHT_LOWER_LID, LEFT_IRIS, RIGHT_IRIS,
    ])  # fmt: skip
    if part == "face":
        weights = torch.ones(478)
        weights[torch.from_numpy(contours)] = 2
    elif part == "mouth":
        weights = torch.from_numpy(np.isin(MOUTH_POINTS, contours).astype(np.float32)) + 0.5
    else:
        # Edge of the lids, ring around it, iris: the order of LEFT_EYE_POINTS.
        weights = torch.tensor([1.5] * 16 + [0.5] * 16 + [1.0] * 5)
    return weights / weights.mean()


def train(training: TrackerTraining, work: Path) -> TrackerNetwork:
    """Train, from the checkpoint in `work` if there is one; give the averaged networks."""
    recipe = training.recipe
    checkpoint = work / "checkpoint.pt"
    if checkpoint.exists():
        training.load(checkpoint)
    saved = time.monotonic()
    running: dict[str, float] = {}
    while training.step < recipe.steps:
        losses = training.advance()
        running = {
            name: 0.98 * running.get(name, loss) + 0.02 * loss for name, loss in losses.items()
        }
        if training.step % 50 == 0:
            shown = "  ".join(f"{name} {loss:.4f}" for name, loss in running.items())
            _log.info("step %d of %d  %s", training.step, recipe.steps, shown)
        if time.monotonic() - saved > recipe.save_every:
            training.save(checkpoint)
            saved = time.monotonic()
    training.save(checkpoint)
    return training.averaged


def export(network: TrackerNetwork, folder: Path, command: str) -> None:
    """Write the weights, halved in precision, and enter them into the manifest."""
    tensors = {
        name: value.half() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    config: dict[str, object] = {
        name: asdict(part.config) for name, part in network.parts().items()
    }
    config["pixel_centres"] = True
    write_weights(folder / "tracker.safetensors", tensors, config)
    row = {
        "file": "tracker.safetensors",
        "what": "Face tracker: 478-point mesh, lips, lids and irises from a cut of a face",
        "licence": "MIT",
        "trained_on": "SFHQ-T2I portraits (MIT) and GRID video (CC BY 4.0), labelled by "
        "MediaPipe's face landmarker (Apache-2.0)",
        "command": command,
    }
    register(folder, "tracker", row)


def main(arguments: list[str] | None = None) -> None:
    """Run `train`, `export` or `evaluate` from a shell."""
    parser = argparse.ArgumentParser(prog="python -m speech2face.training.tracker")
    parser.add_argument("action", choices=["train", "export", "evaluate"])
    parser.add_argument("--data", type=Path, required=True, help="folder with portraits/ and grid/")
    parser.add_argument("--work", type=Path, required=True, help="labels and checkpoints")
    parser.add_argument("--output", type=Path, default=Path("pretrained"))
    parser.add_argument("--steps", type=int, default=TrackerRecipe.steps)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bfloat16", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    recipe = TrackerRecipe(steps=options.steps, bfloat16=options.bfloat16)
    if options.action == "evaluate":
        print(evaluate(options.data, options.work / "labels", options.data / TASK))  # noqa: T201 - the result
        return
    if options.action == "train":
        samples = load_samples(options.data, options.work, recipe)
        network = train(TrackerTraining(samples, recipe), options.work)
    else:
        network = TrackerNetwork()
        state = torch.load(options.work / "checkpoint.pt", weights_only=True)
        network.load_state_dict(state["averaged"])
    made_by = "python -m speech2face.training.tracker train --data DIR --work DIR"
    export(network, options.output, f"{made_by} --steps {options.steps}")


if __name__ == "__main__":
    main()
