"""What more people, more clips, more look-ahead or a judge of sync would bring Speech2Landmarks.

Short trainings, alike but for one thing, each scored on the recipe's held-out clips; the curve over
the number of people says how many more an error for people never heard would ask for:

    speech2face evaluate learning-curve --prepared P --data D -o O

Each training lies in a folder of its own below O; the same command goes on where it was stopped.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from speech2face.evaluation.speech.rows import SEEN, UNSEEN, align_of, speak
from speech2face.evaluation.speech.scores import closure_frames, row_of, score
from speech2face.evaluation.tables import Cell, Table
from speech2face.models.speech2landmarks import Speech2LandmarksConfig
from speech2face.stages.speech2landmarks import Speech2Landmarks
from speech2face.training.loop.loop import run
from speech2face.training.speech.corpora import read_both, read_faces
from speech2face.training.speech.data import Stretch
from speech2face.training.speech.lag import in_time
from speech2face.training.speech.recipe import Recipe, read_recipe
from speech2face.training.speech.speech2landmarks import SpeechTask
from speech2face.training.systems import RECIPES

NAME = "learning_curve"
"""Of the files that are written."""
STUDIES = ("people", "look-ahead", "sync", "clips", "seed")
_RECIPE = RECIPES / "speech2landmarks.toml"
_SIZES = (1, 2, 4)
"""Numbers of people, below all there are."""
_FEWER = (25, 100)
"""Clips of everybody, at most."""
_FURTHER = (8, 16)
"""Steps of 40 ms by which an answer may be late, beside the recipe's own number."""
_SYNC = 0.3
"""Weight of the sync network's opinion."""
_COLUMNS = ("error / rest", "error / rest ±", "r", "r ±", "amplitude", "closures met")
_TARGETS = {"error / rest": 0.58, "r": 0.85}
"""What is asked for with people never heard (`speech_criteria`)."""
_MOST_DOUBLINGS = 12
"""Of the people; a line that has to go on for longer says nothing."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One training: what sets it apart from the others."""

    study: str
    name: str
    """Of its folder."""
    people: tuple[str, ...]
    """Of the real ones who are learnt from."""
    recipe: Recipe
    clips: int | None = None
    """Of each person, at most; None: all."""

    def material(self, learnt: dict[str, list[Stretch]]) -> dict[str, list[Stretch]]:
        """Choose what is learnt from; the first corpus is the one with the real people."""
        real, *_ = learnt
        own = [
            one
            for person in self.people
            for one in [clip for clip in learnt[real] if clip.speaker == person][: self.clips]
        ]
        return learnt | {real: own}


def trials(recipe: Recipe, real: list[Stretch], steps: int) -> list[Trial]:
    """Plan the trainings; the first one, with everybody, is what the others are held against.

    Args:
        recipe: Of which they are short versions with a single member.
        real: What real people say; who says most is always among those learnt from, because the
            new clips are that person's.
        steps: Of each training.
    """
    base = replace(
        recipe, steps=steps, cooldown=2 * steps // 3, warmup=min(recipe.warmup, steps // 4),
        network=replace(recipe.network, members=1),
        batch=replace(recipe.batch, size=max(1, recipe.batch.size // recipe.network.members)),
    )  # fmt: skip
    count = {one.speaker: 0 for one in sorted(real, key=lambda one: one.name)}
    for one in real:
        count[one.speaker] += 1
    most = max(count, key=lambda who: count[who])
    others = [who for who in count if who != most]
    everybody = (most, *others)
    planned = [Trial(study="all", name="everybody", people=everybody, recipe=base)]
    for way, order in (("", others), (" others first", others[::-1])):
        for size in _SIZES[bool(way) :]:
            if size < len(everybody):
                people = (most, *order[: size - 1])
                name = f"people {size}{way}"
                planned.append(Trial(study="people", name=name, people=people, recipe=base))
    for delay in _FURTHER:
        late = replace(base, network=looking_ahead(base.network, delay))
        planned.append(
            Trial(study="look-ahead", name=f"delay {delay}", people=everybody, recipe=late)
        )
    judged = replace(base, losses=replace(base.losses, sync=_SYNC))
    again = replace(base, seed=base.seed + 1)
    return [
        *planned,
        Trial(study="sync", name=f"sync {_SYNC}", people=everybody, recipe=judged),
        Trial(study="seed", name="another seed", people=everybody, recipe=again),
        *(
            Trial(study="clips", name=f"clips {few}", people=everybody, recipe=base, clips=few)
            for few in _FEWER
        ),
    ]


def looking_ahead(network: Speech2LandmarksConfig, delay: int) -> Speech2LandmarksConfig:
    """Spread a look-ahead of so many steps of 40 ms evenly over the layers of the hearing."""
    layers = network.hearing.layers
    # Two positions a step, one of which is the convolutions'.
    each, more = divmod(2 * delay - 1, layers)
    ahead = tuple(each + (number < more) for number in range(layers))
    return replace(network, hearing=replace(network.hearing, ahead=ahead))


def scored(
    stage: Speech2Landmarks, held: Sequence[Stretch], recipe: Recipe, data: Path | None
) -> dict[str, Cell]:
    """Score clips that were moved to their sound, as those were that are learnt from.

    Args:
        stage: What is scored.
        held: Clips that nothing was learnt from.
        recipe: Says which people are new.
        data: Where the word times are; None leaves the closures out.
    """
    row: dict[str, Cell] = {}
    for group, new in ((SEEN, False), (UNSEEN, True)):
        own = [one for one in held if (one.speaker in recipe.held_out_speakers) == new]
        scores = [
            score(
                clip, speak(stage, clip), closure_frames(align_of(data, clip)) if data else []
            )
            for clip in map(in_time, own)
        ]  # fmt: skip
        if scores:
            whole = row_of(scores)
            row |= {f"{column}, {group}": whole[column] for column in _COLUMNS}
    return row


def learn(trial: Trial, learnt: dict[str, list[Stretch]], faces: np.ndarray, out: Path) -> Path:
    """Train, or go on with a training that was stopped; give the weights."""
    task = SpeechTask(trial.recipe, trial.material(learnt), faces)
    return run(task, trial.recipe, out / trial.name.replace(" ", "-"))


def rows(
    prepared: Path, data: Path | None, out: Path, recipe: Recipe, steps: int, studies: Sequence[str]
) -> Iterator[dict[str, Cell]]:
    """Train and score the trials of some studies, one after the other."""
    both = read_both(prepared, recipe)
    learnt = {name: own for name, (own, _) in both.items()}
    real, *_ = learnt
    faces = read_faces(prepared)
    for trial in trials(recipe, learnt[real], steps):
        if trial.study not in {"all", *studies}:
            continue
        weights = learn(trial, learnt, faces, out)
        own = trial.material(learnt)[real]
        yield {
            "study": trial.study,
            "trial": trial.name,
            "people": len(trial.people),
            "clips": len(own),
            "look-ahead, ms": (trial.recipe.network.delay + 1) * 40,
            **scored(Speech2Landmarks.from_file(weights), both[real][1], recipe, data),
        }


def by_people(found: Sequence[dict[str, Cell]], column: str) -> tuple[np.ndarray, np.ndarray]:
    """Read one column of the curve: numbers of people, and values."""
    kept = [row for row in found if row["study"] in {"all", "people", "seed"} and column in row]
    return (
        np.array([row["people"] for row in kept], float),
        np.array([row[column] for row in kept], float),
    )


def conclusion(found: Sequence[dict[str, Cell]]) -> str:
    """Say what lines against the logarithm of the number of people tell about people never heard.

    Targets beyond the measured numbers are where the lines go on, if they do.
    """
    told = [_line(found, column, target) for column, target in _TARGETS.items()]
    return " ".join(told) if all(told) else "Too few numbers of people for a curve."


def _line(found: Sequence[dict[str, Cell]], column: str, target: float) -> str:
    people, values = by_people(found, f"{column}, {UNSEEN}")
    if len(set(people)) < 2:  # noqa: PLR2004 - what a line needs
        return ""
    doublings = np.log2(people)
    slope, start = np.polyfit(doublings, values, 1)
    apart = float(np.std(values - (start + slope * doublings)))
    told = (
        f"Every doubling of the people changes {column} of people never heard by {slope:+.3f} "
        f"(points lie {apart:.3f} off the line)"
    )
    missing = (target - start) / slope if slope else np.inf
    if not people.max() < 2.0 ** min(missing, _MOST_DOUBLINGS):
        return f"{told}; the line meets {target} nowhere beyond them."
    if missing > _MOST_DOUBLINGS:
        return f"{told}; {target} lies beyond {2**_MOST_DOUBLINGS} people."
    return f"{told}; the line reaches {target} at {2**missing:.0f} people."


def plot(found: Sequence[dict[str, Cell]], path: Path) -> None:
    """Draw error and correlation against the number of people."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an optional extra

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for panel, column in zip(figure.subplots(1, 2), ("error / rest", "r"), strict=True):
        for group, colour in ((SEEN, "tab:blue"), (UNSEEN, "tab:red")):
            people, values = by_people(found, f"{column}, {group}")
            if len(people):
                panel.plot(people, values, "o", color=colour, label=group)
                sizes = sorted(set(people))
                means = [values[people == size].mean() for size in sizes]
                panel.plot(sizes, means, color=colour)
        panel.set_xscale("log", base=2)
        panel.set_xlabel("real people learnt from")
        panel.set_ylabel(column)
        panel.grid(alpha=0.3)
    figure.axes[0].legend()
    figure.savefig(path, dpi=100)


def write(found: list[dict[str, Cell]], steps: int, out: Path) -> Table:
    """Write the table as Markdown and JSON, and the curve as a picture."""
    table = Table(
        name=NAME,
        title=f"Short trainings of Speech2Landmarks, {steps} steps each",
        rows=found,
        note=(
            f"{conclusion(found)} Truth moved by its measured lag. ±: half of the 95 % bootstrap "
            "interval over clips; two seeds say what chance alone changes."
        ),
    )
    table.write(out)
    plot(found, out / f"{NAME}.png")
    return table


def study(
    prepared: Path,
    data: Path | None,
    out: Path,
    recipe: Path | None,
    steps: int,
    studies: Sequence[str],
) -> Iterator[Table]:
    """Train and score the trials of some studies; write and yield the table after each of them.

    Args:
        prepared: Folder of the prepared corpora.
        data: Folder that holds grid/, for the word times; None leaves the closures out.
        out: Folder of the trainings and the table.
        recipe: What the trials are short versions of; None: the shipped one.
        steps: Of each training.
        studies: Some of `STUDIES`.
    """
    out.mkdir(parents=True, exist_ok=True)
    scored_rows: list[dict[str, Cell]] = []
    for row in rows(prepared, data, out, read_recipe(recipe or _RECIPE), steps, studies):
        scored_rows.append(row)
        yield write(scored_rows, steps, out)
