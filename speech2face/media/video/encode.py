"""Frames out: the picture is encoded and the sound put beside it, in one pass and this process.

H.264 in yuv420p with bt709 colours, moov atom in front: what browsers, phones and editors play.
A file appears under its name when it is whole and checked, or not at all; a stream gets fragments
that play from the first one on.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol, runtime_checkable

import av
import av.error
import numpy as np
from av.container import OutputContainer
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from jaxtyping import Float32, UInt8

from speech2face.errors import InputError, MediaError, shown
from speech2face.media.inputs import Readable
from speech2face.media.libav import as_output_error, chain
from speech2face.media.output import atomic_outputs, check_outputs
from speech2face.media.sound.audio import open_sound
from speech2face.media.sound.sound import Sound
from speech2face.media.sound.soundtrack import SoundFormat, SoundTrack
from speech2face.media.video.container import (
    append_source_type,
    check_lengths,
    require_mp4_name,
    source_type_box,
    write_tags,
)

_SCALER = "bicubic+accurate_rnd+full_chroma_int"
"""Luma within half a step of the exact value; swscale's default costs 1 % less and is worse."""

_BT709, _LIMITED = 1, 1
"""Of H.264's tables of colour spaces, primaries and transfer curves, and of ranges."""

_FRAGMENTED = "frag_keyframe+empty_moov+default_base_moof+delay_moov"
_WAITING_FRAMES = 4
"""Frames that may wait for the encoder, which works beside whatever draws them."""

_AHEAD = Fraction(1, 2)
"""Seconds by which the sound is written ahead of the picture, so that both lie side by side."""


@runtime_checkable
class ByteSink(Protocol):
    """A stream that bytes go to: a pipe, standard output, the answer of a server."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Take all bytes."""
        ...

    def flush(self) -> object:
        """Pass on what was taken."""
        ...


@dataclass(frozen=True, kw_only=True)
class Quality:
    """How the picture is encoded."""

    crf: int = 18
    """x264's constant rate factor: 18 is visually lossless, each 6 more halve the size."""
    preset: str = "veryfast"
    """x264's preset; slower ones give smaller files of the same look."""
    fragment: Fraction = Fraction(1, 2)
    """Seconds of a fragment of a stream: what a viewer waits for."""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A file that appears together with a video, or not at all."""

    path: Path
    content: Callable[[Path], bytes]
    """Makes its bytes from the finished video, which still has a temporary name."""


def require_encoders() -> None:
    """Check that this installation can write H.264 and AAC.

    Raises:
        MediaError: It cannot.
    """
    for name, what in (("libx264", "H.264"), ("aac", "AAC")):
        try:
            av.Codec(name, "w")
        except (av.error.FFmpegError, ValueError) as error:
            msg = (
                f"the installed PyAV cannot write {what}: it was built without {name}; "
                "expected the wheel of PyPI; run pip install --force-reinstall --no-deps av"
            )
            raise MediaError(msg) from error


class VideoWriter:
    """Write frames and a sound as MP4, as a context manager with `write`.

    The constructor checks all that can be checked (encoders, the output's folder, the sound), so
    build it before any long work. Leaving the block without an exception finishes the file,
    probes it and gives it its name; leaving it by one, Ctrl-C included, leaves nothing behind.
    """

    def __init__(
        self,
        output: Path | ByteSink,
        *,
        size: tuple[int, int],
        fps: Fraction,
        sound: Sound | SoundFormat | Readable | None,
        overwrite: bool,
        tags: dict[str, str],
        seconds: Fraction | None = None,
        quality: Quality = Quality(),
        beside: Beside | None = None,
    ) -> None:
        """Check everything; nothing is started or written yet.

        Args:
            output: The file, ending in .mp4 or .m4v; or a stream, which gets fragments.
            size: Width and height of the frames in pixels. An odd one gains a last row or column
                that repeats its neighbour, as yuv420p needs.
            fps: Exact rate of the frames.
            sound: A whole sound; AAC that players know is copied, all else becomes AAC of the same
                rate and channels. Or the format of the sound that `write_sound` will be given.
            overwrite: Whether an existing file may be replaced.
            tags: Metadata by MP4's names: title, artist, comment, description, copyright, date.
                "digitalSourceType" (an IPTC address) is written as XMP, where IPTC wants it.
            seconds: Take no more than this of the sound (for a preview).
            quality: How the picture is encoded.
            beside: A file that belongs to the video, for instance its sidecar.

        Raises:
            MediaError: The encoders are missing, or no sound is in the file.
            InputError: There is no such sound, or it lasts 0 s.
            OutputError: The output cannot be written, or exists and may not be replaced.
        """  # noqa: DOC502 the functions called raise them
        require_encoders()
        self._stream: ByteSink | None = None
        self._path: Path | None = None
        if isinstance(output, Path):
            require_mp4_name(output)
            check_outputs(output, beside and beside.path, overwrite=overwrite)
            self._path = output
        else:
            self._stream = output
        self._size: tuple[int, int] = size
        self._fps: Fraction = fps
        self._overwrite: bool = overwrite
        self._tags: dict[str, str] = tags
        self._sound: Sound | SoundFormat | None = None
        if isinstance(sound, SoundFormat):
            self._sound = sound
        elif sound is not None:
            self._sound = open_sound(sound).first(seconds)
        self._quality: Quality = quality
        self._doing: str = f"write {shown(output) if isinstance(output, Path) else 'the video'}"
        self._open: ExitStack = ExitStack()
        self._temporaries: list[Path] = []
        self._beside: Beside | None = beside
        self._container: OutputContainer | None = None
        self._picture: VideoStream | None = None
        self._track: SoundTrack | None = None
        self._graph: Graph | None = None
        self._worker: ThreadPoolExecutor = ThreadPoolExecutor(1, "encoder")
        self._work: deque[Future[None]] = deque()
        self.frames: int = 0
        """How many frames were written so far."""

    def __enter__(self) -> "VideoWriter":  # noqa: PYI034 the checks of the tests know no Self here
        """Make the temporary file and open the encoders."""
        with ExitStack() as opened:
            if self._path is not None:
                paths = [self._path, *([self._beside.path] if self._beside else [])]
                self._temporaries = opened.enter_context(atomic_outputs(paths, self._overwrite))
            self._container = self._opened_container()
            opened.callback(self._abandon)
            write_tags(self._container, self._tags)
            self._picture = self._added_picture(self._container)
            if self._sound is not None:
                self._track = SoundTrack(self._container, self._sound)
            self._graph = _converter(*self._size)
            self._open = opened.pop_all()
        return self

    def write(self, frame: UInt8[np.ndarray, "height width 3"]) -> None:
        """Encode one frame, and the sound up to it.

        Args:
            frame: sRGB, of the size given at the start.

        Raises:
            MediaError: It cannot be encoded.
            OutputError: The disk is full.
            ValueError: The frame has another size than promised.
        """  # noqa: DOC502
        width, height = self._size
        if frame.shape != (height, width, 3) or frame.dtype != np.uint8:
            msg = f"expected a frame of {width}x{height} uint8, got {frame.shape} {frame.dtype}"
            raise ValueError(msg)
        assert self._container is not None, "write is for use inside the with block"  # noqa: S101
        # The copy is made here: the caller may use the array again.
        source = VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        self._later(self._encode, source, self.frames)
        self.frames += 1

    def write_sound(self, samples: Float32[np.ndarray, "samples channels"]) -> None:
        """Encode the next piece of a sound whose format was given at the start.

        Raises:
            MediaError: It cannot be encoded.
            OutputError: The disk is full.
        """  # noqa: DOC502
        assert self._track is not None, "no format of a sound was given"  # noqa: S101
        self._later(self._track.write, samples.copy())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish, check and name the file; after an exception remove it.

        Raises:
            MediaError: It cannot be finished, or picture and sound differ by a frame or more.
        """  # noqa: DOC502 _finish raises it
        if error is not None:
            self._open.__exit__(kind, error, trace)
            return
        with self._open:  # what goes wrong in here takes the temporary file along
            self._finish()

    def _finish(self) -> None:
        """Write what the encoders hold back, close the file, and check the result.

        Raises:
            InputError: Not one frame was written.
            MediaError: It cannot be finished.
            OutputError: The disk is full.
        """  # noqa: DOC501, DOC502
        container, picture = self._container, self._picture
        assert container is not None  # noqa: S101 __enter__ set both
        assert picture is not None  # noqa: S101
        if self.frames == 0:
            msg = f"no frame was given to {self._doing}; expected at least one"
            raise InputError(msg)
        self._wait(0)
        try:
            container.mux(picture.encode(None))
            if self._track is not None:
                self._track.finish()
            container.close()
        except av.error.FFmpegError as error:
            raise as_output_error(error, self._doing) from error
        self._container = None
        if self._stream is not None:
            self._stream.write(source_type_box(self._tags))
            self._stream.flush()
        if not self._temporaries:
            return
        temporary = self._temporaries[0]
        append_source_type(temporary, self._tags)
        if isinstance(self._sound, Sound):
            check_lengths(temporary, 1 / self._fps, self._sound.duration)
        if self._beside is not None:
            self._temporaries[1].write_bytes(self._beside.content(temporary))

    def _encode(self, source: VideoFrame, number: int) -> None:
        """Convert and encode one frame, and write the sound up to it; runs beside the caller."""
        container, picture, graph = self._container, self._picture, self._graph
        assert container is not None  # noqa: S101 __enter__ set all three
        assert picture is not None  # noqa: S101
        assert graph is not None  # noqa: S101
        source.pts, source.time_base = number, 1 / self._fps
        graph.vpush(source)
        coded = graph.vpull()
        coded.pts, coded.time_base = number, 1 / self._fps
        container.mux(picture.encode(coded))
        if self._track is not None:
            self._track.write_until((number + 1) / self._fps + _AHEAD)
        if self._stream is not None:
            self._stream.flush()

    def _later(self, work: Callable[..., None], *arguments: object) -> None:
        """Do work beside the caller, in order, after what was asked for before."""
        self._work.append(self._worker.submit(work, *arguments))
        self._wait(_WAITING_FRAMES)

    def _wait(self, left: int) -> None:
        """Wait until no more than so much work is left.

        Raises:
            MediaError: Something could not be encoded.
            OutputError: The disk is full.
        """  # noqa: DOC501, DOC502
        try:
            while len(self._work) > left:
                self._work.popleft().result()
        except av.error.FFmpegError as error:
            raise as_output_error(error, self._doing) from error

    def _abandon(self) -> None:
        """Close what was not finished; what it says is of no interest any more."""
        self._worker.shutdown(cancel_futures=True)
        if self._container is not None:
            with suppress(av.error.FFmpegError, OSError, ValueError):
                self._container.close()
            self._container = None

    def _opened_container(self) -> OutputContainer:
        """Open the file or the stream.

        Raises:
            MediaError: It cannot be opened.
            OutputError: The disk is full.
        """  # noqa: DOC501, DOC502
        flags = "faststart" if self._stream is None else _FRAGMENTED
        target = self._stream if self._stream is not None else f"file:{self._temporaries[0]}"
        try:
            return av.open(target, "w", "mp4", container_options={"movflags": flags})
        except av.error.FFmpegError as error:
            raise as_output_error(error, self._doing) from error

    def _added_picture(self, container: OutputContainer) -> VideoStream:
        options = {"preset": self._quality.preset, "crf": str(self._quality.crf), "profile": "high"}
        if self._stream is not None:
            options["tune"] = "zerolatency"
        picture = container.add_stream("libx264", rate=self._fps, options=options)
        assert isinstance(picture, VideoStream)  # noqa: S101 it is no other kind
        width, height = self._size
        picture.width, picture.height = width + width % 2, height + height % 2
        picture.pix_fmt = "yuv420p"
        context = picture.codec_context
        context.time_base = 1 / self._fps
        context.thread_type = "AUTO"  # whole frames in parallel: slices cost quality
        context.color_range, context.colorspace = _LIMITED, _BT709
        context.color_primaries = context.color_trc = _BT709
        if self._stream is not None:
            context.gop_size = max(1, round(self._fps * self._quality.fragment))
        return picture


class RawWriter:
    """Write frames as they are to a stream: rows of RGB bytes, frame after frame."""

    def __init__(self, stream: ByteSink, size: tuple[int, int]) -> None:
        """Take the stream, and width and height of the frames."""
        self._stream, self._size = stream, size

    def write(self, frame: UInt8[np.ndarray, "height width 3"]) -> None:
        """Write one frame.

        Raises:
            ValueError: The frame has another size than promised.
        """
        if frame.shape != (*self._size[::-1], 3):
            msg = f"expected a frame of {self._size[0]}x{self._size[1]}, got {frame.shape}"
            raise ValueError(msg)
        self._stream.write(np.ascontiguousarray(frame).data.cast("B"))
        self._stream.flush()


def _converter(width: int, height: int) -> Graph:
    """Return a graph that pads to even sides by repeating the last row, and converts to bt709."""
    filters = [("buffer", f"video_size={width}x{height}:pix_fmt=rgb24:time_base=1/1000")]
    if width % 2 or height % 2:
        right, bottom = width % 2, height % 2
        filters += [
            ("format", "gbrp"),
            ("pad", f"{width + right}:{height + bottom}"),
            ("fillborders", f"right={right}:bottom={bottom}:mode=smear"),
        ]
    scale = f"in_range=full:out_range=tv:out_color_matrix=bt709:flags={_SCALER}"
    filters += [("scale", scale), ("format", "yuv420p")]
    return chain(filters)
