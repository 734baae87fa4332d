"""`speech2face finetune`: the shipped Speech2Landmarks gets used to one speaker."""

from pathlib import Path
from typing import Annotated

import typer

from speech2face.cli import options
from speech2face.cli.learning.prepare import show
from speech2face.cli.terminal.progress import counting
from speech2face.cli.terminal.say import say_path


def finetune(
    videos: Annotated[
        list[Path], typer.Argument(help="Videos of the speaker, a minute or more in all.")
    ],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The weights to write (.safetensors).")
    ],
    recipe: Annotated[
        str, typer.Option(help="Steps, rate, share held out; a TOML file or a shipped name.")
    ] = "finetune.toml",
    minutes: Annotated[
        float | None, typer.Option(help="Learn no longer than this.", min=0.0)
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(help="Keep prepared material, log and curves here, and go on from there."),
    ] = None,
    threads: options.Threads = None,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    progress: options.ProgressOption = options.ProgressKind.BAR,
) -> None:
    """Teach the shipped Speech2Landmarks one speaker's lips from VIDEOS.

    The last quarter of what is said is held out; the table tells how well it is read by the shipped
    weights and by the new ones. Use them with animate --speech2landmarks FILE.

    speech2face finetune me1.mp4 me2.mp4 -o me.safetensors
    """
    import torch

    from speech2face.evaluation.speech.finetuned import finetuned_table
    from speech2face.jobs.finetune import finetune as learn
    from speech2face.media.output import check_outputs
    from speech2face.training.speech.speech2landmarks import read_recipe
    from speech2face.training.systems import find_recipe

    plan = read_recipe(find_recipe(recipe))
    check_outputs(output, inputs=[*videos, Path(recipe)], overwrite=overwrite)
    if threads is not None:
        torch.set_num_threads(threads)
    with counting(progress, "learn") as report:
        done = learn(
            videos, output, plan, device=device, minutes=minutes, keep=keep, overwrite=overwrite,
            prepared=show, progress=report,
        )  # fmt: skip
    typer.echo(finetuned_table(done.shipped, done.finetuned, done.held_out).markdown())
    say_path(output)
