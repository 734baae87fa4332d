"""`speech2face reenact`: a portrait moves as a person in a video does."""

from pathlib import Path
from typing import Annotated

import typer

from speech2face.cli import options
from speech2face.cli.settings_options import with_settings
from speech2face.cli.terminal.progress import reporter
from speech2face.cli.terminal.say import say_path
from speech2face.jobs.reenact.settings import OWN, ReenactSettings

_Driving = Annotated[
    Path,
    typer.Argument(
        help="A video of a face that moves; a picture of one; or what landmarks or latents wrote.",
        metavar="DRIVING",
    ),
]
_Audio = Annotated[
    Path | None,
    typer.Option(
        "--audio", help="A sound that moves the lips and is heard; head, eyes and brows are the "
        "video's, which is played to and fro if it is shorter.",
    ),
]  # fmt: skip


@with_settings(kind=ReenactSettings)
def reenact(
    portrait: options.PortraitArgument,
    driving: _Driving,
    *,
    audio: _Audio = None,
    output: options.Output = None,
    overwrite: options.Overwrite = False,
    settings: ReenactSettings,
    device: options.Device = "auto",
    progress: options.ProgressOption = options.ProgressKind.BAR,
) -> None:
    """Make a PORTRAIT move as the person in the video DRIVING does.

    The video's sound is carried over. The person need not look like the portrait at the start: the
    frame that does is found.

    speech2face reenact me.jpg actor.mp4 -o me.mp4

    The face of a picture is put on and kept; with --audio it speaks meanwhile.

    speech2face reenact me.jpg actor.mp4 --audio talk.wav --regions head:0.7+eyes+brows -o me.mp4

    speech2face reenact me.jpg actor.mp4 --generator fomm:vox --motion own -o me.mp4
    """
    from speech2face import devices
    from speech2face.cli.learning.calibrate import calibrate_at_first_use
    from speech2face.jobs.animate import Speech2Face
    from speech2face.jobs.reenact.job import check_reenact

    place = devices.resolve(device)
    job = check_reenact(
        portrait, driving, output or Path(), settings, audio=audio, overwrite=overwrite
    )
    if settings.motion != OWN:
        calibrate_at_first_use(settings.generator, place, progress)
    engine = Speech2Face.from_pretrained(str(place))
    typer.echo(f"speech2face: {settings.generator} on {place}", err=True)
    with reporter(progress) as report:
        engine.run_reenact(job, report)
    if job.output is not None:
        say_path(job.output)
