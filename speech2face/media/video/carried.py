"""Tracks of a video that are neither drawn nor said anew: further sound tracks, and subtitles."""

import struct
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction

from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from speech2face.media.inputs import Opened
from speech2face.media.libav import demuxed, start_of

_SOUNDS = ("aac", "mp3", "ac3", "eac3", "alac", "opus", "flac")
"""Sounds that an MP4 holds and players know."""
_TEXTS = ("mov_text", "subrip", "srt", "webvtt", "text", "ass", "ssa")
"""Subtitles that become MP4's own."""
_ASS_FIELDS = 8
"""Commas before the text of a line of ASS."""
_STYLE = (
    b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\n"
    b"Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, "
    b"Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, "
    b"Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\n"
    b"Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1\n\n"
    b"[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
)
"""How subtitles are shown that do not say so themselves, in the words of ASS."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Tracks of a video that are carried over, from a second on."""

    source: Opened
    start: Fraction
    seconds: Fraction
    """How much of them."""
    numbers: tuple[int, ...]
    """Of the file's streams."""


def kept_of(source: Opened, start: Fraction, seconds: Fraction) -> tuple[Kept | None, list[str]]:
    """Return what is carried over of a video whose picture and first sound are replaced.

    Args:
        source: The video.
        start: Second at which the result begins.
        seconds: How long it is.

    Returns:
        The tracks, None where there are none; and what an MP4 cannot hold, in words.
    """
    numbers: list[int] = []
    lost: list[str] = []
    with demuxed(source) as container:
        for kind, streams, known in (
            ("sound", container.streams.audio[1:], _SOUNDS),
            ("subtitles", container.streams.subtitles, _TEXTS),
        ):
            for stream in streams:
                codec = stream.codec_context.name if stream.codec_context else "unknown"
                if codec in known:
                    numbers.append(stream.index)
                else:
                    lost.append(f"{kind} ({codec})")
    kept = Kept(source=source, start=start, seconds=seconds, numbers=tuple(numbers))
    return (kept if numbers else None), lost


class CarriedTracks:
    """Writes such tracks into an MP4 beside its picture."""

    def __init__(self, out: OutputContainer, kept: Kept, opened: ExitStack) -> None:
        """Add the streams.

        Args:
            out: The MP4.
            kept: What is carried over.
            opened: Closes the source.
        """
        self._out, self._kept = out, kept
        self._container = opened.enter_context(demuxed(kept.source))
        self._streams: dict[int, Stream] = {}
        for number in kept.numbers:
            stream = self._container.streams[number]
            self._streams[number] = _added(out, stream)
        self._time = Fraction(0)
        self._pending = self._packets()

    def write_until(self, seconds: Fraction) -> None:
        """Write all that begins before a time."""
        while self._time < seconds:
            try:
                next(self._pending)
            except StopIteration:
                return

    def finish(self) -> None:
        """Write what is left."""
        for _ in self._pending:
            pass

    def _packets(self) -> Iterator[None]:
        kept, container = self._kept, self._container
        for packet in container.demux([container.streams[number] for number in kept.numbers]):
            base = packet.time_base
            if packet.pts is None or base is None or not packet.size:
                continue
            clock = start_of(container, packet.stream) or Fraction(0)
            offset = round((clock + kept.start) / base)
            begins = (packet.pts - offset) * base
            if begins < 0 or begins >= kept.seconds:
                continue
            self._time = max(self._time, begins)
            self._write(packet, offset)
            yield

    def _write(self, packet: Packet, offset: int) -> None:
        stream = packet.stream
        out = self._streams[stream.index]
        if stream.type == "subtitle":
            packet = _as_text(packet, stream.codec_context.name if stream.codec_context else "")
        packet.pts = (packet.pts or 0) - offset
        packet.dts = packet.pts if packet.dts is None else packet.dts - offset
        packet.stream = out
        self._out.mux_one(packet)


def _added(out: OutputContainer, stream: Stream) -> Stream:
    """Add a stream for packets of another one; its language and title are kept."""
    codec = stream.codec_context.name if stream.codec_context else ""
    if stream.type == "subtitle" and codec != "mov_text":
        added: Stream = out.add_stream("mov_text")
        added.codec_context.subtitle_header = _STYLE
        added.time_base = Fraction(1, 1000)
    else:
        added = out.add_stream_from_template(stream)  # pyright: ignore[reportArgumentType]
    added.metadata.clear()
    for name in ("language", "title"):
        if name in stream.metadata:
            added.metadata[name] = stream.metadata[name]
    return added


def _as_text(packet: Packet, codec: str) -> Packet:
    """Return a packet of subtitles as MP4 has them: the length of the text, and the text."""
    if codec == "mov_text":
        return packet
    text = bytes(packet).decode("utf-8", "replace").strip("\0\r\n")
    if codec in {"ass", "ssa"}:
        text = text.split(",", _ASS_FIELDS)[-1].replace("\\N", "\n").replace("\\n", "\n")
    coded = text.encode()[: (1 << 16) - 1]
    made = Packet(struct.pack(">H", len(coded)) + coded)
    made.pts, made.dts, made.duration = packet.pts, packet.dts, packet.duration
    made.time_base = packet.time_base
    return made
