"""The sound of a video that is being written: copied where players know it, else AAC.

What is encoded are the samples of `Sound.samples`, the same that the network heard.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import soxr
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from jaxtyping import Float32

from speech2face.media.sound.sound import Sound

_RATES = (
    7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000,
)  # fmt: skip
"""Rates that AAC knows."""

_BITRATE_OF_ONE, _BITRATE = 128_000, 192_000
"""Of one channel, and of two or more."""

_LAYOUTS = ("mono", "stereo")


@dataclass(frozen=True, kw_only=True)
class SoundFormat:
    """Rate and channels of a sound that comes piece by piece with the frames."""

    rate: int
    channels: int
    """1 or 2."""


class SoundTrack:
    """One sound stream of an MP4 that is being written."""

    def __init__(self, container: OutputContainer, sound: Sound | SoundFormat) -> None:
        """Add the stream; nothing is read of the sound yet but its headers.

        Args:
            container: The MP4.
            sound: A whole sound, or the format of what `write` will be given.
        """
        self._container = container
        self._time: Fraction = Fraction(0)  # where the next packet or sample begins, in seconds
        self._encoder: _Encoder | None = None
        self._pending: Iterator[None] = iter(())
        if isinstance(sound, Sound) and sound.can_be_copied:
            self._pending = self._copied(sound)
            next(self._pending, None)  # up to the header: the stream has to be there in time
        elif isinstance(sound, Sound):
            self._encoder = _Encoder(container, sound.rate, sound.layout)
            self._pending = self._encoded(sound)
        else:
            self._encoder = _Encoder(container, sound.rate, _LAYOUTS[sound.channels - 1])

    def write_until(self, seconds: Fraction) -> None:
        """Write all of a whole sound that begins before a time."""
        while self._time < seconds:
            try:
                next(self._pending)
            except StopIteration:
                return

    def write(self, samples: Float32[np.ndarray, "samples channels"]) -> None:
        """Write the next piece of a sound that comes piece by piece."""
        assert self._encoder is not None, "a whole sound was given at the start"  # noqa: S101
        self._encoder.write(samples)

    def finish(self) -> None:
        """Write what is left."""
        for _ in self._pending:
            pass
        if self._encoder is not None:
            self._encoder.finish()

    def _copied(self, sound: Sound) -> Iterator[None]:
        out: AudioStream | None = None
        for stream, packet in sound.packets():
            if out is None:
                out = self._container.add_stream_from_template(stream)
                out.metadata.clear()
                yield
            if packet.pts is not None and packet.time_base is not None:
                self._time = (packet.pts + (packet.duration or 0)) * packet.time_base
            packet.stream = out
            self._container.mux_one(packet)
            yield

    def _encoded(self, sound: Sound) -> Iterator[None]:
        assert self._encoder is not None  # noqa: S101 set before this is called
        done = 0
        for block in sound.samples():
            done += len(block)
            self._time = Fraction(done, sound.rate)
            self._encoder.write(block)
            yield


class _Encoder:
    """Encodes samples as AAC of their own rate, or of the nearest that AAC knows above it."""

    def __init__(self, container: OutputContainer, rate: int, layout: str) -> None:
        self._container = container
        self._layout = layout
        channels = av.AudioLayout(layout).nb_channels
        self._rate = min((known for known in _RATES if known >= rate), default=_RATES[-1])
        self._resampler = None
        if self._rate != rate:
            self._resampler = soxr.ResampleStream(rate, self._rate, channels, dtype="float32")
        stream = container.add_stream("aac", rate=self._rate, layout=layout)
        assert isinstance(stream, AudioStream)  # noqa: S101 it is no other kind
        stream.bit_rate = _BITRATE_OF_ONE if channels == 1 else _BITRATE
        self._stream = stream
        self._done = 0

    def write(
        self, samples: Float32[np.ndarray, "samples channels"], *, last: bool = False
    ) -> None:
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(np.ascontiguousarray(samples), last=last)
        if len(samples) == 0:
            return
        planes = np.ascontiguousarray(samples.reshape(len(samples), -1).T, np.float32)
        frame = AudioFrame.from_ndarray(planes, format="fltp", layout=self._layout)
        frame.sample_rate = self._rate
        frame.time_base = Fraction(1, self._rate)
        frame.pts = self._done
        self._done += len(samples)
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        if self._resampler is not None:
            channels = av.AudioLayout(self._layout).nb_channels
            self.write(np.zeros((0, channels), np.float32), last=True)
        self._container.mux(self._stream.encode(None))
