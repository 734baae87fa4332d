"""How well Speech2Landmarks reads lips from sound.

Scored are held-out people and held-out clips of GRID against the face-mesh teacher's landmarks of
the real video, with the sanity rows: ground truth, the resting mouth, an opening made from energy
alone, another clip's sound, and the real movement 5 frames late. Only rows that rank in this order
measure what they claim; a table says whether they do. Others say what was asked for and what is
reached, what streaming changes, what noise does, and what the sync network can tell.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech2face import landmarks, timing
from speech2face.errors import InputError
from speech2face.evaluation.speech.conditions import conditions_table
from speech2face.evaluation.speech.criteria import criteria_table, sanity_table
from speech2face.evaluation.speech.languages import languages_table
from speech2face.evaluation.speech.natural import natural_table
from speech2face.evaluation.speech.rows import (
    SEEN,
    UNSEEN,
    FromEnergy,
    Row,
    Rowmaker,
    Rows,
    align_of,
    loudness,
    speak,
)
from speech2face.evaluation.speech.scores import closure_frames, correlation, opening
from speech2face.evaluation.speech.streaming import streaming_table
from speech2face.evaluation.speech.sync_network import SyncScorer, sync_table
from speech2face.evaluation.tables import Table
from speech2face.face.rig import load_rig
from speech2face.face.teacher import TASK, FaceMeshTeacher
from speech2face.stages.speech2landmarks import Speech2Landmarks
from speech2face.training.speech.corpora import split
from speech2face.training.speech.data import Stretch, prepare_grid_only, read_stretch
from speech2face.training.speech.lag import in_time
from speech2face.training.speech.recipe import Recipe, read_recipe

NAME = "speech2landmarks"
"""Of the files that are written."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is scored, on what."""

    prepared: Path
    """Folder of the prepared corpora; GRID is prepared into it where it is absent."""
    data: Path | None = None
    """The corpora themselves, for word times; None leaves the closures out."""
    weights: Path | None = None
    """A weight file; None: the shipped one."""
    sync_weights: Path | None = None
    """Those of the sync network; None: the shipped ones."""
    others: tuple[Path, ...] = ()
    """Networks that were trained alike with another look-ahead."""
    recipe: Path | None = None
    """What is held out; None: as for the shipped weights."""
    languages: bool = False
    """Score synthetic voices too (needs [train])."""
    natural_only: bool = False
    """Score natural speech alone."""
    in_time: bool = False
    """Move the real lips by the lag that `training.speech_lag` measured, as training does."""


def tables(case: Case) -> list[Table]:
    """Score natural speech where it is at hand, then everything that the recipe holds out."""
    found = natural_tables(case)
    if case.natural_only:
        return found
    recipe = read_recipe(case.recipe) if case.recipe else Recipe()
    learnt, held = material(case, recipe)
    stage, scorer = load_stage(case.weights), SyncScorer(case.sync_weights)
    main, groups = evaluate(case, learnt, held, stage, recipe, scorer)
    found += [
        main,
        criteria_table({name: groups[name] for name in groups if name in {SEEN, UNSEEN}}),
        sanity_table(groups),
        streaming_table(held, stage, [load_stage(path) for path in case.others]),
        conditions_table(held, stage),
        sync_table(held, scorer),
    ]
    if case.languages:
        face = landmarks.from_mesh(load_rig().neutral).astype(np.float32)
        found.append(languages_table(stage, face))
    return found


def natural_tables(case: Case) -> list[Table]:
    """Score natural speech; nothing where the data holds none.

    Raises:
        InputError: It is asked for alone, and is not there.
    """
    if case.data is not None and (case.data / "natural").is_dir():
        judge = FaceMeshTeacher(case.data / TASK)
        return [natural_table(case.data / "natural", load_stage(case.weights), judge)]
    if case.natural_only:
        msg = "natural speech needs --data; expected a folder that holds natural/ and models/"
        raise InputError(msg)
    return []


def material(case: Case, recipe: Recipe) -> tuple[list[Stretch], list[Stretch]]:
    """Read GRID: what was learnt from, and what was held out.

    Raises:
        InputError: Nothing is prepared, or nothing is held out.
    """
    if case.data is not None and not (case.prepared / "grid").is_dir():
        prepare_grid_only(case.data, case.prepared)
    paths = sorted((case.prepared / "grid").glob("*.npz"))
    learnt, held = split(recipe, [read_stretch(path) for path in paths])
    if not held:
        msg = (
            f"{case.prepared / 'grid'} holds no clips that were held out; expected prepared GRID; "
            "give the folder that speech2face prepare wrote, or the data's folder too"
        )
        raise InputError(msg)
    return learnt, [in_time(clip) for clip in held] if case.in_time else held


def evaluate(
    case: Case,
    learnt: list[Stretch],
    held: list[Stretch],
    stage: Speech2Landmarks,
    recipe: Recipe,
    scorer: SyncScorer | None,
) -> tuple[Table, dict[str, Rows]]:
    """Score the stage speaker by speaker.

    Returns:
        The table, and its rows by group and name.
    """
    data = case.data
    rowmaker = Rowmaker(
        stage,
        FromEnergy(learnt[::5]),
        lambda clip: [] if data is None else closure_frames(align_of(data, clip)),
        scorer,
    )
    people: dict[str, list[Stretch]] = {}
    for clip in held:
        people.setdefault(clip.speaker, []).append(clip)
    groups: dict[str, Rows] = {}
    for speaker, own in sorted(people.items()):
        rowmaker.add(own)
        kind = "new person" if speaker in recipe.held_out_speakers else "new clips"
        groups[f"{speaker.removeprefix('grid-')} ({kind})"] = rowmaker.rows(own)
    for name, new in ((SEEN, False), (UNSEEN, True)):
        own = [clip for clip in held if (clip.speaker in recipe.held_out_speakers) == new]
        if own:
            groups[name] = rowmaker.rows(own)
    sizes = {
        SEEN: sum(clip.speaker not in recipe.held_out_speakers for clip in held),
        UNSEEN: sum(clip.speaker in recipe.held_out_speakers for clip in held),
    } | {f"{who.removeprefix('grid-')}": len(own) for who, own in people.items()}
    rows: list[Row] = [
        {"clips of": name, "n": sizes.get(name) or sizes[name.split(" (")[0]], "row": way} | row
        for name, group in groups.items()
        for way, row in group.items()
    ]
    return Table(
        name=NAME,
        title="Speech2Landmarks on held-out GRID clips",
        rows=rows,
        note=_note(stage, case),
    ), groups


def _note(stage: Speech2Landmarks, case: Case) -> str:
    moved = ", moved by the lag that was measured for each clip" if case.in_time else ""
    return (
        f"Truth is the face-mesh teacher's tracking of the real video, unsmoothed{moved}. "
        "±: half of the 95 % bootstrap interval over clips. Error: mean distance of the 20 lip "
        "landmarks in the picture plane over the outer-eye distance; beside it over that of a "
        "resting mouth and over that of loudness alone. r: correlation of the mouth opening at "
        "lag 0. Amplitude: standard deviation of the opening over the real one's. Late movements "
        "have a positive lag; lag within ±1: share of groups of ten clips whose mean correlation "
        "peaks there. Closures: b, p at a word's start, m at its end, met within two frames. "
        "Habit known: less the mean error on the person's other clips. Sync: cosine of our sync "
        f"network. Look-ahead: {(stage.network.config.delay + 1) * 40} ms from a frame's start."
    )


def load_stage(weights: Path | None) -> Speech2Landmarks:
    """Load the shipped network, or that of a weight file."""
    return (
        Speech2Landmarks.from_pretrained()
        if weights is None
        else Speech2Landmarks.from_file(weights)
    )


def plot(held: list[Stretch], stage: Speech2Landmarks, path: Path) -> None:
    """Draw real and predicted mouth opening of two clips of every held-out speaker."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an optional extra

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
        axes.plot(time, loudness(clip) * 0.05 - 0.01, "b", lw=0.5, label="loudness")
        axes.set_title(f"{clip.name}  r {correlation(real, mine, 0):.2f}")
    for empty in grid.flat[len(chosen) :]:
        empty.axis("off")
    grid.flat[0].legend()
    figure.savefig(path, dpi=80)


def write(case: Case, found: list[Table], out: Path) -> Path:
    """Write tables as one Markdown file and a JSON file each, and draw the openings.

    Returns:
        The Markdown file.
    """
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{NAME}.md"
    path.write_text("\n".join(table.markdown() for table in found), encoding="utf-8")
    for table in found:
        (out / f"{table.name}.json").write_text(table.json(), encoding="utf-8")
    if case.natural_only:
        return path
    recipe = read_recipe(case.recipe) if case.recipe else Recipe()
    plot(material(case, recipe)[1], load_stage(case.weights), out / f"{NAME}.png")
    return path


def draw(case: Case, count: int, generator: str, out: Path | None) -> list[Path]:
    """Draw clips beside their recordings (see `sheet`); return the sheets.

    Raises:
        InputError: It is not said where the recordings are, or where the sheets go.
    """
    if out is None or case.data is None:
        msg = (
            "sheets need --data and --output; expected the folder that holds grid/, and one for "
            "them"
        )
        raise InputError(msg)
    from speech2face.evaluation.speech.sheet import (  # noqa: PLC0415 - loads the whole pipeline
        choose,
        write_sheets,
    )
    from speech2face.jobs.animate import Speech2Face  # noqa: PLC0415
    from speech2face.jobs.settings import Settings  # noqa: PLC0415

    recipe = read_recipe(case.recipe) if case.recipe else Recipe()
    clips = choose(material(case, recipe)[1], count)
    parts = Speech2Face.from_pretrained("cpu").parts(Settings(generator=generator))
    return list(write_sheets(parts, load_stage(case.weights), clips, case.data, out))
