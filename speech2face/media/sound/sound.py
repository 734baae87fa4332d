"""A sound that was opened: what the network hears and what the video plays, from one decoder.

By one clock and one rule of mixing down; see `decoding` and `mixdown`.
"""

import warnings
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import soxr
from av.audio.stream import AudioStream
from av.packet import Packet
from jaxtyping import Float32

from speech2face.errors import InputError, MediaError, Speech2FaceWarning
from speech2face.media.inputs import Opened
from speech2face.media.libav import demuxed
from speech2face.media.sound.decoding import Part, Pass, Track, decoded
from speech2face.media.sound.mixdown import Mixdown
from speech2face.media.sound.riff import waves_of
from speech2face.timing import SPEECH_RATE
from speech2face.types import Speech

_Block = Float32[np.ndarray, "samples *channels"]

_LOST_SECONDS, _LOST_SHARE = 0.5, 0.02
"""Missing sound is spoken of from both on: less is a codec's rounding."""

_LEAST_SHARE = 0.5
"""Of a file's bytes that must lie in packets: where a decoder skips more, it has taken something
else for its own format."""

_FLOATS = ("pcm_f32", "pcm_f64")
_BARE = ("mp3", "aac", "ac3", "eac3", "dts", "mp2", "mp1", "loas", "truehd", "mlp", "shn")
"""Formats without a header, which a prober may see in any bytes."""


@dataclass(frozen=True, kw_only=True)
class AudioInfo:
    """What the sound of a file is."""

    duration: Fraction
    """Seconds, exact: decoded samples over their rate."""
    rate: int
    """Samples a second."""
    channels: int
    """As the video plays it."""
    codec: str
    """ffmpeg's name ("aac", "pcm_s16le")."""


@dataclass(frozen=True, kw_only=True)
class _Measured:
    """What one pass over the whole sound has shown."""

    samples: int
    peak: float
    clean: bool
    """Whether the packets can be copied: no join, hole, damage or late start."""


class Sound:
    """A sound that was opened; nothing but its headers has been read yet.

    Iterating decodes anew from the start, always to the same samples; memory stays flat.
    """

    def __init__(
        self,
        source: Opened,
        tracks: Sequence[Track],
        track: Track,
        parts: Sequence[Part],
        form: str,
        counted: int | None = None,
    ) -> None:
        """Take what `open_sound` has found out.

        Args:
            source: The input.
            tracks: All its sound tracks.
            track: The one chosen.
            parts: Stretches of the file that are played one after another.
            form: ffmpeg's name of its format.
            counted: Its samples, where the header lets them be counted.
        """
        self.source: Opened = source
        self.tracks: tuple[Track, ...] = tuple(tracks)
        self.track: Track = track
        self.format: str = form
        self._parts: tuple[Part, ...] = tuple(parts)
        self._counted: int | None = counted
        self._limit: int | None = None  # in samples
        self._whole: Sound = self
        self._measured: _Measured | None = None
        mixdown = self._mixdown()
        self.rate: int = track.rate
        self.channels: int = mixdown.played_channels
        self.layout: str = mixdown.played_layout
        if mixdown.mixed:
            note(
                f"{source} has {track.channels} channels of unknown places ({track.layout}); they "
                "are mixed into one, so that each is heard and played"
            )

    @property
    def name(self) -> str:
        """Name for messages."""
        return str(self.source)

    def __str__(self) -> str:
        """Return the name as messages show it."""
        return self.name

    @property
    def codec(self) -> str:
        """Ffmpeg's name of the codec."""
        return self.track.codec

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes that were read."""
        return self.source.sha256

    @property
    def duration(self) -> Fraction:
        """Seconds, exact: played samples over their rate.

        Compressed sound is decoded once for it; that of `first` no further than its limit.

        Raises:
            InputError: It lasts 0 s, or holds NaN or infinity.
            MediaError: Nothing of it can be decoded.
        """  # noqa: DOC502 _measure raises them
        return Fraction(self._measure().samples, self.rate)

    @property
    def info(self) -> AudioInfo:
        """What the sound is, its exact duration included."""
        return AudioInfo(
            duration=self.duration, rate=self.rate, channels=self.channels, codec=self.codec
        )

    @property
    def can_be_copied(self) -> bool:
        """Whether its packets play as they are in an MP4, from its start to its end."""
        plays = (
            self.codec == "aac" and self.track.profile == "LC" and self._limit is None
            and self.track.channels == self.channels
            and not {"mp4", "aac"}.isdisjoint(self.format.split(","))
        )  # fmt: skip
        return plays and self._measure().clean

    def first(self, seconds: Fraction | None) -> "Sound":
        """Return the start of this sound; reading it costs no more than its own length."""
        if seconds is None:
            return self
        limit = max(1, round(seconds * self.rate))
        cut = copy(self)
        cut._limited(limit)  # noqa: SLF001 a sound of its own kind
        return cut

    def samples(self) -> Iterator[Float32[np.ndarray, "samples channels"]]:
        """Decode what the video plays, in blocks of at most a second.

        Raises:
            InputError: It holds NaN or infinity, or nothing.
            MediaError: It cannot be decoded.
        """  # noqa: DOC502 _decoded raises them
        gain, mixdown = self._gain(), self._mixdown()
        for block in self._cut(mixdown.played(block) for block in self._decoded(Pass())):
            yield block if gain is None else block * gain

    def blocks(self, rate: int = SPEECH_RATE) -> Iterator[Float32[np.ndarray, " samples"]]:
        """Decode what the network hears: mono, in [-1, 1], with no seam between blocks.

        Args:
            rate: Samples a second wanted.

        Raises:
            InputError: It holds NaN or infinity, or nothing.
            MediaError: It cannot be decoded.
        """  # noqa: DOC502 _decoded raises them
        gain, mixdown = self._gain(), self._mixdown()
        stream = soxr.ResampleStream(self.rate, rate, 1, dtype="float32", quality="HQ")
        for block in self._cut(mixdown.heard(block) for block in self._decoded(Pass())):
            mono = block if gain is None else block * gain
            yield np.clip(stream.resample_chunk(np.clip(mono, -1, 1)), -1, 1)  # as players do
        yield np.clip(stream.resample_chunk(np.empty(0, np.float32), last=True), -1, 1)

    def speech(self) -> Speech:
        """Return all that the network hears: 64 kB a second of sound, and a few seconds more.

        Raises:
            InputError: It holds NaN or infinity, or nothing.
            MediaError: It cannot be decoded.
        """  # noqa: DOC502 blocks raises them
        samples = np.empty(int(self.duration * SPEECH_RATE) + SPEECH_RATE, np.float32)
        filled = 0
        for block in self.blocks():
            if filled + len(block) > len(samples):
                samples.resize((filled + len(block)) * 5 // 4, refcheck=False)
            samples[filled : filled + len(block)] = block
            filled += len(block)
        samples.resize(filled, refcheck=False)
        return Speech(samples=samples)

    def packets(self) -> Iterator[tuple[AudioStream, Packet]]:
        """Yield the packets of a sound that can be copied, each with its stream.

        Raises:
            MediaError: It cannot be read.
        """  # noqa: DOC502 demuxed raises it
        part = self._parts[0]
        with demuxed(self.source, part.start, part.end) as container:
            stream = container.streams.audio[self.track.number - 1]
            for packet in container.demux(stream):
                if packet.size:
                    yield stream, packet

    def close(self) -> None:
        """Close the input."""
        self.source.close()

    def __enter__(self) -> "Sound":  # noqa: PYI034 the checks of the tests know no Self here
        """Use the sound as it is."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the input."""
        self.close()

    def _limited(self, limit: int) -> None:
        if self._limit is None:
            self._whole = self  # a gain that is known without decoding what is not wanted
        self._limit = limit if self._limit is None else min(limit, self._limit)
        self._measured = None

    def _mixdown(self) -> Mixdown:
        return Mixdown(self.track.layout, self.track.channels, self.track.rate)

    def _gain(self) -> np.float32 | None:
        """Return what brings a float file beyond full scale back into it; None: nothing has to."""
        if not self.codec.startswith(_FLOATS):
            return None
        peak = self._whole._measure().peak  # noqa: SLF001 a sound of its own kind
        return np.float32(1 / peak) if peak > 1 else None

    def _cut(self, blocks: Iterator[_Block]) -> Iterator[_Block]:
        left = self._limit
        for block in blocks:
            if left is not None and left <= len(block):
                yield block[:left]
                return
            left = None if left is None else left - len(block)
            yield block

    def _decoded(self, seen: Pass) -> Iterator[Float32[np.ndarray, "samples channels"]]:
        """Decode blocks of one second each; only the last is shorter.

        Raises:
            InputError: The sound holds NaN or infinity, or nothing at all.
            MediaError: Nothing of it can be decoded.
        """
        self.source.require_unchanged()
        pieces = (
            piece for part in self._parts for piece in decoded(self.source, part, self.track, seen)
        )
        done = 0
        for block in _of_equal_length(pieces, self.rate):
            finite = np.isfinite(block).all(1)
            if not finite.all():
                second = (done + int(np.argmin(finite))) / self.rate
                msg = (
                    f"{self.name} holds samples that are no numbers (NaN or infinity, first at "
                    f"{second:.2f} s); expected finite samples; export the sound again"
                )
                raise InputError(msg)
            done += len(block)
            yield block
        if done == 0 and seen.damaged:
            msg = (
                f"{self.name} holds no sound that can be decoded: each of its {seen.damaged} "
                f"{self.codec} packets is damaged; copy or export it again"
            )
            raise MediaError(msg)
        if done == 0:
            msg = f"the sound of {self.name} lasts 0 s; expected speech; choose another file"
            raise InputError(msg)

    def _measure(self) -> _Measured:
        if self._measured is None:
            self._measured = self._measure_now()
        return self._measured

    def _measure_now(self) -> _Measured:
        if self._counted:
            limit = self._limit or self._counted
            return _Measured(samples=min(limit, self._counted), peak=1.0, clean=False)
        seen, samples, peak = Pass(), 0, 0.0
        for block in self._cut(self._decoded(seen)):
            samples += len(block)
            if self.codec.startswith(_FLOATS):
                peak = max(peak, float(np.abs(block).max()))
        if self._limit is None:
            self._report(seen, Fraction(samples, self.rate))
        clean = not (seen.irregular or seen.damaged) and len(self._parts) == 1
        return _Measured(samples=samples, peak=peak, clean=clean)

    def _report(self, seen: Pass, duration: Fraction) -> None:
        """Say what is missing of a sound that was decoded to its end.

        Raises:
            MediaError: Most of the file is nothing that its decoder knows.
        """
        if self.format in _BARE and seen.packet_bytes < self.source.size * _LEAST_SHARE:
            raise MediaError(why_unknown(self.source, f"most of it is no {self.codec}"))
        note_missing(self.source, self.track.stated, duration)
        if seen.damaged:
            note(
                f"{seen.damaged} of {seen.packets} packets of the sound of {self.name} are damaged "
                "and left out; copy or export it again if that is too much"
            )


def why_unknown(source: Opened, reason: str) -> str:
    """Say that a file holds no sound, and what it may be."""
    ending = Path(source.name).suffix.lower()
    headless = ending in {".wav", ".pcm", ".raw", ".s16"} and not waves_of(source)
    advice = (
        "; if it is samples without a header, say what they are: --raw-audio 16000,1,s16le"
        if headless
        else ""
    )
    return (
        f"{source} holds no sound that can be decoded ({reason}); "
        f"expected a sound file or a video with sound{advice}"
    )


def _of_equal_length(
    pieces: Iterator[Float32[np.ndarray, "samples channels"]], length: int
) -> Iterator[Float32[np.ndarray, "block channels"]]:
    """Join and cut pieces into blocks of one length; only the last may be shorter."""
    waiting: list[np.ndarray] = []
    count = 0
    for piece in pieces:
        waiting.append(piece)
        count += len(piece)
        if count < length:
            continue
        whole = np.concatenate(waiting)
        full = count - count % length
        for start in range(0, full, length):
            yield whole[start : start + length]
        waiting, count = [whole[full:]], count - full
    if count:
        yield np.concatenate(waiting)


def note_missing(source: Opened, stated: Fraction | None, held: Fraction) -> None:
    """Warn of sound that the header promises and the file lacks."""
    missing = Fraction(0) if stated is None else stated - held
    if missing > max(_LOST_SECONDS, (stated or 0) * _LOST_SHARE):
        note(
            f"{source} says that it lasts {float(stated or 0):.1f} s and holds {float(held):.1f} s:"
            " it was cut off; copy it again if the rest matters"
        )


def note(words: str) -> None:
    """Warn the user."""
    warnings.warn(words, Speech2FaceWarning, stacklevel=3)
