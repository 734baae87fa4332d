"""How well Speech2Landmarks reads lips from sound: `python -m speech2face.evaluation.speech2landmarks`.

Scored are held-out people and held-out clips of GRID against the face-mesh teacher's landmarks of
the real video, with the sanity rows: ground truth, the resting mouth, an opening made from energy
alone, another clip's sound, and the real movement 5 frames late. Only rows that rank in this order
measure what they claim.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from speech2face import landmarks, timing
from speech2face.evaluation.tables import Cell, Table
from speech2face.stages.speech2landmarks import STEP, Speech2Landmarks
from speech2face.training.speech2landmarks import Recipe, read_recipe, split
from speech2face.training.speech_data import Stretch, prepare_grid_only, read_stretch, read_words
from speech2face.types import Speech

_SHIFT = 5
"""Frames by which the shifted row is late: 200 ms."""
_LAGS = 5
"""Frames searched for the best lag, to either side."""
_CLOSED = 0.25
"""Lips count as closed below this part of the clip's usual opening (its 90th percentile)."""
_NEAR = 2
"""Frames around a closure in which it may happen."""
_FAR = 4
"""Frames from any word from which on silence counts."""

_STARTS_CLOSED = frozenset({"bin", "blue", "by", "b", "place", "please", "p"})
_ENDS_CLOSED = frozenset({"m"})

Offsets = Float[np.ndarray, "frames 70 3"]


@dataclass(frozen=True, kw_only=True)
class Score:
    """One clip."""

    error: float
    """Mean distance of the 20 lip landmarks in the picture plane over the outer-eye distance."""
    rest_error: float
    """The same for a mouth that rests."""
    r: float
    """Pearson correlation of the mouth opening at lag 0."""
    amplitude: float
    """Standard deviation of the opening over the real one's."""
    correlations: Float[np.ndarray, " lags"]
    """The correlation at lags -5 to 5; a positive lag is late."""
    silence: float
    """Speed of the lips away from words over their speed in words."""
    closed: int
    """Closures of p, b, m that are met."""
    closures: int
    """Closures there are."""


def score(clip: Stretch, offsets: Offsets, closures: list[int]) -> Score:
    """Compare movements with a clip's real ones.

    Args:
        clip: The real ones.
        offsets: From the same rest landmarks, of the same length.
        closures: Frames at which the lips must meet.
    """
    lips = landmarks.MOUTH
    wrong = (offsets - clip.offsets)[:, lips, :2]
    real, said = _opening(clip, clip.offsets), _opening(clip, offsets)
    correlations = np.array([_correlation(real, said, lag) for lag in range(-_LAGS, _LAGS + 1)])
    speed = np.linalg.norm(np.diff(offsets[:, lips, :2], axis=0), axis=-1).mean(-1)
    silent, spoken = _silence(clip)
    shut = said < _CLOSED * np.percentile(said, 90) + 0.005
    hits = [bool(shut[max(0, at - _NEAR) : at + _NEAR + 1].any()) for at in closures]
    return Score(
        error=float(np.linalg.norm(wrong, axis=-1).mean()),
        rest_error=float(np.linalg.norm(clip.offsets[:, lips, :2], axis=-1).mean()),
        r=float(correlations[_LAGS]),
        amplitude=float(said.std() / real.std()),
        correlations=correlations,
        silence=float(speed[silent].mean() / max(speed[spoken].mean(), 1e-9))
        if silent.any() and spoken.any()
        else np.nan,
        closed=sum(hits),
        closures=len(hits),
    )


def _opening(clip: Stretch, offsets: Offsets) -> Float[np.ndarray, " frames"]:
    return landmarks.mouth_opening(clip.rest + offsets)


def _correlation(real: np.ndarray, said: np.ndarray, lag: int) -> float:
    one = real[max(0, -lag) : len(real) - max(0, lag)]
    other = said[max(0, lag) : len(said) - max(0, -lag)]
    if one.std() < 1e-6 or other.std() < 1e-6:  # noqa: PLR2004 - a mouth that does not move
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def _silence(clip: Stretch) -> tuple[np.ndarray, np.ndarray]:
    """Tell the steps between frames that are far from every word, and those that are in words."""
    spoken = clip.speech == 1
    near = np.convolve(spoken, np.ones(2 * _FAR + 1), "same") > 0
    silent = (clip.speech == 0) & ~near
    return silent[1:] & silent[:-1], spoken[1:] & spoken[:-1]


def closure_frames(align: Path) -> list[int]:
    """Read from a GRID .align file when the lips must meet: b and p at a word's start, m at its end."""
    if not align.is_file():
        return []
    words = read_words(align)
    starts = [round(first * 25) for first, _, word in words if word in _STARTS_CLOSED]
    return starts + [round(last * 25) - 1 for _, last, word in words if word in _ENDS_CLOSED]


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
    rows = []
    for way, move in ways.items():
        scores = [score(clip, move(clip), closures[clip.name]) for clip in clips]
        rows.append({"clips of": name, "n": len(clips), "row": way} | _row(scores))
    return rows


def speak(stage: Speech2Landmarks, clip: Stretch) -> Offsets:
    """Run the stage over a clip's sound, for the clip's own resting face."""
    return stage(Speech(samples=clip.samples), clip.rest).points[: len(clip)] - clip.rest


def _as_long(offsets: Offsets, frames: int) -> Offsets:
    return np.pad(offsets, ((0, max(0, frames - len(offsets))), (0, 0), (0, 0)), mode="edge")[
        :frames
    ]


def _row(scores: list[Score]) -> dict[str, Cell]:
    mean = np.mean([one.correlations for one in scores], 0)
    closures = sum(one.closures for one in scores)
    r = np.array([one.r for one in scores])
    return {
        "error / rest": float(np.mean([s.error for s in scores]) / np.mean([s.rest_error for s in scores])),
        "error": float(np.mean([one.error for one in scores])),
        "r": float(r.mean()),
        "± (95 %)": float(1.96 * r.std() / np.sqrt(len(r))),
        "best lag": int(mean.argmax()) - _LAGS if mean.max() > 0 else None,
        "r at best of ±1": float(np.mean([s.correlations[_LAGS - 1 : _LAGS + 2].max() for s in scores])),
        "amplitude": float(np.mean([one.amplitude for one in scores])),
        "closures met": sum(one.closed for one in scores) / closures if closures else None,
        "lip speed in silence": float(np.nanmean([one.silence for one in scores])) if any(np.isfinite(one.silence) for one in scores) else None,
    }  # fmt: skip


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
            "correlation of the mouth opening at lag 0, mean over clips. Look-ahead of the network: "
            f"{(stage.network.config.delay + 1) * 40} ms from the start of a frame. A late movement "
            "has a positive lag."
        ),
    )


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

    stretches = [read_stretch(file) for file in sorted((prepared / "grid").glob("*.npz"))]
    held = split(recipe, stretches)[1]
    speakers = sorted({clip.speaker for clip in held})
    chosen = [
        clip for who in speakers for clip in [one for one in held if one.speaker == who][1:9:3]
    ]
    figure = Figure(figsize=(14, 2.2 * len(chosen) / 2 + 1), layout="constrained")
    grid = figure.subplots(-(-len(chosen) // 2), 2, squeeze=False)
    for axes, clip in zip(grid.flat, chosen, strict=False):
        time = np.arange(len(clip)) / float(timing.MOTION_FPS)
        said = speak(stage, clip)
        axes.plot(time, _opening(clip, clip.offsets), "k", label="real")
        axes.plot(time, _opening(clip, said), "r", label="predicted")
        axes.plot(time, _loudness(clip) * 0.05 - 0.01, "b", lw=0.5, label="loudness")
        axes.set_title(
            f"{clip.name}  r {_correlation(_opening(clip, clip.offsets), _opening(clip, said), 0):.2f}"
        )
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
    parser.add_argument("--out", type=Path, help="folder for the table and the plot")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.data is not None and not (options.prepared / "grid").is_dir():
        prepare_grid_only(options.data, options.prepared)
    recipe = read_recipe(options.recipe) if options.recipe else Recipe()
    stage = load_stage(options.weights)
    table = evaluate(options.prepared, options.data, stage, recipe)
    print(table.markdown())  # noqa: T201 - the command's result
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "speech2landmarks.md").write_text(table.markdown(), encoding="utf-8")
        (options.out / "speech2landmarks.json").write_text(table.json(), encoding="utf-8")
        plot(options.prepared, stage, recipe, options.out / "speech2landmarks.png")


if __name__ == "__main__":
    main()
