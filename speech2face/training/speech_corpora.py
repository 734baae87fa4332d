"""The prepared corpora of speech: what is learnt from, what is held out, and how they are made."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from speech2face.errors import InputError
from speech2face.face.rig import load_rig
from speech2face.landmarks import from_mesh
from speech2face.training.speech_data import Stretch, prepare, prepare_faces, read_stretch
from speech2face.training.speech_recipe import Recipe
from speech2face.training.synthetic_speech import name_grid_phones, prepare_synthetic

FACES = "faces.npy"
"""Rest landmarks of many people, in the folder of the prepared corpora."""


def split(recipe: Recipe, stretches: list[Stretch]) -> tuple[list[Stretch], list[Stretch]]:
    """Part a corpus into what is learnt from and what is held out."""
    names: dict[str, list[str]] = {}
    for one in sorted(stretches, key=lambda one: one.name):
        names.setdefault(one.speaker, []).append(one.name)
    held: set[str] = set()
    for speaker, own in names.items():
        if speaker in recipe.held_out_speakers:
            held.update(own)
        if speaker in recipe.held_out_every:
            held.update(own[:: recipe.held_out_every[speaker]])
        if recipe.held_out_end:
            held.update(own[-max(1, round(len(own) * recipe.held_out_end)) :])
    learnt = [one for one in stretches if one.name not in held]
    return learnt, [one for one in stretches if one.name in held]


def read_corpora(prepared: Path, recipe: Recipe) -> dict[str, list[Stretch]]:
    """Read what is learnt from, by corpus."""
    return {name: learnt for name, (learnt, _) in read_both(prepared, recipe).items()}


def read_both(prepared: Path, recipe: Recipe) -> dict[str, tuple[list[Stretch], list[Stretch]]]:
    """Read what is learnt from and what is held out, by corpus.

    Raises:
        InputError: A corpus of the recipe is not prepared, or all of it is held out.
    """
    corpora = {}
    for name in recipe.shares:
        paths = sorted((prepared / name).glob("*.npz"))
        if not paths:
            msg = (
                f"{prepared / name} holds no prepared speech; expected what speech2face prepare "
                "writes; prepare it, or give it no share in the recipe"
            )
            raise InputError(msg)
        learnt, held = split(recipe, [read_stretch(path) for path in paths])
        if not learnt:
            msg = (
                f"all {len(held)} stretches of {prepared / name} are held out; expected some to "
                "learn from; prepare more, or hold out less in the recipe"
            )
            raise InputError(msg)
        corpora[name] = learnt, held
    return corpora


def read_faces(prepared: Path) -> Float[np.ndarray, "faces 70 3"]:
    """Read the rest faces that speakers are lent; the rig's alone where none were prepared."""
    path = prepared / FACES
    if path.exists():
        return np.load(path)
    return from_mesh(load_rig().neutral)[None].astype(np.float32)


def prepare_corpora(data: Path, prepared: Path, recipe: Recipe) -> None:
    """Prepare every corpus; held-out people say nothing about how much synthetic lips move."""
    prepare(data, prepared)
    name_grid_phones(prepared, data / "grid")
    grid = [read_stretch(path) for path in sorted((prepared / "grid").glob("*.npz"))]
    prepare_synthetic(prepared, split(recipe, grid)[0])
    # Last, because its presence says that all is prepared.
    prepare_faces(data, prepared)
