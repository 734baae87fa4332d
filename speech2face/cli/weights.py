"""`speech2face weights`: what ships with the package, and whether it is whole."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table


def build() -> typer.Typer:
    """Put the group's commands together."""
    group = typer.Typer(help="The shipped weights: list them, verify them.", no_args_is_help=True)
    group.command("list")(show)
    group.command("verify")(verify)
    return group


def show() -> None:
    """List the shipped files: what they are, their licence and what they were trained on."""
    from speech2face.checkpoints.store import manifest

    table = Table()
    for title in ("name", "kB", "what", "licence", "trained on", "SHA-256"):
        table.add_column(title, no_wrap=title == "name")
    for name, row in sorted(manifest().items()):
        size = f"{row.bytes / 1000:.0f}"
        table.add_row(name, size, row.what, row.licence, row.trained_on, row.sha256[:12])
    Console(soft_wrap=False).print(table)


def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Which; without any: all.")] = None,
) -> None:
    """Compare the shipped files with the manifest; the first that differs ends the command (6)."""
    from speech2face.checkpoints.store import manifest, verified_path

    for name in names or sorted(manifest()):
        typer.echo(f"{name}: whole, {verified_path(name)}")
