"""Voice activity: where somebody speaks, and how the mouth comes to rest where nobody does.

`voice_activity` looks at energy and spectrum alone: it needs no weights. `Gate` turns the network's
own opinion about speech, which hears better through noise, into a weight that opens fast and
closes gently, so that a mouth neither chatters in a pause nor snaps shut.
"""

import numpy as np
from jaxtyping import Float

from speech2face import timing
from speech2face.types import Speech

_STEP = timing.samples_at(1, timing.MOTION_FPS)
_WINDOW = 1024
"""Samples that a frame's spectrum sees: 64 ms, two periods of the lowest voice and more."""
_BLOCK = 1500
"""Frames analysed at once: a minute. Memory does not grow with the sound."""

_VOICE_BAND = (100.0, 4000.0)
"""Hz: where speech has its energy."""
_LEAST = 1e-5
"""Root mean square below which nothing can be heard: -100 dB of full scale."""


class Gate:
    """Follows a speech logit: rises within a frame or two, falls over about half a second."""

    def __init__(self, *, bias: float = 1.0, rise: float = 0.9, fall: float = 0.25) -> None:
        """Choose the speeds.

        Args:
            bias: Added to the logit; above 0 the gate would rather open.
            rise: Part of the way to 1 that is gone in a frame of 40 ms.
            fall: Part of the way to 0 that is gone in a frame.
        """
        self.bias: float = bias
        self.rise: float = rise
        self.fall: float = fall
        self._value: float = 0.0

    def __call__(self, logits: Float[np.ndarray, " frames"]) -> Float[np.ndarray, " frames"]:
        """Give the weight, 0 at rest to 1 in speech, of the frames after the last call's."""
        # Twice the logit: a doubtful frame should be decided, a sure one is not changed.
        wanted = 1 / (1 + np.exp(-np.clip(2 * (logits + self.bias), -30, 30)))
        weights = np.empty(len(logits), np.float32)
        for i, target in enumerate(wanted):
            speed = self.rise if target > self._value else self.fall
            self._value += speed * (float(target) - self._value)
            weights[i] = self._value
        return weights


def voice_activity(speech: Speech) -> Float[np.ndarray, " frames"]:
    """Tell how likely each frame of 40 ms holds speech, from its energy and spectrum alone.

    A frame speaks when its energy between 100 and 4000 Hz stands out of the quietest part of the
    sound, or when it is voiced (its spectrum has peaks, not the flat one of noise) and is not
    far below the loudest part. The result is smoothed over five frames.

    Args:
        speech: The sound.

    Returns:
        0 to 1, one value for every 640 samples, the last ones completed with silence.
    """
    frames = timing.frames_for(
        _seconds(len(speech.samples)), timing.MOTION_FPS
    )  # fmt: skip
    energy, flatness = np.empty(frames), np.empty(frames)
    for first in range(0, frames, _BLOCK):
        last = min(frames, first + _BLOCK)
        energy[first:last], flatness[first:last] = _describe(speech.samples, first, last)
    audible = energy > 20 * np.log10(_LEAST)
    if not audible.any():
        return np.zeros(frames, np.float32)
    loud = np.percentile(energy[audible], 95)
    floor = max(np.percentile(energy, 5), loud - 50)
    # In a sound that never pauses the quietest part is speech too: ask for less there.
    threshold = floor + np.clip((loud - floor) * 0.3, 3, 9)
    above = (energy - threshold) / 2
    tonal = (-8 - flatness) / 2
    score = np.minimum(above, tonal + 2) - np.maximum(0, (loud - 35 - energy) / 3)
    score = np.where(audible, score, -30)
    likely = 1 / (1 + np.exp(-np.clip(score, -30, 30)))
    smooth = np.convolve(np.pad(likely, 2, mode="edge"), np.full(5, 0.2), mode="valid")
    return smooth.astype(np.float32)


def _seconds(samples: int) -> timing.Fraction:
    return timing.Fraction(max(1, samples), timing.SPEECH_RATE)


def _describe(
    samples: Float[np.ndarray, " samples"], first: int, last: int
) -> tuple[Float[np.ndarray, " frames"], Float[np.ndarray, " frames"]]:
    """Give energy in the voice band (dB of full scale) and spectral flatness (dB) of frames."""
    margin = (_WINDOW - _STEP) // 2
    start, stop = first * _STEP - margin, last * _STEP + margin
    piece = samples[max(0, start) : stop]
    piece = np.pad(piece, (max(0, -start), 0))
    piece = np.pad(piece, (0, stop - start - len(piece)))
    windows = np.lib.stride_tricks.sliding_window_view(piece, _WINDOW)[::_STEP]
    power = np.abs(np.fft.rfft(windows * np.hanning(_WINDOW))) ** 2
    frequency = np.fft.rfftfreq(_WINDOW, 1 / timing.SPEECH_RATE)
    band = power[:, (frequency >= _VOICE_BAND[0]) & (frequency <= _VOICE_BAND[1])]
    mean = band.mean(1) + 1e-20
    energy = 10 * np.log10(band.sum(1) * 2 / (_WINDOW * (np.hanning(_WINDOW) ** 2).sum()) + 1e-20)
    flatness = 10 * (np.log10(band + 1e-20).mean(1) - np.log10(mean))
    return energy, flatness
