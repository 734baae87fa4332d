"""The options that the measurements share, each with its help."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path, typer.Option(envvar="SPEECH2FACE_DATA", help="Folder with grid/, portraits/, models/.")
]
Output = Annotated[
    Path, typer.Option("--output", "-o", help="Folder of what is made; earlier tables go.")
]
Teacher = Annotated[
    Path | None, typer.Option(help="The judge's .task file; without it that of the data.")
]
People = Annotated[int, typer.Option(min=1, help="Held-out portraits.")]
Sounds = Annotated[list[Path] | None, typer.Option("--sound", help="A sound; may be repeated.")]
