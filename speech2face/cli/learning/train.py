"""`speech2face train`: a recipe becomes weights, in as many sittings as it takes."""

from pathlib import Path
from typing import Annotated

import typer

from speech2face.cli import options
from speech2face.cli.terminal.progress import counting


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            help="A TOML file, or a shipped recipe by name: speech2landmarks.toml.",
            metavar="RECIPE",
        ),
    ],
    *,
    data: Annotated[
        Path, typer.Option(help="Folder of the prepared material (see speech2face prepare).")
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Folder for checkpoint, log, curves and weights."),
    ],
    ship: Annotated[
        Path | None,
        typer.Option(help="Enter the weights into this pretrained folder when all is learnt."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(help="Stop after this time with a checkpoint; the same command goes on.",
                     min=0.0),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--anew", help="Go on from the checkpoint in --output, if any.")
    ] = True,
    threads: options.Threads = None,
    device: options.Device = "auto",
    progress: options.ProgressOption = options.ProgressKind.BAR,
) -> None:  # fmt: skip
    """Train a network as RECIPE says, or go on with a training that was stopped.

    In --output: checkpoint.pt (written whole or not at all), log.jsonl, curves.png, previews/, and
    the weights, which are running means. With the extra train also tensorboard/.

    speech2face train speech2landmarks.toml --data prepared/ -o run/

    Several processes or GPUs: torchrun --nproc-per-node 2 -m speech2face train RECIPE ...
    """  # noqa: DOC501 - the text is the command's help
    import torch

    from speech2face.errors import InputError
    from speech2face.training.loop.loop import Report, run
    from speech2face.training.loop.ranks import among_ranks
    from speech2face.training.systems import find_recipe, read_training

    if threads is not None:
        torch.set_num_threads(threads)
    training = read_training(find_recipe(recipe))
    if not data.is_dir():
        msg = f"the folder {data} does not exist; expected prepared material: {training.made_by}"
        raise InputError(msg)
    if ship is not None and not ship.is_dir():
        msg = f"the folder {ship} to ship to does not exist; create it first"
        raise InputError(msg)
    task = training.open(data, output)
    first = among_ranks().first
    reached = training.config.steps
    with counting(progress if first else options.ProgressKind.NONE, "train") as tell:

        def report(state: Report) -> None:
            nonlocal reached
            reached = state.step
            tell(state.step, state.steps, state.words)

        weights = run(
            task, training.config, output, device=device, minutes=minutes, resume=resume,
            report=report,
        )  # fmt: skip
    if not first:
        return
    if reached < training.config.steps:
        typer.echo(
            f"speech2face: stopped at step {reached} of {training.config.steps}; the same command "
            "goes on",
            err=True,
        )
    elif ship is not None:
        weights = training.ship(weights, ship)
    typer.echo(weights)
