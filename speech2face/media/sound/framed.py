"""A sound in the pieces of a video's frames: from any second on, with silence after its end."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import soxr
from jaxtyping import Float32

from speech2face.media.sound.sound import Sound
from speech2face.media.sound.soundtrack import SoundFormat
from speech2face.timing import samples_at

_FULL_SCALE = 1.0

Samples = Float32[np.ndarray, "samples channels"]


@dataclass(frozen=True, kw_only=True)
class Under:
    """A sound that is mixed under another one."""

    sound: Sound
    start: Fraction
    """Second at which it is entered."""
    gain: float
    """Factor of its samples."""


class FramedSound:
    """A sound cut into the pieces of frames, with silence after its end."""

    def __init__(
        self,
        sound: Sound,
        fps: Fraction,
        *,
        start: Fraction = Fraction(0),
        seconds: Fraction | None = None,
        under: Under | None = None,
        form: SoundFormat | None = None,
    ) -> None:
        """Open it.

        Args:
            sound: What is heard.
            fps: Frames a second.
            start: Second at which it is entered; one below 0 is so much silence before it.
            seconds: How much of it is heard from there on; None: all.
            under: What is mixed under it.
            form: Rate and channels of the result; None: the sound's own.
        """
        self.format = form or SoundFormat(rate=sound.rate, channels=min(sound.channels, 2))
        self._fps, self._done = fps, 0
        channels = self.format.channels
        above = sound if seconds is None else sound.first(start + seconds)
        rate = self.format.rate
        self._above = _Tap(_entered(above, start, rate), channels)
        self._below: _Tap | None = None
        if under is not None:
            self._below = _Tap(_entered(under.sound, under.start, rate), channels)
        self._gain = 0.0 if under is None else under.gain

    def of_frame(self, number: int) -> Samples:
        """Return the samples of a frame; frames are asked for in order."""
        stop = samples_at(number + 1, self._fps, self.format.rate)
        count, self._done = stop - self._done, stop
        samples = self._above.take(count)
        if self._below is not None:
            samples = samples + np.float32(self._gain) * self._below.take(count)
        return np.clip(samples, -_FULL_SCALE, _FULL_SCALE)


class _Tap:
    """Gives any number of samples of a sound, and silence after it."""

    def __init__(self, blocks: Iterator[Samples], channels: int) -> None:
        self._blocks, self._channels = blocks, channels
        self._held = np.zeros((0, channels), np.float32)

    def take(self, count: int) -> Samples:
        while len(self._held) < count and (block := next(self._blocks, None)) is not None:
            self._held = np.concatenate([self._held, _spread(block, self._channels)])
        taken, self._held = self._held[:count], self._held[count:]
        return np.pad(taken, ((0, count - len(taken)), (0, 0)))


def _spread(block: Samples, channels: int) -> Float32[np.ndarray, "samples spread"]:
    """Bring a block to another number of channels: their mean on each of them."""
    if block.shape[1] == channels:
        return block
    return np.repeat(block.mean(1, keepdims=True), channels, 1)


def _entered(sound: Sound, start: Fraction, rate: int) -> Iterator[Samples]:
    """Decode a sound from a second on, at a rate; from one below 0 on it begins with silence."""
    skip, channels = max(0, round(start * sound.rate)), sound.channels
    if start < 0:
        yield np.zeros((round(-start * rate), channels), np.float32)
    stream = None
    if rate != sound.rate:
        stream = soxr.ResampleStream(sound.rate, rate, channels, dtype="float32")
    for block in sound.samples():
        rest, skip = block[skip:], max(0, skip - len(block))
        if stream is not None:
            rest = stream.resample_chunk(np.ascontiguousarray(rest)).reshape(-1, channels)
        yield rest
    if stream is not None:
        end = np.zeros((0, channels), np.float32)
        yield stream.resample_chunk(end, last=True).reshape(-1, channels)
