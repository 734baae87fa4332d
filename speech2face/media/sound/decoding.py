"""The samples of one sound track, by the clock of the file, as float32.

What starts late starts late here too, and holes are filled with silence, so that a sample's number
is its time. One pass over the packets, in order; memory holds one block.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from jaxtyping import Float32

from speech2face.media.inputs import Opened
from speech2face.media.libav import demuxed, start_of

_TOLERATED = Fraction(1, 10)
"""Seconds by which timestamps may wander (containers round them) before a hole is filled."""

_JUMP = Fraction(1)
"""Seconds: a clock that goes back by more than this was started anew, by a join; what follows is
not thrown away."""

_LONGEST_HOLE = 600
"""Seconds: a clock that runs ahead by more than this is wrong; hours of silence help nobody."""

_INDEXED = {"mp4", "flac", "aiff", "caf", "w64", "au"}
"""Formats whose header states the length of the sound."""

_LONGEST_PADDING = 4096
"""Samples: no packet of a codec with padding holds more."""

_FULL_SCALE = {"u1": 1 << 7, "i2": 1 << 15, "i4": 1 << 31, "i8": 1 << 63}


@dataclass(frozen=True, kw_only=True)
class Track:
    """One sound track of a file."""

    number: int
    """From 1, as users count."""
    codec: str
    """ffmpeg's name: "aac", "pcm_s16le"."""
    profile: str
    """The codec's, for instance "LC"; empty where it has none."""
    rate: int
    channels: int
    layout: str
    """ffmpeg's name of where the channels belong; "3 channels" where nobody says it."""
    title: str
    """Title or language by its tags; empty where it has none."""
    stated: Fraction | None
    """Seconds by the file's index; None where it has none that can be relied on."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A stretch of a file that is decoded by itself: all of it, or one of several joined WAVs."""

    start: int = 0
    end: int | None = None
    form: str | None = None
    options: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(kw_only=True)
class Pass:
    """What one pass over a sound has met."""

    packets: int = 0
    damaged: int = 0
    packet_bytes: int = 0
    irregular: bool = False
    """Whether silence was filled in, or samples were left out, to keep the clock."""


def tracks_of(container: InputContainer) -> list[Track]:
    """Return the sound tracks that can be decoded; cover pictures and data are none."""
    found = []
    for number, stream in enumerate(container.streams.audio, 1):
        context = stream.codec_context
        if context is None or not context.sample_rate or not context.channels:
            continue
        tags = stream.metadata
        named = tags.get("title") or tags.get("handler_name", "")
        language = tags.get("language", "")
        title = " ".join(word for word in (named, language) if word and word != "und")
        found.append(
            Track(
                number=number,
                codec=_codec_name(stream),
                profile=str(context.profile or ""),
                rate=context.sample_rate,
                channels=context.channels,
                layout=context.layout.name,
                title=title,
                stated=_stated(container, stream),
            )
        )
    return found


def decoded(
    source: Opened, part: Part, track: Track, seen: Pass
) -> Iterator[Float32[np.ndarray, "samples channels"]]:
    """Yield the samples of a track, in pieces of any length.

    Args:
        source: The input.
        part: Which stretch of it.
        track: Which track; its rate and channels are those of all that is yielded.
        seen: Filled in on the way.

    Raises:
        MediaError: The input is in no known format.
    """  # noqa: DOC502 demuxed raises it
    with demuxed(source, part.start, part.end, form=part.form, options=part.options) as container:
        stream = container.streams.audio[track.number - 1]
        start = start_of(container, stream)
        clock, same = _Clock(track.rate, start), _Uniform(track)
        pieces = (
            piece
            for frame in _frames(container, stream, seen)
            for piece in clock.placed(frame, same(frame), seen)
        )
        yield from _without_padding(pieces, _end_of(stream, track, start))


def _without_padding(
    pieces: Iterator[Float32[np.ndarray, "samples channels"]], end: int | None
) -> Iterator[Float32[np.ndarray, "samples channels"]]:
    """Leave out the silence that fills the last packet, by the length that the index states.

    An index that is wrong by more than a packet is not believed.
    """
    done, held = 0, list[np.ndarray]()
    for piece in pieces:
        done += len(piece)
        if end is None or done <= end:
            yield piece
        elif sum(map(len, held)) + len(piece) <= _LONGEST_PADDING:
            inside = max(0, len(piece) - (done - end))
            if inside:
                yield piece[:inside]
            held.append(piece[inside:])
        else:
            yield from (*held, piece)
            end = None


def _frames(container: InputContainer, stream: AudioStream, seen: Pass) -> Iterator[AudioFrame]:
    """Decode packet by packet; a damaged one is counted and passed over."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.FFmpegError:  # the file ends in the middle of a packet
            seen.damaged += 1
            return
        seen.packets += 1
        seen.packet_bytes += packet.size
        try:
            yield from packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            seen.damaged += 1


def _stated(container: InputContainer, stream: AudioStream) -> Fraction | None:
    if stream.duration is None or stream.time_base is None:
        return None
    known = not _INDEXED.isdisjoint(container.format.name.split(","))
    return stream.duration * stream.time_base if known else None


def _end_of(stream: AudioStream, track: Track, start: Fraction | None) -> int | None:
    """Return the number of samples by the index; None where there is none."""
    if track.stated is None or start is None:
        return None
    late = Fraction(0)
    if stream.start_time is not None and stream.time_base is not None:
        late = stream.start_time * stream.time_base - start
    return round((late + track.stated) * track.rate)


def _codec_name(stream: AudioStream) -> str:
    """Return the codec's name, not that of the decoder that was chosen for it."""
    return str(stream.codec_context.codec.canonical_name)


class _Clock:
    """Places decoded pieces by their timestamps."""

    def __init__(self, rate: int, start: Fraction | None) -> None:
        self._rate, self._start = rate, start
        self._next: int = 0
        self._shift: int = 0  # samples between a clock that was started anew and ours
        self._first: bool = True

    def placed(
        self, frame: AudioFrame, samples: Float32[np.ndarray, "samples channels"], seen: Pass
    ) -> Iterator[Float32[np.ndarray, "samples channels"]]:
        gap = self._gap(frame, len(samples))
        if gap != 0:
            seen.irregular = True
        if gap > 0:
            yield np.zeros((gap, samples.shape[1]), np.float32)
        kept = samples[max(0, -gap) :]
        self._next += max(0, gap) + len(kept)
        if len(kept):
            yield kept

    def _gap(self, frame: AudioFrame, count: int) -> int:
        """Return how many samples are missing before a frame; below 0: how many are too many."""
        if frame.pts is None or frame.time_base is None:
            return 0
        seconds = frame.pts * frame.time_base
        if self._start is None:
            self._start = seconds
        position = round((seconds - self._start) * self._rate) + self._shift
        gap = position - self._next
        first, self._first = self._first, False
        if first:  # exact: the sound's place beside the picture
            return max(-count, gap) if abs(gap) <= _LONGEST_HOLE * self._rate else 0
        if abs(gap) <= _TOLERATED * self._rate:
            return 0
        if gap < -_JUMP * self._rate or gap > _LONGEST_HOLE * self._rate:
            self._shift -= gap
            return 0
        return max(-count, gap)


class _Uniform:
    """Turns frames into float32 of the track's rate and channels."""

    def __init__(self, track: Track) -> None:
        self._rate, self._channels = track.rate, track.channels
        self._layout = track.layout
        self._changed: AudioResampler | None = None

    def __call__(self, frame: AudioFrame) -> Float32[np.ndarray, "samples channels"]:
        if frame.sample_rate == self._rate and frame.layout.nb_channels == self._channels:
            return _floats(frame)
        # Joined streams may change rate or channels in the middle.
        if self._changed is None:
            self._changed = AudioResampler("flt", self._layout, self._rate)
        frame.pts = None
        pieces = [_floats(one) for one in self._changed.resample(frame)]
        return np.concatenate(pieces) if pieces else np.zeros((0, self._channels), np.float32)


def _floats(frame: AudioFrame) -> Float32[np.ndarray, "samples channels"]:
    values = frame.to_ndarray()
    # Planar frames are (channels, samples), packed ones (1, samples times channels).
    values = values.T if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels)
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    full = _FULL_SCALE[values.dtype.str[1:]]
    floats = values.astype(np.float32)
    return (floats - full if values.dtype.kind == "u" else floats) * np.float32(1 / full)
