"""Everything that can be known to go wrong is found before the first model is loaded."""

import shutil
import warnings
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from speech2face.errors import InputError, OutputError, Speech2FaceWarning
from speech2face.generators import registry
from speech2face.jobs.settings import Settings, parse_colour
from speech2face.media.audio import probe_audio
from speech2face.media.container import require_mp4_name
from speech2face.media.ffmpeg import find_ffmpeg
from speech2face.media.files import require_file
from speech2face.media.image import read_image
from speech2face.media.output import check_output
from speech2face.media.video import probe_video

_LONGEST_SIDE = 4096
"""Pixels: what decoders in phones and browsers take (H.264 level 5.2)."""

_BYTES_PER_SECOND = 500_000
"""What a second of video may take on disk, generously."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One video to make; its inputs have been read or probed and its output can be written."""

    portrait: Path
    image: UInt8[np.ndarray, "height width 3"]
    """The portrait's picture, upright, sRGB."""
    audio: Path
    duration: Fraction
    """Seconds of sound."""
    output: Path | None
    """Where the video goes; None: frames are only handed out."""
    overwrite: bool
    settings: Settings


def check(
    portrait: Path,
    audio: Path,
    output: Path | None,
    settings: Settings,
    *,
    overwrite: bool = False,
    generator: str = "warp",
) -> Job:
    """Make sure of everything that needs no model: generator, inputs, ffmpeg, output, disk.

    Args:
        portrait: The picture.
        audio: The sound, or a video with sound.
        output: A file, or a folder for which a name is made from the inputs; None: no file.
        settings: How the portrait is to be animated.
        overwrite: Replace an output that exists.
        generator: Who is to draw the frames.

    Raises:
        InputError: The sound is empty or longer than allowed, or the output is one of the inputs.
    """
    registry.require(generator)
    pose = settings.resolve().pose
    inputs = [portrait, audio, *([pose] if isinstance(pose, Path) else [])]
    if output is not None:
        output = named(output, portrait, audio)
        if output.resolve() in {path.resolve() for path in inputs}:
            msg = f"{output} is an input and inputs are never written to; choose another output"
            raise InputError(msg)
        require_mp4_name(output)
        check_output(output, overwrite=overwrite)
    require_file(portrait, "portrait")
    require_file(audio, "sound")
    if isinstance(pose, Path):
        probe_video(pose)
    find_ffmpeg()
    duration = probe_audio(audio).duration
    if settings.max_duration is not None and duration > settings.max_duration:
        msg = (
            f"{audio} lasts {float(duration):.1f} s, at most {settings.max_duration:g} s are "
            "allowed; raise --max-duration or cut the sound"
        )
        raise InputError(msg)
    if output is not None:
        _require_space(output, duration)
    image = read_portrait(portrait, settings)
    return Job(
        portrait=portrait, image=image, audio=audio, duration=duration, output=output,
        overwrite=overwrite, settings=settings,
    )  # fmt: skip


def read_portrait(path: Path, settings: Settings) -> UInt8[np.ndarray, "height width 3"]:
    """Read a picture; one that is larger than players can show as video is shrunk."""
    image = read_image(path, background=parse_colour(settings.background))
    longest = max(image.shape[:2])
    if longest <= _LONGEST_SIDE:
        return image
    size = tuple(round(side * _LONGEST_SIDE / longest) for side in image.shape[1::-1])
    note = (
        f"{path} has {image.shape[1]} x {image.shape[0]} pixels; "
        f"the video will have {size[0]} x {size[1]}, which players can show"
    )
    warnings.warn(note, Speech2FaceWarning, stacklevel=3)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def named(output: Path, *inputs: Path) -> Path:
    """Give the output file: itself, or in a folder a name made from the inputs."""
    if output.is_dir():
        return output / ("_".join(path.stem for path in inputs) + ".mp4")
    return output


def _require_space(output: Path, duration: Fraction) -> None:
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
