"""What is in a media file, by its packets: exact times, whatever a header claims.

imageio-ffmpeg brings no ffprobe. ffmpeg's `framecrc` output serves instead: a few documented
`#key stream: value` lines, then one line a packet or frame with its time, in exact time bases.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from speech2face.media.ffmpeg import FfmpegProcess, input_file

_TIME_FIELD, _SIZE_FIELD = 2, 4
"""Of a packet's line: stream, decoding time, presentation time, duration, size, checksum."""


@dataclass(kw_only=True)
class Packets:
    """One stream as `framecrc` tells of it."""

    header: dict[str, str] = field(default_factory=dict[str, str])
    """For instance `tb`, `codec_id`, `dimensions`, `sample_rate`, `channel_layout_name`."""
    times: "array[int]" = field(default_factory=lambda: array("q"))
    """Presentation times in time bases, in the file's order; empty when they were not asked for."""
    count: int = 0
    total: int = 0
    """Sum of all durations, in time bases."""
    bytes: int = 0
    """Sum of all sizes."""
    end: int = 0
    """Where the last packet or frame ends, in time bases."""

    @property
    def time_base(self) -> Fraction:
        """The unit of all times, in seconds."""
        return Fraction(self.header["tb"])

    @property
    def end_seconds(self) -> Fraction:
        """Where the stream ends, counted from the start of the file's time."""
        return self.end * self.time_base


def probe_packets(
    path: Path, stream: str, *, doing: str, options: Sequence[str] = (), keep_times: bool = False
) -> Packets:
    """Read the packets, or decoded frames, of one stream.

    Args:
        path: The file.
        stream: ffmpeg's name of the stream: "0:a:0" is the first sound, "0:V:0" the first picture
            that is no cover art.
        doing: What this is for, for the error message.
        options: Output options: `-c copy` for packets, codecs and filters for decoded frames.
        keep_times: Whether to keep every time, for pictures, of which there are few.

    Raises:
        MediaError: ffmpeg cannot read the file, or there is no such stream in it.
    """  # noqa: DOC502 FfmpegProcess raises it
    found = Packets()
    arguments = [*input_file(path), "-map", stream, *options, "-f", "framecrc", "pipe:1"]
    with FfmpegProcess(arguments, doing=doing, gives=True) as process:
        for time, duration, size in _packets(process.lines(), found.header):
            found.count += 1
            found.total += duration
            found.bytes += size
            found.end = max(found.end, time + duration)
            if keep_times:
                found.times.append(time)
        process.finish()
    return found


def _packets(lines: Iterator[str], header: dict[str, str]) -> Iterator[tuple[int, int, int]]:
    """Parse `framecrc`: fill the header, give time, duration and size of each packet."""
    for line in lines:
        if line.startswith("#"):
            key, _, value = line[1:].partition(":")
            header[key.split()[0]] = value.strip()
            continue
        fields = line.split(",", _SIZE_FIELD + 1)
        if len(fields) > _SIZE_FIELD:
            time, duration, size = (int(text) for text in fields[_TIME_FIELD : _SIZE_FIELD + 1])
            yield time, duration, size
