"""`speech2face pairs`: training pairs in one file, to carry them to another machine."""

from pathlib import Path
from typing import Annotated

import typer

from speech2face.cli import options


def build() -> typer.Typer:
    """Put the group's commands together."""
    group = typer.Typer(help="Carry training pairs in one small file.", no_args_is_help=True)
    group.command("pack")(pack)
    group.command("unpack")(unpack)
    return group


def pack(
    pairs: Annotated[Path, typer.Argument(help="Folder of the pairs.")],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    megabytes: Annotated[float, typer.Option(help="Size of the file, at most.")] = 60.0,
    held_out: Annotated[int, typer.Option(help="Held-out identities of each kind.")] = 8,
    overwrite: options.Overwrite = False,
) -> None:
    """Put identities of every kind into one file, as many as fit, the same bytes for each kind.

    Frames travel as JPEG, meshes as half floats; flow and visibility stay behind.
    """
    from speech2face.training.fast.pack import MEGABYTE
    from speech2face.training.fast.pack import pack as write

    size = write(pairs, output, megabytes=megabytes, held_out=held_out, overwrite=overwrite)
    typer.echo(f"{output}: {size / MEGABYTE:.1f} MiB")


def unpack(
    file: Annotated[Path, typer.Argument(help="What pack wrote.")],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the pairs.")],
) -> None:
    """Write the identities of a packed file as synthesize does."""
    from speech2face.training.fast.pack import unpack as read

    typer.echo(f"{output}: {read(file, output)} identities")
