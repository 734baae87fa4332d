"""The fast generator, from folder to weights: `speech2face train facevid2vid-fast.toml`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from speech2face.checkpoints import store
from speech2face.checkpoints.store import read_weights
from speech2face.synthesis.pairs import IdentityFrames, is_held_out, list_identities, read_identity
from speech2face.training.fast.game import FastGame
from speech2face.training.fast.task import FastRecipe, FastTask

__all__ = ["FastRecipe", "open_task", "ship"]


def open_task(recipe: FastRecipe, folder: Path) -> FastTask:
    """Read the identities in the folders of a folder, and build the task.

    Args:
        recipe: Everything that decides the run.
        folder: Holds a folder for each kind that the recipe draws from.
    """
    learnt: list[IdentityFrames] = []
    held_out: list[IdentityFrames] = []
    for kind, share in recipe.shares.items():
        if share > 0:
            learnt += map(read_identity, list_identities(folder / kind, held_out=False))
            away = [path for path in list_identities(folder / kind) if is_held_out(path)]
            held_out += map(read_identity, _spread_over(away, recipe.scored))
    play = FastGame if recipe.adversarial > 0 else FastTask
    return play(recipe, learnt, held_out)


def ship(weights: Path, pretrained: Path) -> Path:
    """Enter weights that the loop wrote into a pretrained folder."""
    return store.ship(pretrained, "fast", *read_weights(weights), row=_ROW)


def _spread_over(paths: Sequence[Path], count: int) -> list[Path]:
    chosen = np.linspace(0, len(paths) - 1, min(count, len(paths)))
    return [paths[int(index)] for index in chosen]


_ROW = {
    "what": "facevid2vid:fast: named keypoints move a photograph, a small network refines it",
    "licence": "MIT",
    "trained_on": (
        "GRID audiovisual corpus (CC BY 4.0; Cooke, Barker, Cunningham, Shao 2006); SFHQ-T2I "
        "portraits (MIT) animated by the warp generator; heads rendered from ICT-FaceKit (MIT) "
        "and MakeHuman assets (CC0); GRID meshes by MediaPipe's face landmarker (Apache-2.0)"
    ),
    "command": (
        "speech2face synthesize; speech2face train facevid2vid-fast.toml --data PAIRS -o RUN"
    ),
}
