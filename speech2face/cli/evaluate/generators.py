"""`speech2face evaluate generators`: tables on held-out people, and blind sheets for the eye."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speech2face.cli.evaluate.options import Data, Output, People, Sounds, Teacher

if TYPE_CHECKING:
    from speech2face.evaluation.generators.identity import IdentityJudge

_Names = Annotated[
    list[str] | None, typer.Option("--generator", help="A generator; may be repeated.")
]
_Identity = Annotated[
    Path | None, typer.Option(help="Folder `model` of npm's @vladmandic/face-api.")
]
_Size = Annotated[int | None, typer.Option(help="Side of the crop in pixels.")]


class Group(StrEnum):
    """What generators redraw."""

    REAL = "real"
    ANIMATED = "animated"
    HEADS = "heads"


def build() -> typer.Typer:
    """Put the group's commands together."""
    group = typer.Typer(
        help="Generators side by side on held-out faces: pictures, landmarks, identity.",
        no_args_is_help=True,
    )
    for command in (table, sheets, turns):
        group.command(command.__name__)(command)
    return group


def table(
    data: Data, output: Output, names: _Names = None,
    group: Annotated[
        Group, typer.Option(help="Recordings, portraits moved by warp, or rendered heads.")
    ] = Group.REAL,
    heads: Annotated[Path | None, typer.Option(help="Folder of rendered heads.")] = None,
    teacher: Teacher = None, identity: _Identity = None,
    count: Annotated[int, typer.Option(min=1, help="Clips, portraits or heads, at most.")] = 24,
) -> None:  # fmt: skip
    """Redraw frames whose truth is known, and measure how near each generator comes."""
    from speech2face.evaluation.generators import report
    from speech2face.evaluation.generators.measures import Bench
    from speech2face.evaluation.material import load_judge

    cases = report.cases_of(group.value, data, output, count, heads)
    bench = Bench(load_judge(data, teacher), _identity(identity))
    tables = report.compare(
        group.value, cases, names or ["warp"], bench, identified=identity is not None,
        tell=lambda name: typer.echo(f"  {name}", err=True),
    )  # fmt: skip
    typer.echo(report.keep(output, *tables))


def sheets(
    data: Data, output: Output, names: _Names = None, sound: Sounds = None, people: People = 12,
    size: _Size = None,
    seed: Annotated[int, typer.Option(help="Decides which is A.")] = 0,
) -> None:  # fmt: skip
    """Two generators side by side without their names; key.json tells which is which."""
    from speech2face.evaluation.generators.report import two
    from speech2face.evaluation.generators.stage import Stage
    from speech2face.evaluation.material import held_out_clips, sheet_portraits

    sounds = sound or [clip.video for clip in held_out_clips(data, 2)]
    portraits = [row.portrait for row in sheet_portraits(data)[:people]]
    stage = Stage(output, two(names), size)
    for path in portraits:
        for each in sounds:
            stage.sheet(path, each, seed)
            typer.echo(f"  {path.stem} {each.stem}", err=True)
    typer.echo(f"{len(portraits) * len(sounds)} sheets in {stage.folder}, key.json beside them")


def turns(
    data: Data, output: Output, names: _Names = None, identity: _Identity = None,
    teacher: Teacher = None, people: People = 12, size: _Size = None,
) -> None:  # fmt: skip
    """Heads that turn by 20 degrees to both sides, and how far the person stays the same."""
    from speech2face.evaluation.generators.report import turn_table
    from speech2face.evaluation.generators.stage import Stage
    from speech2face.evaluation.material import load_judge, sheet_portraits

    stage, judge = Stage(output, names or ["warp"], size), _identity(identity)
    judges = None if judge is None else (load_judge(data, teacher), judge)
    rows = [stage.turn(row.portrait, judges) for row in sheet_portraits(data)[:people]]
    means = turn_table([row for of_portrait in rows for row in of_portrait])
    means.write(output)
    typer.echo(means.markdown())


def _identity(folder: Path | None) -> "IdentityJudge | None":
    from speech2face.evaluation.generators.identity import IdentityJudge

    return None if folder is None else IdentityJudge.from_face_api(folder)
