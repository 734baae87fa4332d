"""A small, silent, endlessly repeating GIF of a video, for a README or a chat."""

from pathlib import Path
from typing import Any

from speech2face.errors import InputError, MediaError
from speech2face.media.output import atomic_output
from speech2face.media.video import probe_video

_FASTEST = 50
"""Frames a second: browsers show GIFs of a shorter delay much slower."""


def write_gif(
    video: Path, output: Path, *, width: int = 320, fps: int = 12, overwrite: bool = False
) -> None:
    """Write a GIF of a video.

    Args:
        video: Any video that ffmpeg reads.
        output: The file, ending in .gif.
        width: Pixels; the height follows.
        fps: Frames a second, 1 to 50.
        overwrite: Whether an existing file may be replaced.

    Raises:
        InputError: The name, the width or the rate cannot be used.
        MediaError: The video cannot be decoded.
    """
    if output.suffix.lower() != ".gif":
        msg = f"the output {output} is no GIF by its name; expected an ending of .gif; change it"
        raise InputError(msg)
    if width <= 0 or not 1 <= fps <= _FASTEST:
        msg = (
            f"a GIF of {width} px at {fps} frames a second cannot be made; expected a width above "
            f"0 and 1 to {_FASTEST} frames; try 320 and 12"
        )
        raise InputError(msg)
    probe_video(video)
    from moviepy import VideoFileClip  # noqa: PLC0415 - half a second that other media do not need

    with atomic_output(output, overwrite) as partial:
        try:
            with VideoFileClip(str(video), audio=False) as clip:
                small: Any = clip.resized(width=width)  # moviepy's types say less than it gives
                small.write_gif(str(partial), fps=fps, logger=None)
        except (OSError, ValueError) as error:
            msg = f"{video} cannot be made a GIF ({error}); expected a video; encode it anew"
            raise MediaError(msg) from error
