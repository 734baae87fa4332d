"""`speech2face synthesize`: training pairs with exact truth, as files."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from speech2face.cli import options
from speech2face.cli.terminal.progress import counting


class Kind(StrEnum):
    """Where pairs come from."""

    HEADS = "heads"
    PORTRAITS = "portraits"
    GRID = "grid"


def synthesize(
    kind: Annotated[
        Kind,
        typer.Argument(
            help="heads: rendered people; portraits: animated photographs; grid: recordings.",
            metavar="heads|portraits|grid",
        ),
    ],
    *,
    data: Annotated[
        Path,
        typer.Option(
            help="Folder with ict_facekit/, makehuman_cc0/ and models/, or portraits/, or grid/."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the pairs.")],
    count: Annotated[
        int | None,
        typer.Option(help="Identities at most; without it all, or 500 rendered ones.", min=1),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another number makes other pairs.", min=0, max=99)] = 0,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 1,
    tracks: Annotated[
        Path | None,
        typer.Option(
            help="Meshes tracked before: grid: a folder of SPEAKER_CLIP.npz; portraits: an npz "
            "file with names and meshes. Without it faces are tracked."
        ),
    ] = None,
    progress: options.ProgressOption = options.ProgressKind.BAR,
) -> None:
    """Make training pairs: frames of one person, their face meshes, and the motion between them.

    One npz file a person, whole or absent; the same seed gives the same files. What is there
    already is not made again, so that an interrupted run goes on.

    speech2face synthesize heads --data data/ -o pairs/heads --count 500

    speech2face synthesize portraits --data data/ -o pairs/portraits --workers 4
    """
    from speech2face.synthesis.engine import Order
    from speech2face.synthesis.engine import synthesize as make

    order = Order(kind=kind.value, data=data, seed=seed, tracks=tracks)
    with counting(progress, kind.value) as report:
        made = make(order, output, count=count, workers=workers, report=report)
    typer.echo(f"{output}: {made} identities")
