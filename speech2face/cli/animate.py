"""`speech2face animate`: the whole job."""

from pathlib import Path
from typing import Annotated

import typer

from speech2face.cli import options
from speech2face.cli.settings_options import with_settings
from speech2face.cli.terminal import pipes
from speech2face.cli.terminal.progress import reporter
from speech2face.cli.terminal.say import say_path
from speech2face.jobs.settings import Settings

_Portrait = Annotated[
    Path | None,
    typer.Argument(help="A picture with a face.", metavar="PORTRAIT", show_default=False),
]
_Audio = Annotated[
    Path | None,
    typer.Argument(
        help="A sound file, or a video whose sound is used.", metavar="AUDIO", show_default=False
    ),
]
_Raw = Annotated[
    bool,
    typer.Option(
        "--raw", help="With -o -: frames as rows of RGB bytes instead of MP4.",
        rich_help_panel=options.RUN,
    ),
]  # fmt: skip
# Other tools name their inputs by options; cli.aliases turns those into these two.
_PortraitOption = Annotated[Path | None, typer.Option("--portrait", hidden=True)]
_AudioOption = Annotated[Path | None, typer.Option("--audio", hidden=True)]


@with_settings()
def animate(
    portrait: _Portrait = None,
    audio: _Audio = None,
    *,
    portrait_option: _PortraitOption = None,
    audio_option: _AudioOption = None,
    output: options.Output = None,
    overwrite: options.Overwrite = False,
    settings: Settings,
    raw: _Raw = False,
    device: options.Device = "auto",
    progress: options.ProgressOption = options.ProgressKind.BAR,
) -> None:
    """Make a PORTRAIT speak the words of AUDIO.

    The flags of other tools are understood where they mean something here (--source_image,
    --driven_audio, --still, --preprocess full, --face, --outfile, --cpu, ...) and refused by name
    where they do not. A sidecar OUT.json says how the video was made.

    speech2face animate me.jpg talk.wav -o talk.mp4

    speech2face animate me.jpg talk.wav --emotion happy:0.7 --blink 12 --pose still --fps 29.97

    With - as AUDIO a WAV (or, with --raw-audio, PCM) is spoken while it arrives on standard input;
    with -o - fragmented MP4 (or, with --raw, frames) goes to standard output:

    piper ... | speech2face animate me.jpg - -o - | ffplay -
    """
    places = _inputs(portrait, audio, portrait_option, audio_option)

    from speech2face import devices
    from speech2face.cli.learning.calibrate import calibrate_at_first_use
    from speech2face.jobs import preflight
    from speech2face.jobs.animate import Speech2Face

    place, stream = devices.resolve(device), pipes.standard_output(output)
    pipes.check(*places, stream, raw=raw)
    if places[1] == pipes.STANDARD:
        pipes.speak_arriving(
            places[0], stream or output, settings, place, progress, raw=raw, overwrite=overwrite
        )
        return
    target = None if stream else output or Path()
    job = preflight.check(
        *places, target, settings, overwrite=overwrite, generator=settings.generator
    )
    calibrate_at_first_use(settings.generator, place, progress)
    engine = Speech2Face.from_pretrained(str(place))
    typer.echo(f"speech2face: {settings.generator} on {place}", err=True)
    with reporter(progress) as report:
        engine.run(job, report, stream)
    if job.output is not None:
        say_path(job.output)


def _inputs(
    portrait: Path | None,
    audio: Path | None,
    portrait_option: Path | None,
    audio_option: Path | None,
) -> tuple[Path, Path]:
    """Bring arguments and the options of other tools together.

    Raises:
        BadParameter: An input is missing or given twice.
    """
    places = [path for path in (portrait, audio) if path is not None]
    if portrait_option is not None:
        places.insert(0, portrait_option)
    if audio_option is not None:
        places.append(audio_option)
    if len(places) != 2:  # noqa: PLR2004 - the two inputs
        msg = f"expected one portrait and one sound, got {len(places)} inputs"
        raise typer.BadParameter(msg)
    return places[0], places[1]
