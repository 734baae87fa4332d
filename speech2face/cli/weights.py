"""`speech2face weights`: what ships and what was imported, whether it is whole, and the import."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from speech2face.cli import options
from speech2face.cli.terminal.say import say_path

_Name = Annotated[
    str, typer.Option(help="What to call them: --generator FAMILY:NAME uses them then.")
]


def build() -> typer.Typer:
    """Put the group's commands together."""
    group = typer.Typer(
        help="Weights, shipped and imported: list them, verify them, import public checkpoints.",
        no_args_is_help=True,
    )
    group.command("list")(show)
    group.command("verify")(verify)
    group.command("import")(bring)
    return group


def show() -> None:
    """List shipped and imported files: what they are, their licence, what they were trained on."""
    from speech2face.checkpoints.library import imported
    from speech2face.checkpoints.store import manifest

    table = Table()
    for title in ("name", "kB", "what", "licence", "trained on", "SHA-256"):
        table.add_column(title, no_wrap=title == "name")
    for name, row in (*sorted(manifest().items()), *sorted(imported().items())):
        size = f"{row.bytes / 1000:.0f}"
        table.add_row(name, size, row.what, row.licence, row.trained_on, row.sha256[:12])
    Console(soft_wrap=False).print(table)


def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Which; without any: all.")] = None,
) -> None:
    """Compare the files with their manifests; the first that differs ends the command (6)."""
    from speech2face.checkpoints.library import find, imported
    from speech2face.checkpoints.store import manifest, verified_path

    brought = imported()
    for name in names or sorted(manifest()) + sorted(brought):
        path = find(name).path if name in brought else verified_path(name)
        typer.echo(f"{name}: whole, {path}")


def bring(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="A checkpoint; further files add the networks that the first lacks.",
            metavar="FILE...",
        ),
    ],
    *,
    name: _Name,
    size: Annotated[
        int | None,
        typer.Option(help="Side in pixels that the network draws at, 256 or 512; known to most."),
    ] = None,
    align_corners: Annotated[
        bool | None,
        typer.Option(
            "--align-corners/--no-align-corners",
            help="How its pictures were sampled in training; known to most.",
        ),
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="What the weights may be used for, as you know it.")
    ] = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Import a public checkpoint: face-vid2vid (Zhang), SadTalker's renderer, FOMM, DaGAN, X2Face.

    Which of them a file holds is seen by its tensors.

    Only tensors are read; nothing in the file is run. The converted file goes to the folder of
    imported weights (or where SPEECH2FACE_WEIGHTS says).

    speech2face weights import 00000189-checkpoint.pth.tar --name vox

    speech2face weights import DaGAN_vox_adv_256.pth.tar encoder.pth depth.pth --name dagan

    speech2face weights import SadTalker_V0.0.2_256.safetensors facevid2vid_00189-model.pth.tar
    --name sadtalker
    """
    from speech2face.checkpoints import library
    from speech2face.generators.registry import convert

    path = library.prepare_folder(name=name, overwrite=overwrite)
    converted = convert(files, size=size, align_corners=align_corners, licence=licence)
    for line in converted.report:
        typer.echo(line, err=True)
    config = converted.config
    system = converted.system
    what = f"{system.title}, preset {converted.preset}, {config['layout']} layout"
    command = "speech2face " + shlex.join(sys.argv[1:])
    library.add(path, converted.tensors, config, what=what, command=command)
    typer.echo(f"licence: {config['licence']}", err=True)
    typer.echo(f"--generator {system.kind}:{name} uses it", err=True)
    say_path(path)
