"""Frames out: one ffmpeg that encodes the picture and takes the original sound, in one pass.

H.264 in yuv420p with bt709 colours, moov atom in front: what browsers, phones and editors play.
The video appears under its name when it is whole and checked, or not at all.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np
from jaxtyping import UInt8

from speech2face.errors import InputError
from speech2face.media.audio import AudioInfo, probe_audio
from speech2face.media.container import (
    check_lengths,
    container_options,
    require_mp4_name,
    sound_codec,
    write_source_type,
)
from speech2face.media.ffmpeg import FfmpegProcess, find_ffmpeg, input_file
from speech2face.media.output import atomic_output, check_output

_SCALER = "bicubic+accurate_rnd+full_chroma_int"
"""Luma within half a step of the exact value; swscale's default costs 1 % less and is worse."""

_TAGGED = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
"""The frames themselves are tagged: newer ffmpegs take no encoder option for it."""


@dataclass(frozen=True, kw_only=True)
class Quality:
    """How the picture is encoded."""

    crf: int = 18
    """x264's constant rate factor: 18 is visually lossless, each 6 more halve the size."""
    preset: str = "veryfast"
    """x264's preset; slower ones give smaller files of the same look."""


class VideoWriter:
    """Write frames and a sound as MP4, as a context manager with `write`.

    The constructor checks all that can be checked (ffmpeg, the output's folder, the sound), so
    build it before any long work. Leaving the block without an exception finishes the file,
    probes it and gives it its name; leaving it by one, Ctrl-C included, leaves nothing behind.
    """

    def __init__(
        self,
        output: Path,
        *,
        size: tuple[int, int],
        fps: Fraction,
        sound: Path | None,
        overwrite: bool,
        tags: dict[str, str],
        seconds: Fraction | None = None,
        quality: Quality = Quality(),
    ) -> None:
        """Check everything; nothing is started or written yet.

        Args:
            output: The file, ending in .mp4 or .m4v.
            size: Width and height of the frames in pixels. An odd one gains a last row or column
                that repeats its neighbour, as yuv420p needs.
            fps: Exact rate of the frames.
            sound: A sound file, or a video whose sound is taken. AAC, MP3 and ALAC are copied,
                all else becomes AAC of the same rate and channels.
            overwrite: Whether an existing file may be replaced.
            tags: Metadata by MP4's names: title, artist, comment, description, copyright, date.
                "digitalSourceType" (an IPTC address) is written as XMP, where IPTC wants it.
            seconds: Take no more than this of the sound (for a preview).
            quality: How the picture is encoded.

        Raises:
            MediaError: There is no ffmpeg, or no sound in the file.
            InputError: There is no such sound, or it lasts 0 s.
            OutputError: The output cannot be written, or exists and may not be replaced.
        """  # noqa: DOC502 the functions called raise them
        find_ffmpeg()
        require_mp4_name(output)
        check_output(output, overwrite=overwrite)
        self._output: Path = output
        self._size: tuple[int, int] = size
        self._fps: Fraction = fps
        self._overwrite: bool = overwrite
        self._tags: dict[str, str] = tags
        self._sound: Path | None = sound
        self._heard: AudioInfo | None = None if sound is None else probe_audio(sound)
        self._seconds: Fraction | None = seconds
        self._quality: Quality = quality
        self._open: ExitStack = ExitStack()
        self._process: FfmpegProcess | None = None
        self._temporary: Path | None = None
        self.frames: int = 0
        """How many frames were written so far."""

    def __enter__(self) -> "VideoWriter":  # noqa: PYI034 the checks of the tests know no Self here
        """Make the temporary file and start ffmpeg."""
        with ExitStack() as opened:
            self._temporary = opened.enter_context(atomic_output(self._output, self._overwrite))
            arguments = self._arguments(self._temporary)
            doing = f"write {self._output}"
            self._process = opened.enter_context(FfmpegProcess(arguments, doing=doing, feeds=True))
            self._open = opened.pop_all()
        return self

    def write(self, frame: UInt8[np.ndarray, "height width 3"]) -> None:
        """Hand over one frame; it is not copied where its rows lie one after another.

        Args:
            frame: sRGB, of the size given at the start.

        Raises:
            MediaError: ffmpeg failed; its last words are in the message.
            OutputError: The disk is full.
            ValueError: The frame has another size than promised.
        """  # noqa: DOC502 FfmpegProcess.write raises the first two
        width, height = self._size
        if frame.shape != (height, width, 3) or frame.dtype != np.uint8:
            msg = f"expected a frame of {width}x{height} uint8, got {frame.shape} {frame.dtype}"
            raise ValueError(msg)
        assert self._process is not None, "write is for use inside the with block"  # noqa: S101
        self._process.write(np.ascontiguousarray(frame).data.cast("B"))
        self.frames += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish, check and name the file; after an exception remove it.

        Raises:
            MediaError: ffmpeg failed, or picture and sound differ by a frame or more.
        """  # noqa: DOC502 _finish raises it
        if error is not None:
            self._open.__exit__(kind, error, trace)
            return
        with self._open:  # what goes wrong in here takes the temporary file along
            self._finish()

    def _finish(self) -> None:
        """End ffmpeg, write what it cannot write, and check the result.

        Raises:
            InputError: Not one frame was written.
        """
        assert self._process is not None  # noqa: S101 __enter__ set both
        assert self._temporary is not None  # noqa: S101
        if self.frames == 0:
            msg = f"no frame was given for {self._output}; expected at least one"
            raise InputError(msg)
        self._process.finish()
        write_source_type(self._temporary, self._tags)
        if self._heard is not None:
            heard = self._heard.duration
            given = heard if self._seconds is None else min(heard, self._seconds)
            check_lengths(self._temporary, 1 / self._fps, given)

    def _arguments(self, temporary: Path) -> list[str]:
        width, height = self._size
        picture = [
            "-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{width}x{height}",
            "-framerate", str(self._fps), "-i", "pipe:0",
        ]  # fmt: skip
        sound, taken = self._sound_arguments()
        coded = [
            "-map", "0:v", "-vf", _filters(width, height), "-c:v", "libx264",
            "-preset", self._quality.preset, "-crf", str(self._quality.crf),
            "-profile:v", "high", "-pix_fmt", "yuv420p",
        ]  # fmt: skip
        return [*picture, *sound, *coded, *taken, *container_options(self._tags, temporary)]

    def _sound_arguments(self) -> tuple[list[str], list[str]]:
        """Give the arguments that open the sound, and those that put it into the output."""
        if self._sound is None or self._heard is None:
            return [], []
        cut = self._seconds is not None
        limit = ["-t", f"{float(self._seconds):.6f}"] if self._seconds is not None else []
        taken = ["-map", "1:a:0", *sound_codec(self._heard, cut=cut)]
        return [*limit, *input_file(self._sound)], taken


def _filters(width: int, height: int) -> str:
    """Pad to even sides by repeating the last row or column, then convert to bt709."""
    pad = ""
    if width % 2 or height % 2:
        right, bottom = width % 2, height % 2
        pad = (
            f"format=gbrp,pad={width + right}:{height + bottom},"
            f"fillborders=right={right}:bottom={bottom}:mode=smear,"
        )
    return f"{pad}scale=in_range=full:out_range=tv:out_color_matrix=bt709:flags={_SCALER},{_TAGGED}"
