"""How loud each frame's sound is in a few bands of the spectrum: what a calibrated drive hears."""

from fractions import Fraction

import numpy as np
import torch
from jaxtyping import Float

from speech2face.generators.base import LOUDNESS_BANDS, Loudness
from speech2face.models.mel import CONTEXT, HOP, LogMel, MelConfig
from speech2face.timing import MOTION_FPS, MOTION_SAMPLES, samples_at
from speech2face.types import Speech

_AT_ONCE = 750
"""Frames at once: half a minute; memory stays small."""
_QUIETEST = 7.0
"""Sound counts from this far below the loud parts of the clip (natural log of power: 30 dB)."""
_LEAST_LOUD = -8.0
"""A clip whose loudest part lies below this is silence: -65 dB of full scale."""
_FORGET = 0.1 * float(np.log(10)) * 1.5 / float(MOTION_FPS)
"""By how much the loudest level falls in a frame: 1.5 dB a second."""


def loudness_of(speech: Speech, frames: int, fps: Fraction) -> Loudness:
    """Return the loudness of each frame: 0 is silence, 1 the loudest that is heard in the clip."""
    levels = np.zeros((frames, LOUDNESS_BANDS), np.float32)
    hear = LogMel(MelConfig(bands=LOUDNESS_BANDS))
    for start in range(0, frames, _AT_ONCE):
        stop = min(frames, start + _AT_ONCE)
        edges = [samples_at(frame, fps) // HOP for frame in range(start, stop + 1)]
        low, high = edges[0] * HOP - CONTEXT, (edges[-1] + 1) * HOP
        cut = speech.samples[max(low, 0) : high]
        cut = np.pad(cut, (max(-low, 0), max(high - low - len(cut) - max(-low, 0), 0)))
        heard = hear(torch.as_tensor(cut, dtype=torch.float32)[None])[0].numpy()
        for frame in range(start, stop):
            first, last = edges[frame - start] - edges[0], edges[frame - start + 1] - edges[0]
            levels[frame] = heard[first : max(last, first + 1)].mean(0)
    loudest = max(float(np.quantile(levels.max(1), 0.95)), _LEAST_LOUD)
    return np.clip(1 + (levels - loudest) / _QUIETEST, 0, 1)


class LoudnessStep:
    """Loudness of a sound that is still arriving: the loudest so far, slowly forgotten, counts."""

    late = 0

    def __init__(self) -> None:
        """Begin a sound."""
        self._hear = LogMel(MelConfig(bands=LOUDNESS_BANDS))
        self._heard = np.zeros(CONTEXT, np.float32)
        self._loudest = _LEAST_LOUD

    def feed(self, samples: Float[np.ndarray, " samples"]) -> Loudness:
        """Take mono samples at 16 kHz; return a row for every 640 of them that are complete."""
        self._heard = np.concatenate([self._heard, samples.astype(np.float32)])
        frames = (len(self._heard) - CONTEXT) // MOTION_SAMPLES
        if not frames:
            return np.zeros((0, LOUDNESS_BANDS), np.float32)
        known = torch.from_numpy(self._heard[: CONTEXT + frames * MOTION_SAMPLES])
        self._heard = self._heard[frames * MOTION_SAMPLES :]
        bands = self._hear(known[None])[0].numpy()
        levels = bands.reshape(frames, -1, LOUDNESS_BANDS).mean(1)
        rows = np.empty_like(levels)
        for row, level in zip(rows, levels, strict=True):
            self._loudest = max(self._loudest - _FORGET, float(level.max()), _LEAST_LOUD)
            row[:] = np.clip(1 + (level - self._loudest) / _QUIETEST, 0, 1)
        return rows

    def finish(self) -> Loudness:
        """Return the row of a frame that has only begun, if there is one."""
        begun = len(self._heard) - CONTEXT
        return self.feed(np.zeros(-begun % MOTION_SAMPLES, np.float32))
