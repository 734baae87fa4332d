"""Speech-like sound for tests: syllables of a gliding voice, in phrases between pauses."""

import numpy as np

from speech2face.timing import SPEECH_RATE
from speech2face.types import Speech


def babble(seconds: float, *, seed: int = 0, noise: float = 1e-3) -> Speech:
    """Speak in phrases of 2 s between pauses of 0.6 s; each phrase falls from 140 to 100 Hz."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * SPEECH_RATE)) / SPEECH_RATE
    in_phrase = time % 2.6
    syllable = np.floor(time / 0.2).astype(int)
    stress = rng.uniform(0.3, 1.0, syllable[-1] + 1 if len(time) else 1)[syllable]
    hertz = (140 - 20 * in_phrase) * (1 + 0.15 * stress)
    phase = 2 * np.pi * np.cumsum(hertz) / SPEECH_RATE
    voice = sum(np.sin(k * phase) / k for k in range(1, 8))
    loudness = 0.15 * stress * np.sin(np.pi * (time % 0.2) / 0.2) ** 2 * (in_phrase < 2.0)
    samples = loudness * voice + noise * rng.standard_normal(len(time))
    return Speech(samples=samples.astype(np.float32))


def silence(seconds: float) -> Speech:
    """Return digital silence."""
    return Speech(samples=np.zeros(round(seconds * SPEECH_RATE), np.float32))
