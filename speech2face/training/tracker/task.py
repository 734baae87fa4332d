"""The face tracker's training: `speech2face train tracker.toml --data DATA -o RUN`.

The first run lets the face-mesh teacher label the data (`labels`); then the three networks
learn together from augmented cuts (`data`). A run goes on where the last one stopped.
`speech2face evaluate tracker` measures on people that training never saw.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from speech2face import landmarks
from speech2face.checkpoints import store
from speech2face.checkpoints.store import read_weights, write_weights
from speech2face.face.regions import MOUTH_POINTS
from speech2face.face.teacher import TASK
from speech2face.models.tracker import ShapeRegressor, TrackerNetwork
from speech2face.training.loop.config import LoopConfig
from speech2face.training.tracker.animate import animate_portraits, animated_samples
from speech2face.training.tracker.data import Batch, TrackerData
from speech2face.training.tracker.labels import (
    Sample,
    clip_samples,
    label_folder,
    portrait_samples,
)

FILE = "tracker.safetensors"
"""Name of the weight file."""


@dataclass(frozen=True, kw_only=True)
class TrackerRecipe(LoopConfig):
    """How the tracker is trained; the loop's part stands beside what is its own."""

    steps: int = 10000
    rate: float = 1.2e-3
    warmup: int = 200
    cooldown: int = 3000
    decay: float = 0.02
    average: float = 0.998
    every: int = 100
    seed: int = 1
    bfloat16: tuple[str, ...] = ("cpu",)
    """1.6 times as fast where the CPU has AVX-512 BF16, slow without."""
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


def load_samples(data: Path, work: Path, recipe: TrackerRecipe) -> list[Sample]:
    """Label what has no labels yet and read everything that training may see."""
    labels = work / "labels"
    label_folder(data, labels, data / TASK)
    portraits = portrait_samples(data, labels, held_out=False)
    animate_portraits(portraits, labels, data / TASK, recipe.animated)
    clips = clip_samples(data, labels, frames=recipe.clip_frames, held_out=False)
    return portraits + animated_samples(labels) + clips


class TrackerTask:
    """The three networks and what they are asked for; a `Task` of `training.loop`."""

    def __init__(
        self, samples: list[Sample], recipe: TrackerRecipe, network: TrackerNetwork | None = None
    ) -> None:
        """Start with shapes from the samples and random features.

        Args:
            samples: What may be seen.
            recipe: How to train.
            network: Of other sizes than the shipped ones.
        """
        self.recipe: TrackerRecipe = recipe
        torch.manual_seed(recipe.seed)
        self.data: TrackerData = TrackerData(samples, np.random.default_rng(recipe.seed))
        network = network or TrackerNetwork()
        # torch's types do not know that a memory format may stand alone.
        self.network: TrackerNetwork = network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        for name, part in self.network.parts().items():
            part.set_shapes(*self._shapes(name, part))
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

    def modules(self) -> dict[str, nn.Module]:
        """Return the networks as one: what is clipped and averaged is all of them."""
        return {"tracker": self.network}

    def losses(
        self, step: int, rng: np.random.Generator, device: torch.device
    ) -> dict[str, Tensor]:
        """Compare what each network finds with what its cuts show.

        For the meshes a loss is about the mean error over the outer-eye distance.
        """
        del step
        recipe = self.recipe
        self.data.rng = rng
        counts = {"face": recipe.faces, "mouth": recipe.mouths, "eye": recipe.eyes}
        return {
            name: part_loss(
                part,
                self.data.batch(name, part.config, counts[name]).to(device),
                self._weights[name].to(device),
            )
            for name, part in self.network.parts().items()
        }

    def preview(self, folder: Path) -> dict[str, float]:
        """Show nothing: held-out figures are those of `evaluate`."""
        del folder
        return {}

    def write(self, folder: Path) -> Path:
        """Write the weights as they are used."""
        config: dict[str, object] = {
            name: asdict(part.config) for name, part in self.network.parts().items()
        }
        path = folder / FILE
        write_weights(path, self.network.state_dict(), config | {"pixel_centres": True})
        return path


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
        *(edge for slit in landmarks.SLITS for edge in slit),
        landmarks.UPPER_LIP_OUTER, landmarks.LOWER_LIP_OUTER, *landmarks.IRIS_RINGS,
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


def open_task(recipe: TrackerRecipe, data: Path, out: Path) -> TrackerTask:
    """Label what has no labels yet, read everything that training may see, and build the task.

    Args:
        recipe: Everything that decides the run.
        data: Folder with portraits/, grid/ and models/.
        out: The run's folder, whose labels/ keeps what the teacher said.
    """
    return TrackerTask(load_samples(data, out, recipe), recipe)


def ship(weights: Path, pretrained: Path) -> Path:
    """Enter weights that the loop wrote into a pretrained folder."""
    return store.ship(pretrained, "tracker", *read_weights(weights), row=_ROW)


_ROW = {
    "what": "Face tracker: 478-point mesh, lips, lids and irises from a cut of a face",
    "licence": "MIT",
    "trained_on": "SFHQ-T2I portraits (MIT) and GRID video (CC BY 4.0), labelled by "
    "MediaPipe's face landmarker (Apache-2.0)",
    "command": "speech2face train tracker.toml --data DATA -o RUN --ship pretrained",
}
