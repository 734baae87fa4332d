"""Standard input and output of `animate`: "-" in the place of a file."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from typer import BadParameter

from speech2face.cli.options import ProgressKind
from speech2face.cli.terminal.progress import reporter
from speech2face.cli.terminal.say import say_path
from speech2face.jobs.settings import Settings

if TYPE_CHECKING:
    import torch

STANDARD = Path("-")
"""Standard input as AUDIO, standard output as -o."""


def standard_output(output: Path | None) -> BinaryIO | None:
    """Return standard output if the output is "-"; nothing else may be printed there then."""
    return sys.stdout.buffer if output == STANDARD else None


def check(portrait: Path, audio: Path, stream: BinaryIO | None, *, raw: bool) -> None:
    """Refuse what standard input and output cannot do.

    Raises:
        BadParameter: Both inputs are to come from one pipe, or raw frames have none to go to.
    """
    if portrait == audio == STANDARD:
        msg = "PORTRAIT and AUDIO are both -, standard input holds one of them; name the other"
        raise BadParameter(msg)
    if raw and not (stream and audio == STANDARD):
        msg = "--raw writes frames of sound that arrives to standard output: AUDIO is -, and -o -"
        raise BadParameter(msg)


def speak_arriving(
    portrait: Path,
    output: Path | BinaryIO | None,
    settings: Settings,
    device: "torch.device",
    progress: ProgressKind,
    *,
    raw: bool,
    overwrite: bool,
) -> None:
    """Speak what arrives on standard input.

    Raises:
        BadParameter: There is no output.
    """
    from speech2face.cli.learning.calibrate import calibrate_at_first_use
    from speech2face.jobs.animate import Speech2Face
    from speech2face.jobs.live import check_live, speak_live
    from speech2face.media.sound.arriving import Arriving
    from speech2face.media.sound.raw_audio import RawFormat

    if output is None:
        msg = "sound from standard input needs an output: -o OUT.mp4, or -o - for standard output"
        raise BadParameter(msg)
    job = check_live(portrait, output, settings, overwrite=overwrite)
    calibrate_at_first_use(settings.generator, device, progress)
    engine = Speech2Face.from_pretrained(str(device))
    form = None if settings.raw_audio is None else RawFormat.parse(settings.raw_audio)
    with reporter(progress) as report:
        speak_live(
            engine, job, lambda: Arriving(sys.stdin.buffer, form), raw_frames=raw, report=report
        )
    if isinstance(job.output, Path):
        say_path(job.output)
