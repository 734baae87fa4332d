"""Toy material for tests of the fast generator: faces of the rig, painted as smooth colours."""

import numpy as np
import torch
from torch import Tensor

from speech2face.face.rig import load_rig
from speech2face.generators.fast.generator import named_keypoints
from speech2face.generators.fast.network import FastConfig
from speech2face.synthesis.pairs import IdentityFrames
from speech2face.training.fast.task import FastRecipe, Phase

TOY = FastConfig(
    size=64, half=8, quarter=8, eighth=8, shown=4, motion=(8, 8, 8), decoder=(8, 8)
)  # fmt: skip


def mesh(size: int, shift: float = 0.0, jaw: float = 0.0) -> np.ndarray:
    """Pose the rig's neutral face in a picture: about half of it wide."""
    rig = load_rig()
    points = rig.pose(rig.weights(jawOpen=jaw)) * size * 0.25
    middle = np.array([size * (0.5 + shift), size * 0.45, 0])
    return (points + middle).astype(np.float32)


def keypoints() -> Tensor:
    """Return one face's keypoints."""
    return torch.from_numpy(named_keypoints(mesh(64), 64))[None]


def people(count: int = 3, frames: int = 3) -> list[IdentityFrames]:
    """Paint people whose colours move along with the face."""
    made = []
    for number in range(count):
        rng = np.random.default_rng(number)
        low = rng.uniform(0, 255, (3, 6, 6))
        pictures, meshes = [], []
        for frame in range(frames):
            shift = 0.03 * frame
            grid = np.stack(np.meshgrid(*[np.linspace(0, 5, 256)] * 2), -1)
            x = (grid[..., 0] - shift * 5).clip(0, 4.999)
            left = x.astype(int)
            rows = grid[..., 1].clip(0, 5).round().astype(int)
            share = x - left
            picture = low[:, rows, left] * (1 - share) + low[:, rows, left + 1] * share
            pictures.append(picture.transpose(1, 2, 0).astype(np.uint8))
            meshes.append(mesh(256, shift, jaw=0.2 * frame))
        flows = np.zeros((frames, frames, 64, 64, 2), np.float16)
        moves = 0.06 * np.subtract.outer(np.arange(frames), np.arange(frames))
        flows[..., 0] = moves[..., None, None]
        made.append(
            IdentityFrames(
                kind=("heads", "grid")[number % 2],
                identity=f"p{number}",
                held_out=False,
                frames=np.stack(pictures),
                meshes=np.stack(meshes),
                flows=None if number % 2 else flows,
                visible=None if number % 2 else np.ones((frames, frames, 64, 64), np.uint8),
            )
        )
    return made


def recipe(steps: int = 50) -> FastRecipe:
    """Return a recipe of toy size."""
    return FastRecipe(
        steps=steps, warmup=2, cooldown=5, every=25, preview_every=25, rate=2e-3,
        shares={"heads": 0.5, "grid": 0.5}, network=TOY,
        phases=(Phase(until=0.8, side=32, batch=2), Phase(side=64, batch=1)),
    )  # fmt: skip
