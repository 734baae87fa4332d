"""Video in: upright RGB frames at a constant rate, by the timestamps of the file.

Frames come straight from ffmpeg's pipe. A video of variable rate is brought to its nominal rate by
repeating and dropping frames where its timestamps say so, so that frame i shows the time i / fps
and the sound stays where it was. Rotation metadata and non-square pixels are honoured.

moviepy's reader was measured beside this on a portrait encoded almost without loss: its colours
are off by 1.3 steps on average and 1.2 darker (swscale without accurate rounding), these by 0.5
and not darker; it takes the rate as a float, and repeats the last frame at the end.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8

from speech2face.errors import MediaError
from speech2face.media.ffmpeg import FfmpegProcess, input_file
from speech2face.media.files import require_file
from speech2face.media.probe import Packets, probe_packets

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

_PIXELS = (
    "scale=w='max(1,round(iw*sar))':h=ih:out_range=full"
    ":flags=bicubic+accurate_rnd+full_chroma_int,setsar=1,format=rgb24"
)
"""Square pixels, full-range RGB, rounded accurately."""


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


def probe_video(path: Path) -> VideoInfo:
    """Measure the picture of a video by the times of its packets; nothing but one frame is decoded.

    Raises:
        InputError: There is no such file.
        MediaError: It holds no picture that can be decoded, or it is a still picture.
    """  # noqa: DOC502 require_file raises the first
    require_file(path, "video")
    try:
        packets = probe_packets(
            path, "0:V:0", doing="read it", options=["-c", "copy"], keep_times=True
        )
        first = probe_packets(
            path, "0:V:0", doing="decode it",
            options=["-frames:v", "1", "-vf", _PIXELS, "-c:v", "rawvideo"],
        )  # fmt: skip
    except MediaError as error:
        msg = f"{path} holds no video that can be decoded ({error}); expected for instance an MP4"
        raise MediaError(msg) from error
    if packets.count == 0 or first.count == 0:
        msg = f"{path} holds no frame that can be decoded; it is damaged: copy or export it again"
        raise MediaError(msg)
    codec = packets.header["codec_id"]
    if packets.count == 1 and codec in _STILL_CODECS:
        msg = f"{path} is a still picture ({codec}); expected a video, for instance an MP4"
        raise MediaError(msg)
    fps, variable = _rate(packets)
    width, height = (int(side) for side in first.header["dimensions"].split("x"))
    return VideoInfo(
        fps=fps,
        size=(width, height),
        frames=max(1, round(packets.end_seconds * fps)),
        duration=packets.end_seconds,
        variable=variable,
        codec=codec,
    )


class VideoReader:
    """The frames of a video, in order; each iteration reads it from the start."""

    def __init__(self, path: Path) -> None:
        """Measure the video; no frame is read yet.

        Raises:
            InputError: There is no such file.
            MediaError: It holds no picture that can be decoded.
        """  # noqa: DOC502 probe_video raises them
        self.path: Path = path
        self.info: VideoInfo = probe_video(path)

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
        """Give the frames, upright, sRGB; each is an array of its own.

        Raises:
            MediaError: The video cannot be decoded to its end.
        """  # noqa: DOC502 FfmpegProcess raises it
        width, height = self.size
        arguments = [
            *input_file(self.path), "-map", "0:V:0",
            "-vf", f"fps={self.fps}:start_time=0,{_PIXELS},scale={width}:{height}",
            "-c:v", "rawvideo", "-f", "rawvideo", "pipe:1",
        ]  # fmt: skip
        doing = f"decode {self.path}"
        with FfmpegProcess(arguments, doing=doing, gives=True) as process:
            while True:
                frame = np.empty((height, width, 3), np.uint8)
                if process.read_into(frame.data.cast("B")) < frame.nbytes:
                    break
                yield frame
            process.finish()


def _rate(packets: Packets) -> tuple[Fraction, bool]:
    """Find the rate of a stream, and whether it is variable, by its packets' times."""
    times = np.sort(np.frombuffer(packets.times, np.int64))
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
