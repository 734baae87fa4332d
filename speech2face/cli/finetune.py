"""`speech2face finetune`: the shipped Speech2Landmarks gets used to one speaker."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from speech2face.cli import options
from speech2face.cli.prepare import prepare_videos
from speech2face.cli.progress import counting
from speech2face.cli.say import say_path


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
    work: Annotated[
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
    """  # noqa: DOC501 - the text is the command's help
    import shutil

    import torch

    from speech2face.errors import InputError
    from speech2face.evaluation.speech.finetuned import finetuned_table
    from speech2face.media.output import atomic_output, check_outputs
    from speech2face.stages.speech2landmarks import Speech2Landmarks
    from speech2face.training.loop.loop import Report, run
    from speech2face.training.speech.recipe import for_material
    from speech2face.training.speech.speech2landmarks import open_task, read_recipe
    from speech2face.training.speech.talking_videos import known
    from speech2face.training.systems import find_recipe

    plan = read_recipe(find_recipe(recipe))
    check_outputs(output, inputs=[*videos, Path(recipe)], overwrite=overwrite)
    if threads is not None:
        torch.set_num_threads(threads)
    with _folder(work) as folder:
        if prepare_videos(videos, folder, "me", device, progress, lag=True) == len(videos):
            msg = "no video can be used; expected one that speech2face prepare takes; see above"
            raise InputError(msg)
        facts = [known(video, folder) for video in videos]
        plan = for_material(plan, sum(one.seconds for one in facts if one is not None))
        task = open_task(plan, folder)
        with counting(progress, "learn") as tell:

            def report(state: Report) -> None:
                tell(state.step, state.steps, state.words)

            weights = run(task, plan, folder / "run", device=device, minutes=minutes, report=report)
        shipped, mine = Speech2Landmarks.from_pretrained(), Speech2Landmarks.from_file(weights)
        table = finetuned_table(shipped, mine, task.held_out)
        with atomic_output(output, overwrite) as partial:
            shutil.copyfile(weights, partial)
    typer.echo(table.markdown())
    say_path(output)


@contextmanager
def _folder(work: Path | None) -> Iterator[Path]:
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
        yield work
        return
    with tempfile.TemporaryDirectory() as temporary:
        yield Path(temporary)
