"""`speech2face evaluate generators`: tables on held-out people, and blind sheets for the eye.

`table` lets generators redraw frames whose truth is known; `sheets` shows two generators side by
side in an order that only the key file knows; `turns` shows how each keeps a person who turns.
The judge is a face landmarker task file that the user brings (as for `evaluate video`); the
identity network is brought as well (`--identity`, see `evaluation.identity`), its columns stay
empty without it.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from speech2face.errors import InputError
from speech2face.evaluation.generators import cases as generator_cases
from speech2face.evaluation.generators.cases import Case
from speech2face.evaluation.generators.identity import IdentityJudge
from speech2face.evaluation.generators.measures import Bench, paired_table, score_table
from speech2face.evaluation.generators.rows import rows_of
from speech2face.evaluation.generators.stage import Stage
from speech2face.evaluation.material import held_out_clips, measured_portraits, sheet_portraits
from speech2face.evaluation.options import Data, People, Teacher, load_judge
from speech2face.evaluation.tables import Cell, Table
from speech2face.face.track import FaceTracker
from speech2face.synthesis.pairs import list_identities

GROUPS = ("real", "animated", "heads")
_NOTES = {
    "real": (
        "Held-out GRID recordings at 256 px: the first frame is the source, nine later ones in "
        "runs of three are to be drawn. Their motion is measured by our own tracker; landmarks "
        "are judged by the face-mesh teacher."
    ),
    "animated": (
        "Held-out portraits moved by the warp generator, whose frames are the truth: its own row "
        "is perfect by definition, only the others compare."
    ),
    "heads": "Rendered heads of held-out identities with exact meshes, 256 px.",
}

Work = Annotated[Path, typer.Option(help="Where tracked frames, tables and sheets are kept.")]
Names = Annotated[
    list[str] | None, typer.Option("--generator", help="A generator; may be repeated.")
]
Identity = Annotated[
    Path | None, typer.Option(help="Folder `model` of npm's @vladmandic/face-api.")
]
Size = Annotated[int | None, typer.Option(help="Side of the crop in pixels.")]
Count = Annotated[int, typer.Option(min=1, help="Clips, portraits or heads, at most.")]

app = typer.Typer(
    help="Compare generators on held-out people.", no_args_is_help=True, add_completion=False,
    pretty_exceptions_enable=False,
)  # fmt: skip


@app.command()
def table(
    data: Data, work: Work, names: Names = None,
    group: Annotated[str, typer.Option(help="real, animated or heads.")] = "real",
    heads: Annotated[Path | None, typer.Option(help="Folder of rendered heads.")] = None,
    teacher: Teacher = None, identity: Identity = None, count: Count = 24,
) -> None:  # fmt: skip
    """Redraw frames whose truth is known, and measure how near each generator comes."""
    cases = cases_of(group, data, work, count, heads)
    bench = Bench(
        load_judge(data, teacher),
        None if identity is None else IdentityJudge.from_face_api(identity),
    )
    tables = compare(group, cases, names or ["warp"], bench, identified=identity is not None)
    publish(work, *tables)


@app.command()
def sheets(
    data: Data, work: Work, names: Names = None,
    sound: Annotated[list[Path] | None, typer.Option("--sound", help="May be repeated.")] = None,
    people: People = 12,
    size: Size = None,
    seed: Annotated[int, typer.Option(help="Decides who is A.")] = 0,
) -> None:  # fmt: skip
    """Two generators side by side without their names; key.json tells which is which."""
    sounds = sound or [clip.video for clip in held_out_clips(data, 2)]
    portraits = [row.portrait for row in sheet_portraits(data)[:people]]
    studio = Stage(work, _two(names), size)
    for path in portraits:
        for each in sounds:
            studio.sheet(path, each, seed)
            typer.echo(f"  {path.stem} {each.stem}", err=True)
    typer.echo(f"{len(portraits) * len(sounds)} sheets in {studio.folder}, key.json beside them")


@app.command()
def turns(
    data: Data, work: Work, names: Names = None, identity: Identity = None, teacher: Teacher = None,
    people: People = 12,
    size: Size = None,
) -> None:  # fmt: skip
    """Heads that turn by 20 degrees to both sides, and how far the person stays the same."""
    studio = Stage(work, names or ["warp"], size)
    judges = None
    if identity is not None:
        judges = load_judge(data, teacher), IdentityJudge.from_face_api(identity)
    kept = [studio.turn(row.portrait, judges) for row in sheet_portraits(data)[:people]]
    found = turn_table([row for rows in kept for row in rows])
    found.write(work)
    typer.echo(found.markdown())


def _two(names: Sequence[str] | None) -> tuple[str, str]:
    """Take the names of two generators.

    Raises:
        InputError: There are more or fewer.
    """
    if names is None or len(names) != 2:  # noqa: PLR2004 - as the message says
        msg = (
            f"sheets compare two generators, {len(names or ())} were named; give --generator twice"
        )
        raise InputError(msg)
    return names[0], names[1]


def cases_of(group: str, data: Path, work: Path, count: int, heads: Path | None) -> Iterator[Case]:
    """List the cases of a protocol.

    Raises:
        InputError: There is no such protocol, or heads were asked for without their folder.
    """
    cache = work / "cases"
    if group == "real":
        clips = held_out_clips(data, count)
        return generator_cases.real_cases(clips, FaceTracker.from_pretrained(), cache)
    if group == "animated":
        portraits = measured_portraits(data)[:count]
        return generator_cases.animated_cases(portraits, FaceTracker.from_pretrained(), cache)
    files = [] if heads is None else list_identities(heads, held_out=True)[:count]
    if group == "heads" and files:
        return generator_cases.head_cases(files)
    msg = f"no cases of {group!r}; choose one of {', '.join(GROUPS)}, heads with --heads FOLDER"
    raise InputError(msg)


def turn_table(rows: Sequence[Mapping[str, Cell]]) -> Table:
    """Average the identity cosines of portraits, one row a generator."""
    means: list[dict[str, Cell]] = []
    for name in dict.fromkeys(row["row"] for row in rows):
        own = [row for row in rows if row["row"] == name]
        mean: dict[str, Cell] = {"row": name, "portraits": len(own)}
        for column in dict.fromkeys(key for row in own for key in row if key.startswith("yaw")):
            values = [row.get(column) for row in own]
            mean[column] = float(np.mean([v for v in values if isinstance(v, float)]))
        means.append(mean)
    note = f"Identity cosine against the portrait by {IdentityJudge.name}."
    return Table(
        name="generators-turns", title="Identity while the head turns", rows=means, note=note
    )


def compare(
    group: str, cases: Iterator[Case], names: Sequence[str], bench: Bench, *, identified: bool
) -> tuple[Table, Table, Table]:
    """Draw and measure every case with every row.

    Returns:
        The table to read, the same as plain numbers, and the paired comparison.
    """
    rows = rows_of(names, torch.device("cpu"))
    scores = {row.name: [] for row in rows}
    for case in cases:
        for row in rows:
            scores[row.name].append(bench(case, row(case)))
        typer.echo(f"  {case.name}", err=True)
    judge = (
        IdentityJudge.name if identified else "none given (--identity), so its columns are empty"
    )
    note = (
        f"{_NOTES[group]} L1, PSNR, SSIM where the crop shows the picture; errors in percent of "
        f"the outer-eye distance; sharpness: energy of detail over the truth's; identity against "
        f"the source by: {judge}. ±: half the 95 % bootstrap interval over clips."
    )
    base = "warp" if "warp" in scores else "still"
    return (
        score_table(group, scores, note),
        score_table(group, scores, note, plain=True),
        paired_table(group, scores, base),
    )


def publish(work: Path, readable: Table, plain: Table, paired: Table) -> None:
    """Print the tables and keep them as Markdown and JSON."""
    work.mkdir(parents=True, exist_ok=True)
    text = readable.markdown() + "\n" + paired.markdown()
    (work / f"{readable.name}.md").write_text(text, encoding="utf-8")
    (work / f"{plain.name}.json").write_text(plain.json(), encoding="utf-8")
    (work / f"{paired.name}.json").write_text(paired.json(), encoding="utf-8")
    typer.echo(text)
