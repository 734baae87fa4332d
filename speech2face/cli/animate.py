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
_Speakers = Annotated[
    list[str] | None,
    typer.Option(
        "--speaker", metavar="FACE=SOUND",
        help="Of a picture of several people: this face says this sound, instead of AUDIO; once "
        "for each. FACE as in --face-select; SOUND@3.5 begins at that second, SOUND@+0.5 so long "
        "after the one before. All other faces listen.",
    ),
]  # fmt: skip
_Faces = Annotated[
    Path | None,
    typer.Option(
        "--faces", help="Who speaks when in AUDIO, a TOML file: left = \\[\\[0, 3.2], \\[7.5, 9]]. "
        "All other faces listen.",
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
    speaker: _Speakers = None,
    faces: _Faces = None,
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

    Several people of one picture speak in turn, and listen to each other:

    speech2face animate us.jpg --speaker left=a.wav --speaker right=b.wav@+0.3 -o us.mp4
    """
    given = _given(portrait, audio, portrait_option, audio_option)
    if speaker or faces:
        _animate_group(
            given, speaker or [], faces, output, settings, device, progress,
            overwrite=overwrite, raw=raw,
        )  # fmt: skip
        return
    places = _inputs(given)

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


def _given(
    portrait: Path | None,
    audio: Path | None,
    portrait_option: Path | None,
    audio_option: Path | None,
) -> list[Path]:
    """Bring arguments and the options of other tools together: the portrait, then the sound."""
    places = [path for path in (portrait, audio) if path is not None]
    if portrait_option is not None:
        places.insert(0, portrait_option)
    if audio_option is not None:
        places.append(audio_option)
    return places


def _inputs(given: list[Path]) -> tuple[Path, Path]:
    """Return the portrait and the sound.

    Raises:
        BadParameter: An input is missing or given twice.
    """
    if len(given) != 2:  # noqa: PLR2004 - the two inputs
        msg = f"expected one portrait and one sound, got {len(given)} inputs"
        raise typer.BadParameter(msg)
    return given[0], given[1]


def _animate_group(
    given: list[Path],
    speakers: list[str],
    faces: Path | None,
    output: Path | None,
    settings: Settings,
    device: str,
    progress: options.ProgressKind,
    *,
    overwrite: bool,
    raw: bool,
) -> None:
    """Make several people of one picture speak.

    Raises:
        BadParameter: The inputs do not fit together.
    """
    if speakers and faces:
        msg = "--speaker gives each face its sound, --faces shares one out; write one of them"
        raise typer.BadParameter(msg)
    if len(given) != (1 if speakers else 2):
        wanted = "one picture, AUDIO is left out" if speakers else "one picture and one sound"
        which = "--speaker" if speakers else "--faces"
        msg = f"with {which} expected {wanted}, got {len(given)} inputs"
        raise typer.BadParameter(msg)
    if pipes.STANDARD in given or raw:
        msg = "several speakers are heard before they are drawn: name files, without - and --raw"
        raise typer.BadParameter(msg)

    from speech2face import devices
    from speech2face.cli.learning.calibrate import calibrate_at_first_use
    from speech2face.jobs.animate import Speech2Face
    from speech2face.jobs.group.job import check_group
    from speech2face.jobs.group.speakers import in_turns, parse_speaker

    place, stream = devices.resolve(device), pipes.standard_output(output)
    who = [parse_speaker(text) for text in speakers] if faces is None else in_turns(faces, given[1])
    job = check_group(
        given[0], who, None if stream else output or Path(), settings, overwrite=overwrite,
        files={} if faces is None else {"faces": faces},
    )  # fmt: skip
    calibrate_at_first_use(settings.generator, place, progress)
    engine = Speech2Face.from_pretrained(str(place))
    typer.echo(f"speech2face: {settings.generator} on {place}", err=True)
    with reporter(progress) as report:
        engine.run_group(job, report, stream)
    if job.output is not None:
        say_path(job.output)
