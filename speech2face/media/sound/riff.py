"""What a WAV's header claims beside what the file holds.

Decoders believe the header, and so lose what it does not speak of: the second of two files that
were joined with `cat`, or the end of one that was cut. Streams of TTS programs leave the sizes at 0
or 0xFFFFFFFF, because nobody knew them when the header was written.

Source: Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0" (1991);
EBU Tech 3306 (RF64).
"""

import struct
from dataclasses import dataclass

from speech2face.media.inputs import Opened

_UNKNOWN_SIZES = (0, 0xFFFFFFFF)
_INTEGER_PCM, _EXTENSIBLE = 1, 0xFFFE
_SUBFORMAT = slice(24, 26)
"""Where an extensible format chunk holds the format that it stands for."""

_MOST_JOINED = 10_000
"""Joined files beyond this are left alone: nobody joins so many by hand."""


@dataclass(frozen=True, kw_only=True)
class Wave:
    """One WAV in a file: nearly always the only one."""

    start: int
    """Where its header begins, in bytes."""
    end: int
    """Where it ends: the file's end, or the next WAV's header."""
    format: bytes
    """The content of its format chunk."""
    stated: int | None
    """Bytes of samples by its header; None where that says nothing."""
    held: int
    """Bytes of samples that the file holds."""

    @property
    def block(self) -> int:
        """Bytes of one sample of all channels."""
        return max(1, struct.unpack_from("<H", self.format, 12)[0])

    @property
    def bytes_per_second(self) -> int:
        """Bytes of one second of samples."""
        return struct.unpack_from("<I", self.format, 8)[0]

    @property
    def is_integer_pcm(self) -> bool:
        """Whether its samples are integers, so that bytes count them exactly."""
        tag = struct.unpack_from("<H", self.format)[0]
        if tag == _EXTENSIBLE and len(self.format) >= _SUBFORMAT.stop:
            tag = int.from_bytes(self.format[_SUBFORMAT], "little")
        return tag == _INTEGER_PCM


def waves_of(source: Opened) -> list[Wave]:
    """Return the WAVs that lie one after another in a file; none where it is no WAV."""
    found: list[Wave] = []
    start: int | None = 0
    while start is not None and len(found) < _MOST_JOINED:
        wave, start = _wave_at(source, start)
        if wave is None:
            break
        found.append(wave)
    return found


def _wave_at(source: Opened, start: int) -> tuple[Wave | None, int | None]:
    """Read the chunks of one WAV; return it and where the next one begins."""
    head = source.read(start, 12)
    if head[:4] not in {b"RIFF", b"RF64"} or head[8:] != b"WAVE":
        return None, None
    whole = start + 8 + int.from_bytes(head[4:8], "little")
    position, form, large = start + 12, b"", None
    while len(header := source.read(position, 8)) == 8:  # noqa: PLR2004 a chunk's name and size
        name, size = header[:4], int.from_bytes(header[4:], "little")
        position += 8
        if name == b"fmt ":
            form = source.read(position, min(size, 64))
        elif name == b"ds64":
            large = int.from_bytes(source.read(position + 8, 8), "little")
        elif name == b"data":
            return _with_samples(source, start, position, form, size, large, whole)
        position += size + size % 2
    return None, None


def _with_samples(
    source: Opened, start: int, data: int, form: bytes, size: int, large: int | None, whole: int
) -> tuple[Wave | None, int | None]:
    """Finish a WAV whose samples begin at `data`; see `_wave_at`."""
    if len(form) < 14:  # noqa: PLR2004 up to the block's size
        return None, None
    if size == _UNKNOWN_SIZES[1] and large is not None:  # RF64: the size stands elsewhere
        size = large
    rest = source.size - data
    streamed = size in _UNKNOWN_SIZES and not _is_chunk(source.read(data, 8), rest)
    stated = None if streamed else size
    ends = () if stated is None else (data + size, data + size + size % 2, whole, whole + whole % 2)
    following = next((end for end in ends if end > data and _is_wave(source.read(end, 12))), None)
    held = rest if stated is None else min(stated, rest)
    wave = Wave(start=start, end=following or source.size, format=form, stated=stated, held=held)
    return wave, following


def _is_wave(head: bytes) -> bool:
    return head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE"


def _is_chunk(header: bytes, rest: int) -> bool:
    """Return whether bytes behind an empty data chunk are another chunk, not samples."""
    name, size = header[:4], int.from_bytes(header[4:8], "little")
    return rest < 8 or (name.isalnum() and name.isascii() and size <= rest - 8)  # noqa: PLR2004
