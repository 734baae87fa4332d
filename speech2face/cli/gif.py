"""`speech2face gif`: a video becomes a small GIF."""

from pathlib import Path
from typing import Annotated

import typer

from speech2face.cli.terminal.say import say_path


def gif(
    video: Annotated[Path, typer.Argument(help="A video.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The GIF to write.")],
    width: Annotated[int, typer.Option(help="Pixels; the height follows.")] = 320,
    fps: Annotated[int, typer.Option(help="Frames a second, 1 to 50.")] = 12,
    overwrite: Annotated[bool, typer.Option("-y", "--overwrite", help="Replace it.")] = False,
) -> None:
    """Make a small, silent GIF of a video, for a README or a chat."""
    from speech2face.media.video.gif import write_gif

    write_gif(video, output, width=width, fps=fps, overwrite=overwrite)
    say_path(output)
