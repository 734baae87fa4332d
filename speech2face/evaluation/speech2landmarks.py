"""How well Speech2Landmarks reads lips from sound.

`python -m speech2face.evaluation.speech2landmarks --data DIR --prepared DIR` prints the table.
Scored are held-out people and held-out clips of GRID against the face-mesh teacher's landmarks of
the real video, with the sanity rows: ground truth, the resting mouth, an opening made from energy
alone, another clip's sound, and the real movement 5 frames late. Only rows that rank in this order
measure what they claim.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float

from speech2face import landmarks, timing
from speech2face.evaluation.speech_conditions import conditions_table
from speech2face.evaluation.speech_languages import languages_table
from speech2face.evaluation.speech_scores import (
    Offsets,
    closure_frames,
    correlation,
    opening,
    row_of,
    score,
)
from speech2face.evaluation.tables import Cell, Table
from speech2face.face.rig import load_rig
from speech2face.stages.speech2landmarks import STEP, Speech2Landmarks
from speech2face.training.speech2landmarks import Recipe, read_recipe, split
from speech2face.training.speech_data import Stretch, prepare_grid_only, read_stretch
from speech2face.types import Speech

if TYPE_CHECKING:
    from collections.abc import Callable

_SHIFT = 5
"""Frames by which the shifted row is late: 200 ms."""


class FromEnergy:
    """The baseline that knows loudness alone: movements as a line through the log energy."""

    def __init__(self, clips: list[Stretch]) -> None:
        """Fit the line to clips that are learnt from."""
        heard = np.concatenate([_loudness(clip) for clip in clips])
        moved = np.concatenate([clip.offsets.reshape(len(clip), -1) for clip in clips])
        columns = np.stack([heard, np.ones_like(heard)], 1)
        self._line: Float[np.ndarray, "2 coordinates"] = np.linalg.lstsq(
            columns, moved, rcond=None
        )[0]

    def __call__(self, clip: Stretch) -> Offsets:
        """Move the mouth as loud as the sound is."""
        heard = _loudness(clip)
        return (np.stack([heard, np.ones_like(heard)], 1) @ self._line).reshape(-1, 70, 3)


def _loudness(clip: Stretch) -> Float[np.ndarray, " frames"]:
    power = (clip.samples.reshape(-1, STEP) ** 2).mean(1)
    decibels = 10 * np.log10(power + 1e-9)
    return np.maximum(decibels - decibels.max(), -40) / 40


def rows_for(
    name: str,
    clips: list[Stretch],
    closures: dict[str, list[int]],
    stage: Speech2Landmarks,
    energy: FromEnergy,
) -> list[dict[str, Cell]]:
    """Score one group of clips: the stage's row and the sanity rows."""
    said = {clip.name: speak(stage, clip) for clip in clips}
    order = {clip.name: clips[(i + 1) % len(clips)] for i, clip in enumerate(clips)}
    ways: dict[str, Callable[[Stretch], Offsets]] = {
        "speech2landmarks": lambda clip: said[clip.name],
        "ground truth": lambda clip: clip.offsets,
        "rest": lambda clip: np.zeros_like(clip.offsets),
        "from energy": energy,
        "wrong audio": lambda clip: _as_long(said[order[clip.name].name], len(clip)),
        "real, 5 frames late": lambda clip: np.roll(clip.offsets, _SHIFT, 0),
    }
    rows: list[dict[str, Cell]] = []
    for way, move in ways.items():
        scores = [score(clip, move(clip), closures[clip.name]) for clip in clips]
        rows.append({"clips of": name, "n": len(clips), "row": way} | row_of(scores))
    return rows


def speak(stage: Speech2Landmarks, clip: Stretch) -> Offsets:
    """Run the stage over a clip's sound, for the clip's own resting face."""
    return stage(Speech(samples=clip.samples), clip.rest).points[: len(clip)] - clip.rest


def _as_long(offsets: Offsets, frames: int) -> Offsets:
    return np.pad(offsets, ((0, max(0, frames - len(offsets))), (0, 0), (0, 0)), mode="edge")[
        :frames
    ]


def evaluate(prepared: Path, data: Path | None, stage: Speech2Landmarks, recipe: Recipe) -> Table:
    """Score the stage on everything that the recipe holds out.

    Args:
        prepared: Folder of the prepared corpora.
        data: The corpora themselves, for word times; None leaves the closures out.
        stage: What is scored.
        recipe: Says what is held out, and hence what the baseline may learn from.
    """
    stretches = [read_stretch(path) for path in sorted((prepared / "grid").glob("*.npz"))]
    learnt, held = split(recipe, stretches)
    energy = FromEnergy(learnt[::5])
    closures = {
        clip.name: [] if data is None else closure_frames(_align(data, clip)) for clip in held
    }
    rows: list[dict[str, Cell]] = []
    for speaker in sorted({clip.speaker for clip in held}):
        own = [clip for clip in held if clip.speaker == speaker]
        seen = "new person" if speaker in recipe.held_out_speakers else "new clips"
        rows += rows_for(f"{speaker.removeprefix('grid-')} ({seen})", own, closures, stage, energy)
    return Table(
        name="speech2landmarks",
        title="Speech2Landmarks on held-out GRID clips",
        rows=rows,
        note=(
            "Truth is the face-mesh teacher's tracking of the real video, unsmoothed. Error: mean "
            "distance of the 20 lip landmarks in the picture plane over the outer-eye distance. r: "
            "correlation of the mouth opening at lag 0, mean over clips. Look-ahead: "
            f"{(stage.network.config.delay + 1) * 40} ms from the start of a frame. Late "
            "movements have a positive lag."
        ),
    )


def held_out(prepared: Path, recipe: Recipe) -> list[Stretch]:
    """Read the clips that nothing was learnt from."""
    return split(
        recipe, [read_stretch(path) for path in sorted((prepared / "grid").glob("*.npz"))]
    )[1]


def _align(data: Path, clip: Stretch) -> Path:
    speaker, stem = clip.name.split("_", 1)
    return data / "grid" / speaker / f"{stem}.align"


def load_stage(weights: Path | None) -> Speech2Landmarks:
    """Load the shipped network, or that of a weight file."""
    return (
        Speech2Landmarks.from_pretrained()
        if weights is None
        else Speech2Landmarks.from_file(weights)
    )


def plot(prepared: Path, stage: Speech2Landmarks, recipe: Recipe, path: Path) -> None:
    """Draw real and predicted mouth opening of two clips of every held-out group."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an optional extra

    held = held_out(prepared, recipe)
    speakers = sorted({clip.speaker for clip in held})
    chosen = [
        clip for who in speakers for clip in [one for one in held if one.speaker == who][1:9:3]
    ]
    figure = Figure(figsize=(14, 2.2 * len(chosen) / 2 + 1), layout="constrained")
    grid = figure.subplots(-(-len(chosen) // 2), 2, squeeze=False)
    for axes, clip in zip(grid.flat, chosen, strict=False):
        time = np.arange(len(clip)) / float(timing.MOTION_FPS)
        said = speak(stage, clip)
        real, mine = opening(clip, clip.offsets), opening(clip, said)
        axes.plot(time, real, "k", label="real")
        axes.plot(time, mine, "r", label="predicted")
        axes.plot(time, _loudness(clip) * 0.05 - 0.01, "b", lw=0.5, label="loudness")
        axes.set_title(f"{clip.name}  r {correlation(real, mine, 0):.2f}")
    for empty in grid.flat[len(chosen) :]:
        empty.axis("off")
    grid.flat[0].legend()
    figure.savefig(path, dpi=80)


def main() -> None:
    """Read the command line, print the table, write it as Markdown and JSON."""
    parser = argparse.ArgumentParser(description="Score Speech2Landmarks on held-out GRID clips.")
    parser.add_argument("--data", type=Path, help="folder that holds grid/ and models/")
    parser.add_argument(
        "--prepared", type=Path, required=True, help="prepared corpora; made if absent"
    )
    parser.add_argument(
        "--recipe", type=Path, help="what is held out; the shipped recipe otherwise"
    )
    parser.add_argument("--weights", type=Path, help="a weight file; the shipped one otherwise")
    parser.add_argument(
        "--languages", action="store_true", help="score synthetic voices too (needs [train])"
    )
    parser.add_argument("--out", type=Path, help="folder for the table and the plot")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.data is not None and not (options.prepared / "grid").is_dir():
        prepare_grid_only(options.data, options.prepared)
    recipe = read_recipe(options.recipe) if options.recipe else Recipe()
    stage = load_stage(options.weights)
    tables = [
        evaluate(options.prepared, options.data, stage, recipe),
        conditions_table(held_out(options.prepared, recipe), stage),
    ]
    if options.languages:
        face = landmarks.from_mesh(load_rig().neutral).astype(np.float32)
        tables.append(languages_table(stage, face))
    text = "\n".join(table.markdown() for table in tables)
    print(text)  # noqa: T201 - the command's result
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "speech2landmarks.md").write_text(text, encoding="utf-8")
        for table in tables:
            (options.out / f"{table.name}.json").write_text(table.json(), encoding="utf-8")
        plot(options.prepared, stage, recipe, options.out / "speech2landmarks.png")


if __name__ == "__main__":
    main()
