"""The command line: which commands there are, and how one is run."""

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from speech2face import __version__
from speech2face.cli import (
    animate,
    batch,
    benchmark,
    doctor,
    dub,
    gif,
    reenact,
    serve,
    stages,
    weights,
)
from speech2face.cli.evaluate import group as evaluate
from speech2face.cli.learning import calibrate, finetune, pairs, prepare, synthesize, train

_INTERRUPTED = 130


class _Commands(TyperGroup):
    """A group whose interrupted commands end quietly: `terminal.interruption` says so."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - its type has moved between versions
        """Run the command.

        Raises:
            Exit: It was interrupted.
        """
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(_INTERRUPTED) from None


def _show_version(wanted: bool | None) -> None:
    if wanted:
        typer.echo(f"speech2face {__version__}")
        raise typer.Exit


def _top(
    version: Annotated[
        bool | None,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = None,
) -> None:
    """A portrait and a WAV become a narrated avatar video.

    speech2face animate PORTRAIT AUDIO -o OUT.mp4 does the whole job; landmarks, latents, render and
    mux do one stage of it each. Nothing is sent anywhere: everything runs on this machine.
    """
    del version


def build() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(
        cls=_Commands, callback=_top, no_args_is_help=True, add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown", context_settings={"help_option_names": ["-h", "--help"]},
    )  # fmt: skip
    app.command("animate")(animate.animate)
    app.command("dub")(dub.dub)
    app.command("reenact")(reenact.reenact)
    app.command("landmarks")(stages.landmarks)
    app.command("latents")(stages.latents)
    app.command("render")(stages.render)
    app.command("mux")(stages.mux)
    app.command("batch")(batch.batch)
    app.command("serve")(serve.serve)
    app.command("gif")(gif.gif)
    app.command("benchmark")(benchmark.benchmark)
    app.command("calibrate")(calibrate.calibrate)
    app.command("doctor")(doctor.doctor)
    app.command("prepare")(prepare.prepare)
    app.command("synthesize")(synthesize.synthesize)
    app.command("train")(train.train)
    app.command("finetune")(finetune.finetune)
    app.add_typer(pairs.build(), name="pairs")
    app.add_typer(evaluate.build(), name="evaluate")
    app.add_typer(weights.build(), name="weights")
    return app


def run(arguments: Sequence[str]) -> int:
    """Run a command and give its exit status; our own errors pass through.

    Raises:
        BrokenPipeError: Nobody reads what is printed.
    """
    stdout, stderr = sys.stdout, sys.stderr
    try:
        typer.main.get_command(build()).main(args=list(arguments), prog_name="speech2face")
    except SystemExit as end:
        # typer meets a closed pipe by a silent status 1, and wraps both streams; so does rich.
        wrapped = type(sys.stdout).__name__ == "PacifyFlushWrapper"
        if wrapped or isinstance(end.__context__, BrokenPipeError):
            sys.stdout, sys.stderr = stdout, stderr
            raise BrokenPipeError from end
        return end.code if isinstance(end.code, int) else 0
    return 0
