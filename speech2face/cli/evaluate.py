"""`speech2face evaluate`: measurements with their sanity rows, each loaded when it is asked for.

What a measurement can be told stands with the measurement (`speech2face.evaluation`); here are only
the words that lead to it.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Annotated

import typer

_REPORTS = {
    "speech2landmarks": (
        "speech2face.evaluation.speech.speech2landmarks",
        "How well lips are read from sound: held-out people and clips, noise, languages.",
    ),
    "video": (
        "speech2face.evaluation.video.report",
        "Finished videos by an independent judge: sync, silence, motion, blinks, emotion, seam.",
    ),
    "generators": (
        "speech2face.evaluation.generators.report",
        "Generators side by side on held-out faces: pictures, landmarks, identity.",
    ),
}
_ALL_ARGUMENTS = {"ignore_unknown_options": True, "allow_interspersed_args": False}


def build() -> typer.Typer:
    """Put the group's commands together."""
    group = typer.Typer(
        help="Measure networks and videos on held-out material.", no_args_is_help=True
    )
    for name, (module, what) in _REPORTS.items():
        # --help is passed on too: the measurement explains itself.
        command = group.command(
            name, help=what, add_help_option=False, context_settings=_ALL_ARGUMENTS
        )
        command(_forward(module, name))
    return group


def _forward(module: str, name: str) -> Callable[[list[str] | None], None]:
    def forward(words: Annotated[list[str] | None, typer.Argument()] = None) -> None:
        report = import_module(module)
        if hasattr(report, "app"):
            command = typer.main.get_command(report.app)
            status = command.main(
                args=words or [], prog_name=f"speech2face evaluate {name}", standalone_mode=False
            )
            raise typer.Exit(status if isinstance(status, int) else 0)
        report.main(words or [])

    return forward
