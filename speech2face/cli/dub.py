"""`speech2face dub`: a video says another sound."""

from pathlib import Path
from typing import Annotated

import typer

from speech2face.cli import options
from speech2face.cli.settings_options import with_settings
from speech2face.cli.terminal.progress import reporter
from speech2face.cli.terminal.say import say_path
from speech2face.jobs.dub.settings import DubSettings

_Video = Annotated[Path, typer.Argument(help="A video of somebody.", metavar="VIDEO")]


@with_settings(kind=DubSettings)
def dub(
    video: _Video,
    audio: options.AudioArgument,
    *,
    output: options.Output = None,
    overwrite: options.Overwrite = False,
    settings: DubSettings,
    device: options.Device = "auto",
    progress: options.ProgressOption = options.ProgressKind.BAR,
) -> None:
    """Make the person in VIDEO say the words of AUDIO.

    Only what speaking moves changes: lips, jaw, cheeks and the inside of the mouth. Head, gaze,
    blinks, hair and background stay the video's own, and frames without a face pass as they are.

    speech2face dub interview.mp4 other.wav -o dubbed.mp4

    speech2face dub interview.mp4 other.wav --start 3 --end 9 --sync-mode bounce --mix-original -18
    """
    from speech2face import devices
    from speech2face.jobs.animate import Speech2Face
    from speech2face.jobs.dub.job import check_dub

    place = devices.resolve(device)
    job = check_dub(video, audio, output or Path(), settings, overwrite=overwrite)
    engine = Speech2Face.from_pretrained(str(place))
    typer.echo(f"speech2face: dubbing on {place}", err=True)
    with reporter(progress) as report:
        engine.run_dub(job, report)
    if job.output is not None:
        say_path(job.output)
