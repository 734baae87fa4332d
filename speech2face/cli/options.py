"""The options that several commands share, each with its help; settings have their own file."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

RUN = "The run"
"""Title of the options that say how, not what."""

SOME_FAILED = 9
"""Exit status where some of several inputs could not be used; the others are done."""


class ProgressKind(StrEnum):
    """How progress is shown."""

    BAR = "bar"
    JSON = "json"
    NONE = "none"


PortraitArgument = Annotated[Path, Argument(help="A picture with a face.", metavar="PORTRAIT")]
AudioArgument = Annotated[
    Path, Argument(help="A sound file, or a video whose sound is used.", metavar="AUDIO")
]

Output = Annotated[
    Path | None,
    Option(
        "--output", "-o",
        help="A file, or a folder for which the name is made from the inputs. Without it: that "
        "name in the current folder.",
    ),
]  # fmt: skip
Overwrite = Annotated[bool, Option("--overwrite", "-y", help="Replace an output that exists.")]

Device = Annotated[str, Option(help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel=RUN)]
Threads = Annotated[int | None, Option(help="CPU threads; without it torch decides.", min=1)]
ProgressOption = Annotated[
    ProgressKind,
    Option(
        "--progress",
        help="bar; json: one object a line on stderr; none.",
        rich_help_panel=RUN,
    ),
]
Plot = Annotated[
    Path | None,
    Option(help="Draw the result into this PNG (needs speech2face\\[plot])."),
]
