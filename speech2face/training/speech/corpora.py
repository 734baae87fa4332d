"""The prepared corpora of speech: what is learnt from, what is held out, and how they are made."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from speech2face.errors import InputError
from speech2face.face.rig import load_rig
from speech2face.landmarks import from_mesh, mouth_opening
from speech2face.training.speech.data import (
    TEACHER,
    Stretch,
    prepare_facegood,
    prepare_faces,
    prepare_grid,
    read_stretch,
)
from speech2face.training.speech.hearing import prepare_voices
from speech2face.training.speech.lag import store_lags
from speech2face.training.speech.recipe import Recipe
from speech2face.training.speech.synthetic.natural import prepare_natural
from speech2face.training.speech.synthetic.synthetic_speech import (
    name_grid_phones,
    prepare_synthetic,
)

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


CORPORA = ("grid", "facegood", "synthetic", "natural", "voices", "faces")
"""What `prepare_corpora` can make, in the order in which one needs the other."""


def prepare_corpora(
    data: Path, prepared: Path, recipe: Recipe, names: Sequence[str] = CORPORA
) -> Iterator[tuple[str, int]]:
    """Prepare corpora one after the other; those that are there already are passed over.

    Args:
        data: Holds grid/, facegood/, portraits/ and models/ (see `speech_data`).
        prepared: Where the prepared corpora go.
        recipe: Held-out people say nothing about how much synthetic lips move.
        names: Some of `CORPORA`.

    Yields:
        Name of a corpus, and how many stretches (or faces) it has.
    """
    prepared.mkdir(parents=True, exist_ok=True)
    marker = prepared / "prepared.json"
    made: dict[str, int] = json.loads(marker.read_text()) if marker.exists() else {}
    for name in CORPORA:
        if name in names:
            if name not in made:
                made[name] = _MAKERS[name](data, prepared, recipe)
                # Written after the corpus, so that it says that the corpus is whole.
                marker.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
            yield name, made[name]


def _grid(data: Path, prepared: Path, recipe: Recipe) -> int:
    del recipe
    teacher = data / "models" / TEACHER
    count = prepare_grid(_there(data / "grid"), prepared, _there(teacher), load_rig())
    name_grid_phones(prepared, data / "grid")
    store_lags(prepared / "grid")
    return count


def _facegood(data: Path, prepared: Path, recipe: Recipe) -> int:
    del recipe
    real = _prepared_grid(prepared)
    opening = np.mean([mouth_opening(one.rest + one.offsets).std() for one in real])
    return prepare_facegood(_there(data / "facegood"), prepared, load_rig(), float(opening))


def _synthetic(data: Path, prepared: Path, recipe: Recipe) -> int:
    del data
    return prepare_synthetic(prepared, split(recipe, _prepared_grid(prepared))[0])


def _natural(data: Path, prepared: Path, recipe: Recipe) -> int:
    learnt = split(recipe, _prepared_grid(prepared))[0]
    return prepare_natural(_there(data / "speech_natural"), prepared, learnt)


def _voices(data: Path, prepared: Path, recipe: Recipe) -> int:
    del recipe
    return prepare_voices(_there(data / "speech_natural"), prepared)


def _faces(data: Path, prepared: Path, recipe: Recipe) -> int:
    del recipe
    _there(data / "models" / TEACHER)
    return prepare_faces(_there(data / "portraits").parent, prepared)


_MAKERS = {
    "grid": _grid, "facegood": _facegood, "synthetic": _synthetic, "natural": _natural,
    "voices": _voices, "faces": _faces,
}  # fmt: skip


def _there(path: Path) -> Path:
    """Check that a part of the data exists.

    Raises:
        InputError: It does not.
    """
    if not path.exists():
        msg = f"{path} does not exist; expected the corpora as training/speech_data.py names them"
        raise InputError(msg)
    return path


def _prepared_grid(prepared: Path) -> list[Stretch]:
    """Read GRID, whose people say how much lips move.

    Raises:
        InputError: It is not prepared.
    """
    paths = sorted((prepared / "grid").glob("*.npz"))
    if not paths:
        msg = (
            f"{prepared / 'grid'} is not prepared, which says how much lips move; prepare it first"
        )
        raise InputError(msg)
    return [read_stretch(path) for path in paths]
