"""`speech2face prepare`: talking videos and corpora become what networks learn from."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speech2face.cli import options
from speech2face.cli.terminal.progress import counting

if TYPE_CHECKING:
    from speech2face.jobs.prepare import PreparedVideo


class Corpus(StrEnum):
    """The corpora that are known by name."""

    GRID = "grid"
    FACEGOOD = "facegood"
    SYNTHETIC = "synthetic"
    NATURAL = "natural"
    VOICES = "voices"
    FACES = "faces"


def prepare(
    videos: Annotated[
        list[Path] | None,
        typer.Argument(help="Videos of one talking person each, seen from the front."),
    ] = None,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of prepared material.")],
    speaker: Annotated[
        str | None, typer.Option(help="All VIDEOS show this one person; without it each another.")
    ] = None,
    lag: Annotated[
        bool,
        typer.Option("--lag/--keep-lag", help="Measure how late the sound is, and correct it."),
    ] = True,
    corpora: Annotated[
        Path | None,
        typer.Option(help="Folder with grid/, facegood/, portraits/, models/: they are prepared."),
    ] = None,
    only: Annotated[
        list[Corpus] | None, typer.Option(help="Of the corpora, this one; may be repeated.")
    ] = None,
    recipe: Annotated[
        str, typer.Option(help="Says who is held out, and so tells synthetic lips nothing.")
    ] = "speech2landmarks.toml",
    threads: options.Threads = None,
    device: options.Device = "auto",
    progress: options.ProgressOption = options.ProgressKind.BAR,
) -> None:
    """Turn talking VIDEOS, or the corpora, into material for training.

    Faces are followed, pose and size are taken out, the sound is resampled to 16 kHz, the motion to
    25 frames a second; pieces of up to 10 s are written as npz files of one schema. What is there
    already is not made again. A video that cannot be used is named in one line and passed over;
    the exit status is 9 then.

    speech2face prepare me1.mp4 me2.mp4 --speaker me -o prepared/

    speech2face prepare --corpora data/ -o prepared/
    """  # noqa: DOC501 - the text is the command's help
    if not videos and corpora is None:
        msg = "nothing to prepare; name videos, or a folder by --corpora"
        raise typer.BadParameter(msg)
    if only and corpora is None:
        msg = "--only chooses among --corpora, which is missing"
        raise typer.BadParameter(msg)
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    if corpora is not None:
        _corpora(corpora, output, [one.value for one in only or Corpus], recipe)
    if videos:
        _videos(videos, output, device, progress, speaker=speaker, lag=lag)


def _corpora(data: Path, output: Path, names: Sequence[str], recipe: str) -> None:
    from speech2face.training.speech.corpora import prepare_corpora
    from speech2face.training.speech.speech2landmarks import read_recipe
    from speech2face.training.systems import find_recipe

    for name, count in prepare_corpora(data, output, read_recipe(find_recipe(recipe)), names):
        typer.echo(f"{name}: {count}")


def _videos(
    videos: Sequence[Path], output: Path, device: str, progress: options.ProgressKind, *,
    speaker: str | None, lag: bool,
) -> None:  # fmt: skip
    """Prepare videos.

    Raises:
        Exit: Some could not be used.
    """
    from speech2face import devices
    from speech2face.jobs.prepare import prepare_videos

    failed = False
    with counting(progress, "prepare") as report:
        for video in prepare_videos(
            videos, output, devices.resolve(device), speaker=speaker, lag=lag, progress=report
        ):
            show(video)
            failed |= video.facts is None
    if failed:
        raise typer.Exit(options.SOME_FAILED)


def show(video: "PreparedVideo") -> None:
    """Say what became of a video."""
    if video.facts is None:
        typer.echo(f"speech2face: {video.line()}", err=True)
    else:
        typer.echo(video.line())
