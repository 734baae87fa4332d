"""Video in: upright RGB frames at a constant rate, by the timestamps of the file.

A video of variable rate is brought to its nominal rate by repeating and dropping frames where its
timestamps say so, so that frame i shows the time i / fps and the sound stays where it was. Rotation
metadata and non-square pixels are honoured.

moviepy's reader was measured beside this on a portrait encoded almost without loss: its colours
are off by 1.3 steps on average and 1.2 darker (swscale without accurate rounding), these by 0.5
and not darker; it takes the rate as a float, and repeats the last frame at the end.
"""

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction

import av.error
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from jaxtyping import Int64, UInt8

from speech2face.errors import MediaError
from speech2face.media.hdr import TRANSFERS
from speech2face.media.inputs import Opened, Readable, open_input
from speech2face.media.libav import demuxed, start_of
from speech2face.media.upright import Upright

_STANDARD_RATES = tuple(
    rate
    for base in (12, 15, 24, 25, 30, 48, 50, 60, 100, 120, 240)
    for rate in (Fraction(base), Fraction(base * 1000, 1001))
    if base not in {12, 15, 25, 50, 100} or rate.denominator == 1
)
_SLOWEST, _FASTEST = Fraction(1), Fraction(240)

_EXACT = Fraction(1, 10_000)
"""How near a measured constant rate must be to a standard one to be taken for it."""

_NEAR = Fraction(2, 100)
"""The same for the rate of a variable-rate video, where it is only nominal."""

_UNKNOWN_RATE = Fraction(25)

_STILL_CODECS = ("png", "mjpeg", "webp", "bmp", "tiff", "gif", "jpeg2000")


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What the picture of a video is."""

    fps: Fraction
    """Its constant rate, or the nominal one where `variable`."""
    size: tuple[int, int]
    """Width and height in pixels, upright and square."""
    frames: int
    """How many frames reading gives; one more or less is possible at variable rate."""
    duration: Fraction
    """Seconds until the last frame ends."""
    variable: bool
    """Whether its frames come at uneven times."""
    codec: str
    """ffmpeg's name, for instance "h264"."""
    changed: str = ""
    """What reading changes in it, in words; empty where it changes nothing."""


@dataclass(kw_only=True)
class _Packets:
    """Times of a stream's packets, in its time base, from the start of the file's clock."""

    time_base: Fraction
    times: list[int] = field(default_factory=list[int])
    end: int = 0
    """Where the last one ends."""

    @property
    def end_seconds(self) -> Fraction:
        return self.end * self.time_base


def probe_video(given: Readable | Opened) -> VideoInfo:
    """Measure the picture of a video by the times of its packets; nothing but one frame is decoded.

    Raises:
        InputError: There is no such file.
        MediaError: It holds no picture that can be decoded, or it is a still picture.
    """  # noqa: DOC502 open_input raises the first
    source = open_input(given, "video")
    try:
        with demuxed(source) as container:
            stream = picture_of(container)
            codec = str(stream.codec_context.codec.canonical_name)
            packets = _packets(container, stream)
        with demuxed(source) as container:
            stream = picture_of(container)
            first = next(_frames(container, stream), None)
            shape = None if first is None else Upright(stream)(first).shape
            changed = "" if first is None else _changed(first)
    except (MediaError, av.error.FFmpegError) as error:
        msg = f"{source} holds no video that can be decoded ({error}); expected for instance an MP4"
        raise MediaError(msg) from error
    if not packets.times or shape is None:
        msg = f"{source} holds no frame that can be decoded; it is damaged: copy or export it again"
        raise MediaError(msg)
    if len(packets.times) == 1 and codec in _STILL_CODECS:
        msg = f"{source} is a still picture ({codec}); expected a video, for instance an MP4"
        raise MediaError(msg)
    fps, variable = _rate(packets)
    return VideoInfo(
        fps=fps,
        size=(shape[1], shape[0]),
        frames=max(1, round(packets.end_seconds * fps)),
        duration=packets.end_seconds,
        variable=variable,
        codec=codec,
        changed=changed,
    )


def _changed(frame: VideoFrame) -> str:
    """Say what reading changes in frames like this one."""
    words: list[str] = []
    if curve := TRANSFERS.get(int(frame.color_trc)):
        words.append(f"its high dynamic range ({curve}) is brought to the standard one")
    if frame.interlaced_frame:
        words.append("of its interlaced frames one field is kept")
    return " and ".join(words)


def is_still(given: Opened) -> bool:
    """Return whether an input is a still picture; one that cannot be read is none."""
    try:
        with demuxed(given) as container:
            stream = picture_of(container)
            codec = str(stream.codec_context.codec.canonical_name)
            return codec in _STILL_CODECS and len(_packets(container, stream).times) == 1
    except (MediaError, av.error.FFmpegError):
        return False


class VideoReader:
    """The frames of a video, in order; each iteration reads it from the start."""

    def __init__(self, given: Readable | Opened) -> None:
        """Measure the video; no frame is read yet.

        Raises:
            InputError: There is no such file.
            MediaError: It holds no picture that can be decoded.
        """  # noqa: DOC502 probe_video raises them
        self.source: Opened = open_input(given, "video")
        self.info: VideoInfo = probe_video(self.source)

    @property
    def fps(self) -> Fraction:
        """The constant rate of the frames given."""
        return self.info.fps

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames given, in pixels."""
        return self.info.size

    @property
    def frames(self) -> int:
        """How many frames there are; see `VideoInfo.frames`."""
        return self.info.frames

    def __iter__(self) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
        """Yield the frames from the start; see `since`."""
        return self.since(0)

    def since(self, first: int) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
        """Yield the frames from a number on, upright, sRGB; each is an array of its own.

        Raises:
            MediaError: The video cannot be decoded.
        """
        try:
            with demuxed(self.source) as container:
                stream = picture_of(container)
                upright = Upright(stream, self.size)
                if first:
                    self._seek(container, stream, first)
                for frame, times in self._scheduled(container, stream, first):
                    pixels = upright(frame)
                    for repeated in range(times):
                        yield pixels.copy() if repeated else pixels
        except (MediaError, av.error.FFmpegError) as error:
            msg = f"could not decode {self.source} to its end ({error}); export it again"
            raise MediaError(msg) from error

    def _seek(self, container: InputContainer, stream: VideoStream, first: int) -> None:
        """Go to the last key frame before a frame; where that cannot be, all are decoded."""
        base = stream.time_base
        if base is None:
            return
        seconds = (start_of(container, stream) or Fraction(0)) + (first - 1) / self.fps
        with suppress(av.error.FFmpegError):
            container.seek(math.floor(seconds / base), stream=stream)

    def _scheduled(
        self, container: InputContainer, stream: VideoStream, first: int
    ) -> Iterator[tuple[VideoFrame, int]]:
        """Yield each frame with the number of times it is shown, as ffmpeg's filter `fps` does.

        Args:
            container: The video, at or before the first frame that is wanted.
            stream: Its picture.
            first: Number of that frame; a clock is needed for others than 0.
        """
        start = start_of(container, stream) or Fraction(0)
        base = stream.time_base or 1 / self.fps
        held: VideoFrame | None = None
        slot, held_end = first, Fraction(0)
        for number, frame in enumerate(_frames(container, stream)):
            seconds = number / self.fps if frame.pts is None else frame.pts * base - start
            begins = max(slot, _nearest(seconds * self.fps))
            if held is not None and begins > slot:
                yield held, begins - slot
                slot = begins
            length = frame.duration * base if frame.duration else 1 / self.fps
            held, held_end = frame, seconds + length
        if held is not None:
            last = _nearest(held_end * self.fps)
            yield held, max(last - slot, 1 if slot == first == 0 else 0)


def picture_of(container: InputContainer) -> VideoStream:
    """Return the first video stream that is no cover picture.

    Raises:
        MediaError: There is none.
    """
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic and stream.codec_context is not None:
            return stream
    msg = f"{container.format.name} without a moving picture"
    raise MediaError(msg)


def _packets(container: InputContainer, stream: VideoStream) -> _Packets:
    base = stream.time_base or Fraction(1, 1000)
    offset = round((start_of(container, stream) or Fraction(0)) / base)
    found = _Packets(time_base=base)
    length = 0
    rate = stream.average_rate or stream.guessed_rate or _UNKNOWN_RATE
    for packet in container.demux(stream):
        if not packet.size:
            continue
        time = packet.pts if packet.pts is not None else packet.dts
        if time is None:  # a bare stream has no clock: its frames follow one another
            time = offset + round(len(found.times) / rate / base)
        length = packet.duration or length or round(1 / rate / base)
        found.times.append(time - offset)
        found.end = max(found.end, time - offset + length)
    return found


def _frames(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Decode the frames of a stream; damaged packets are passed over.

    Raises:
        MediaError: Most packets are damaged.
    """
    stream.thread_type = "AUTO"
    good = bad = 0
    for packet in container.demux(stream):
        try:
            for frame in packet.decode():
                good += 1
                yield frame
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            bad += 1
    if bad > 2 * good:
        msg = f"{bad} of its packets are damaged"
        raise MediaError(msg)


def _nearest(value: Fraction) -> int:
    """Round to the nearest integer, halves away from zero, as ffmpeg does."""
    return math.floor(value + Fraction(1, 2)) if value >= 0 else -math.floor(Fraction(1, 2) - value)


def _rate(packets: _Packets) -> tuple[Fraction, bool]:
    """Find the rate of a stream, and whether it is variable, by its packets' times."""
    times = np.sort(np.asarray(packets.times, np.int64))
    if len(times) < 2:  # noqa: PLR2004 one frame has no distance to another
        duration = packets.end_seconds
        return (_in_bounds(1 / duration) if duration > 0 else _UNKNOWN_RATE), False
    steps: Int64[np.ndarray, " steps"] = np.diff(times)
    typical = int(np.median(steps))
    if typical > 0 and np.abs(steps - typical).max() <= 1:  # times are rounded to the time base
        span = int(times[-1] - times[0])
        mean = (len(times) - 1) / (span * packets.time_base)
        slack = max(_EXACT, Fraction(1, span))
        return _in_bounds(_standard(mean, slack)), False
    mean = (len(times) - 1) / (max(1, int(times[-1] - times[0])) * packets.time_base)
    nominal = 1 / (typical * packets.time_base) if typical > 0 else mean
    return _in_bounds(_standard(nominal, _NEAR)), True


def _standard(rate: Fraction, slack: Fraction) -> Fraction:
    """Take the nearest standard rate if it is near, else the rate itself in simple terms."""
    nearest = min(_STANDARD_RATES, key=lambda standard: abs(standard - rate))
    return nearest if abs(nearest - rate) <= slack * rate else rate.limit_denominator(1001)


def _in_bounds(rate: Fraction) -> Fraction:
    return min(max(rate, _SLOWEST), _FASTEST)
