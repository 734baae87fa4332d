"""A small, silent, endlessly repeating GIF of a video, for a README or a chat."""

import io
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from speech2face.errors import InputError
from speech2face.media.output import atomic_output, check_outputs
from speech2face.media.video.video import VideoReader

_WIDEST = 4096
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
    """  # noqa: DOC502 VideoReader raises it
    check_outputs(output, inputs=[video], overwrite=overwrite)
    if output.suffix.lower() != ".gif":
        msg = f"the output {output} is no GIF by its name; expected an ending of .gif; change it"
        raise InputError(msg)
    if not (1 <= width <= _WIDEST and 1 <= fps <= _FASTEST):
        msg = (
            f"a GIF of {width} px at {fps} frames a second cannot be made; expected 1 to {_WIDEST} "
            f"px and 1 to {_FASTEST} frames; try 320 and 12"
        )
        raise InputError(msg)
    reader = VideoReader(video)
    from moviepy import VideoClip  # noqa: PLC0415 - half a second that other media do not need

    size = (width, max(1, round(width * reader.size[1] / reader.size[0])))
    frames = _Frames(reader, size)
    clip: Any = VideoClip(
        lambda seconds: frames.at(float(seconds)), duration=float(reader.info.duration)
    )
    # moviepy's own writer holds all frames too, and complains on its own where a disk is full.
    shown = [frames.at(0.0), *islice(clip.iter_frames(fps=fps, dtype="uint8"), 1, None)]
    pictures = [Image.fromarray(one) for one in shown]
    whole = io.BytesIO()
    pictures[0].save(
        whole, "GIF", save_all=True, append_images=pictures[1:], duration=1000 / fps, loop=0
    )
    with atomic_output(output, overwrite) as partial:
        partial.write_bytes(whole.getvalue())


class _Frames:
    """The frames of a video by time, which only goes forward."""

    def __init__(self, reader: VideoReader, size: tuple[int, int]) -> None:
        self._frames = enumerate(reader)
        self._fps, self._size = reader.fps, size
        self._shown: tuple[int, UInt8[np.ndarray, "height width 3"]] | None = None

    def at(self, seconds: float) -> UInt8[np.ndarray, "height width 3"]:
        wanted = int(Fraction(seconds) * self._fps + Fraction(1, 1000))
        while self._shown is None or self._shown[0] < wanted:
            following = next(self._frames, None)
            if following is None:
                break
            self._shown = following
        assert self._shown is not None  # noqa: S101 a reader has a frame
        small = cv2.resize(self._shown[1], self._size, interpolation=cv2.INTER_AREA)
        return small.astype(np.uint8)
