"""Everything that can be known to go wrong is found before the first model is loaded."""

import shutil
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from speech2face.checked import typed
from speech2face.errors import InputError, OutputError, Speech2FaceWarning
from speech2face.generators import registry
from speech2face.jobs.provenance import sidecar_path
from speech2face.jobs.settings import Settings, parse_colour
from speech2face.jobs.sound import open_audio
from speech2face.media.files import require_stored
from speech2face.media.image import read_image
from speech2face.media.inputs import Opened, Readable, open_input
from speech2face.media.output import check_outputs, require_name, shortened
from speech2face.media.sound.sound import Sound
from speech2face.media.video.container import require_mp4_name
from speech2face.media.video.encode import require_encoders
from speech2face.media.video.video import probe_video

_LONGEST_SIDE = 4096
"""Pixels: what decoders in phones and browsers take (H.264 level 5.2)."""

_LOOK_AHEAD = Fraction(30)
"""Seconds of sound that a preview hears beyond its end: the lips need a fifth of one; head, lids
and brows go by what is usual in the sound, which half a minute shows."""

_BYTES_PER_SECOND = 500_000
"""What a second of video may take on disk, generously."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One video to make; its inputs have been read or probed and its output can be written."""

    portrait: Opened
    image: UInt8[np.ndarray, "height width 3"]
    """The portrait's picture, upright, sRGB."""
    audio: Sound
    """The sound; of a preview no more than it needs."""
    duration: Fraction
    """Seconds of sound."""
    output: Path | None
    """Where the video goes; None: frames are only handed out."""
    sidecar: Path | None
    """Where the description of the video goes; None where there is no output."""
    overwrite: bool
    settings: Settings


@typed
def check(
    portrait: Readable,
    audio: Readable | Sound,
    output: Path | None,
    settings: Settings,
    *,
    overwrite: bool = False,
    generator: str = "warp",
) -> Job:
    """Make sure of everything that needs no model: generator, inputs, encoders, output, disk.

    Args:
        portrait: The picture: a file, bytes, a stream, or "-" for standard input.
        audio: The sound, or a video with sound, likewise.
        output: A file, or a folder for which a name is made from the inputs; None: no file.
        settings: How the portrait is to be animated.
        overwrite: Replace an output that exists.
        generator: Who is to draw the frames.

    Raises:
        InputError: The sound is empty or longer than allowed, or the output is one of the inputs.
    """  # noqa: DOC502 those below raise it
    registry.require(generator)
    pose, sidecar = settings.resolve().pose, None
    if output is not None:
        output, sidecar = check_video(output, portrait, audio, settings.files, overwrite=overwrite)
    seen = open_input(portrait, "portrait")
    sound = open_audio(audio, settings)
    if isinstance(pose, Path):
        probe_video(pose)
    if settings.speech2landmarks is not None:
        require_stored(settings.speech2landmarks, "weight file")
    require_encoders()
    sound = needed_of(sound, settings)
    duration = sound.duration
    require_allowed(sound.name, duration, settings.max_duration)
    if output is not None:
        require_space(output, duration)
    image = read_portrait(seen, settings)
    return Job(
        portrait=seen, image=image, audio=sound, duration=duration, output=output,
        sidecar=sidecar, overwrite=overwrite, settings=settings,
    )  # fmt: skip


def needed_of(sound: Sound, settings: Settings) -> Sound:
    """Return what is needed of a sound: of a preview no more than it hears."""
    if settings.preview is None:
        return sound
    return sound.first(settings.preview / settings.rate + _LOOK_AHEAD)


def require_allowed(name: str, duration: Fraction, longest: float | None) -> None:
    """Refuse a sound that is longer than the user allows.

    Raises:
        InputError: It is.
    """
    if longest is not None and duration > longest:
        msg = (
            f"{name} lasts {float(duration):.1f} s, at most {longest:g} s are allowed; raise "
            "--max-duration or cut the sound"
        )
        raise InputError(msg)


def check_video(
    output: Path, picture: Readable, audio: Readable | Sound, files: Iterable[object], *,
    overwrite: bool,
) -> tuple[Path, Path]:  # fmt: skip
    """Check where a video and its sidecar go: over no input, and over nothing else unasked.

    Args:
        output: A file, or a folder for which a name is made from the inputs.
        picture: The portrait, or the video.
        audio: The sound, or the driving video; "-" where it is still to come.
        files: All else that is read; what is no path is passed over.
        overwrite: Replace what exists.

    Returns:
        The video and the sidecar.

    Raises:
        InputError: One of them is an input.
        OutputError: One of them exists, or cannot be written.
    """  # noqa: DOC502 those below raise them
    inputs = [picture, audio, *files]
    video = named(output, name_of(picture), name_of(audio))
    check_outputs(video, inputs=inputs, overwrite=overwrite)
    require_mp4_name(video)
    return video, sidecar_path(video, inputs=inputs, overwrite=overwrite)


def read_portrait(
    given: Readable | Opened, settings: Settings
) -> UInt8[np.ndarray, "height width 3"]:
    """Read a picture; one that is larger than players can show as video is shrunk."""
    source = open_input(given, "portrait")
    image = read_image(source, parse_colour(settings.background), longest=_LONGEST_SIDE)
    longest = max(image.shape[:2])
    if longest <= _LONGEST_SIDE:
        return image
    size = tuple(round(side * _LONGEST_SIDE / longest) for side in image.shape[1::-1])
    note = (
        f"{source} has more pixels than players can show; the video will have {size[0]} x {size[1]}"
    )
    warnings.warn(note, Speech2FaceWarning, stacklevel=3)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def named(output: Path, *inputs: Path) -> Path:
    """Return the output file: itself, or in a folder a name made from the inputs."""
    require_name(output)
    if output.is_dir():
        stem = "_".join(path.stem for path in inputs)
        return output / shortened(stem, ".mp4")
    return output


def name_of(given: Readable | Sound) -> Path:
    """Return a file name to call an output after."""
    if isinstance(given, Sound):
        given = given.source.path or Path(given.source.name)
    return Path(given) if isinstance(given, str | Path) and str(given) != "-" else Path("input")


def require_space(output: Path, duration: Fraction) -> None:
    """Make sure that the disk can take the video.

    Raises:
        OutputError: It cannot.
    """
    free, needed = shutil.disk_usage(output.parent).free, int(duration * _BYTES_PER_SECOND)
    if free < needed:
        msg = (
            f"the disk of {output.parent} has {free / 1e6:.0f} MB free, the video may take "
            f"{needed / 1e6:.0f} MB; free some space or choose another folder"
        )
        raise OutputError(msg)
