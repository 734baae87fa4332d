"""The options that the measurements of `speech2face evaluate` share, each with its help."""

from pathlib import Path
from typing import Annotated

import typer

from speech2face.face.teacher import TASK, FaceMeshTeacher

Data = Annotated[
    Path, typer.Option(envvar="SPEECH2FACE_DATA", help="Folder with grid/, portraits/.")
]
Teacher = Annotated[Path | None, typer.Option(help="The judge's .task file.")]
People = Annotated[int, typer.Option(min=1, help="Held-out portraits.")]


def load_judge(data: Path, teacher: Path | None) -> FaceMeshTeacher:
    """Load the judge that the user named, or the one in the data."""
    return FaceMeshTeacher(teacher or data / TASK)
