"""`speech2face evaluate speech2landmarks` and `learning-curve`: how well lips are read."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from speech2face.cli import options

_Prepared = Annotated[Path, typer.Option(help="Prepared corpora; GRID is prepared if absent.")]
_Data = Annotated[
    Path | None,
    typer.Option(
        envvar="SPEECH2FACE_DATA",
        help="Folder that holds grid/ and models/: word times for the closures, recordings.",
    ),
]
_Recipe = Annotated[
    Path | None, typer.Option(help="Says what is held out; without it the shipped recipe.")
]


class Study(StrEnum):
    """What short trainings are compared about."""

    PEOPLE = "people"
    LOOK_AHEAD = "look-ahead"
    SYNC = "sync"
    CLIPS = "clips"
    SEED = "seed"


def speech2landmarks(
    *,
    prepared: Annotated[
        Path | None, typer.Option(help="Prepared corpora; GRID is prepared if absent.")
    ] = None,
    data: _Data = None,
    recipe: _Recipe = None,
    weights: Annotated[
        Path | None, typer.Option(help="A weight file; without it the shipped one.")
    ] = None,
    sync_weights: Annotated[Path | None, typer.Option(help="Of the sync network.")] = None,
    other: Annotated[
        list[Path] | None,
        typer.Option(help="Weights of another look-ahead, to compare with; may be repeated."),
    ] = None,
    languages: Annotated[
        bool,
        typer.Option("--languages", help="Score synthetic voices too (needs [train])."),
    ] = False,
    in_time: Annotated[
        bool,
        typer.Option("--in-time", help="Move the real lips by the lag measured for each clip."),
    ] = False,
    natural_only: Annotated[
        bool, typer.Option("--natural-only", help="Score natural speech alone (needs --data).")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for tables, plot and sheets.")
    ] = None,
    sheets: Annotated[
        int,
        typer.Option(help="Instead of the tables: draw N clips beside their recordings.", min=0),
    ] = 0,
    generator: Annotated[str, typer.Option(help="What draws the sheets.")] = "warp",
    threads: options.Threads = 1,
) -> None:
    """Score Speech2Landmarks on held-out people and clips of GRID, with its sanity rows."""  # noqa: DOC501 - the text is the command's help
    if prepared is None and not natural_only:
        msg = "--prepared is missing; expected the folder that speech2face prepare wrote"
        raise typer.BadParameter(msg)
    import torch

    from speech2face.evaluation.speech import speech2landmarks as report

    torch.set_num_threads(threads or 1)
    case = report.Case(
        prepared=prepared or Path(), natural_only=natural_only, data=data,
        weights=weights, sync_weights=sync_weights, others=tuple(other or ()),
        recipe=recipe, languages=languages, in_time=in_time,
    )  # fmt: skip
    if sheets:
        for path in report.draw(case, sheets, generator, output):
            typer.echo(path)
        return
    tables = report.tables(case)
    typer.echo("\n".join(table.markdown() for table in tables))
    if output is not None:
        report.write(case, tables, output)


def learning_curve(
    *,
    prepared: _Prepared,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the trainings.")],
    data: _Data = None,
    recipe: _Recipe = None,
    steps: Annotated[int, typer.Option(help="Of each training.", min=1)] = 600,
    only: Annotated[
        list[Study] | None, typer.Option(help="Of the studies, this one; may be repeated.")
    ] = None,
    threads: options.Threads = 1,
) -> None:
    """Train Speech2Landmarks briefly with fewer people, fewer clips, more look-ahead, and score it.

    Each training has a folder of its own in the output; the same command goes on where it was
    stopped. The table is printed after every training.
    """
    import torch

    from speech2face.evaluation.speech import learning_curve as curve

    torch.set_num_threads(threads or 1)
    studies = [study.value for study in only or Study]
    for table in curve.study(prepared, data, output, recipe, steps, studies):
        typer.echo(table.markdown())
