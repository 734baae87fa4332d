"""Make more voices, rooms and faces out of few: what a training example goes through.

Sound is changed before the spectrum is taken (speed, noise, room, loudness) or by the filters that
take it (pitch and formants), so that a change of time moves the lips with it.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from speech2face import landmarks
from speech2face.models.mel import MelConfig, mel_filters
from speech2face.timing import SPEECH_RATE


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """How often and how far; probabilities are per example."""

    speed: float = 0.5
    """Probability of another speed, `slowest` to `fastest` times the real one."""
    slowest: float = 0.85
    fastest: float = 1.2
    noise: float = 0.6
    """Probability of noise at 5 to 30 dB below the speech."""
    quietest_snr: float = 5.0
    loudest_snr: float = 30.0
    room: float = 0.2
    """Probability of a reverberant room."""
    voice: float = 0.8
    """Probability of other pitch and formants, by up to `voice_range` up or down."""
    voice_range: float = 1.25
    telephone: float = 0.15
    """Probability of nothing above 3.4 to 4 kHz."""
    colour: float = 0.5
    """Probability of a microphone that is not flat: up to 6 dB, smooth over frequency."""
    bands: float = 0.3
    """Probability of a hole of up to 10 bands."""
    face: float = 0.5
    """Probability of somebody else's rest landmarks."""


def speed_up(
    samples: Float[np.ndarray, " samples"], factor: float
) -> Float[np.ndarray, " fewer_samples"]:
    """Play a sound faster; pitch and formants rise with it."""
    at = np.arange(int(len(samples) / factor)) * factor
    return np.interp(at, np.arange(len(samples)), samples).astype(np.float32)


def coloured_noise(rng: np.random.Generator, count: int) -> Float[np.ndarray, " count"]:
    """Make noise of unit power whose spectrum falls by a random slope, sometimes with a hum."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    frequency = np.maximum(np.fft.rfftfreq(count, 1 / SPEECH_RATE), 20)
    noise = np.fft.irfft(spectrum * frequency ** -rng.uniform(0, 1.2), count)
    if rng.random() < 0.3:  # noqa: PLR2004 - a mains hum now and then
        base = rng.choice([50, 60, 100, 120])
        time = np.arange(count) / SPEECH_RATE
        hum = sum(np.sin(2 * np.pi * base * n * time) / n for n in range(1, 5))
        noise = noise / noise.std() + rng.uniform(0.3, 1.5) * hum
    # Noise comes and goes.
    swell = 1 + rng.uniform(0, 0.6) * np.sin(
        2 * np.pi * (rng.uniform(0.1, 2) * np.arange(count) / SPEECH_RATE + rng.random())
    )
    noise = noise * swell
    return (noise / noise.std()).astype(np.float32)


def music(rng: np.random.Generator, count: int) -> Float[np.ndarray, " count"]:
    """Make a tune of unit power without words: chords of decaying overtones, and a beat."""
    sound = np.zeros(count)
    beat = int(rng.uniform(0.2, 0.6) * SPEECH_RATE)
    brightness, root = rng.uniform(0.5, 2.5), rng.uniform(80, 350)
    for first in range(0, count, beat):
        time = np.arange(min(count - first, 2 * beat)) / SPEECH_RATE
        for semitones in rng.choice([0, 2, 3, 4, 5, 7, 9, 10, 12, 14], rng.integers(1, 4)):
            pitch = root * 2 ** (semitones / 12)
            decay = np.exp(-time * rng.uniform(1, 8))
            tones = sum(
                np.sin(2 * np.pi * pitch * n * time + rng.uniform(0, 6.3)) / n**brightness
                for n in range(1, 13)
            )
            sound[first : first + len(time)] += tones * decay
        if rng.random() < 0.5:  # noqa: PLR2004 - a drum on every other beat
            hit = rng.standard_normal(len(time)) * np.exp(-time * 30)
            sound[first : first + len(time)] += rng.uniform(0, 2) * hit
    return (sound / (sound.std() + 1e-9)).astype(np.float32)


def reverberate(
    rng: np.random.Generator, samples: Float[np.ndarray, " samples"]
) -> Float[np.ndarray, " samples"]:
    """Add a room: noise that decays by 60 dB in 0.15 to 0.6 s after the direct sound."""
    seconds = rng.uniform(0.15, 0.6)
    count = int(seconds * SPEECH_RATE)
    tail = rng.standard_normal(count) * np.exp(-6.9 * np.arange(count) / count)
    tail *= rng.uniform(0.1, 0.5) / np.sqrt((tail**2).sum())
    tail[0] = 1
    size = 1 << (len(samples) + count - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(tail, size), size)
    return wet[: len(samples)].astype(np.float32)


def dirty(
    rng: np.random.Generator,
    config: AugmentConfig,
    samples: Float[np.ndarray, " samples"],
    babble: Float[np.ndarray, " more"],
) -> Float[np.ndarray, " samples"]:
    """Add room, noise and another loudness to a sound.

    Args:
        rng: Decides everything.
        config: How often and how far.
        samples: Clean speech.
        babble: Speech of somebody else, at least as long, of which noise is sometimes made.
    """
    sound = reverberate(rng, samples) if rng.random() < config.room else samples
    power = float(np.sqrt((sound**2).mean())) + 1e-6
    if rng.random() < config.noise:
        voices = rng.random() < 0.15  # noqa: PLR2004 - other people talk, seldom
        noise = babble[: len(sound)] if voices else coloured_noise(rng, len(sound))
        lowest = config.quietest_snr + (10 if voices else 0)
        snr = rng.uniform(lowest, max(lowest, config.loudest_snr))
        noise_power = float(np.sqrt((noise**2).mean())) + 1e-6
        sound = sound + noise * power / noise_power * 10 ** (-snr / 20)
    gain = 10 ** rng.uniform(-1, 0.5)
    # Sixteen bits: what a quiet recording loses.
    return (np.round(sound * gain * 32767) / 32767).astype(np.float32)


class Voices:
    """Mel filters that read the spectrum as if another person had spoken."""

    def __init__(self, mel: MelConfig, config: AugmentConfig, steps: int = 25) -> None:
        """Build the filters for `steps` stretches, evenly spaced in the logarithm."""
        reach = np.log(config.voice_range)
        self.own: Float[np.ndarray, "bands bins"] = mel_filters(mel)
        self.others: list[Float[np.ndarray, "bands bins"]] = [
            mel_filters(mel, float(np.exp(step))) for step in np.linspace(-reach, reach, steps)
        ]
        self.config: AugmentConfig = config

    def draw(self, rng: np.random.Generator) -> Float[np.ndarray, "bands bins"]:
        """Draw the filters for an example: voice, telephone and microphone."""
        other = rng.random() < self.config.voice
        filters = self.others[rng.integers(len(self.others))] if other else self.own
        bands, bins = filters.shape
        if rng.random() < self.config.telephone:
            cut = rng.uniform(3400, 4000) / (SPEECH_RATE / 2)
            filters = filters * (np.arange(bins) < cut * bins)
        if rng.random() < self.config.colour:
            place = np.linspace(0, 1, bands)
            curve = rng.uniform(-1, 1) * (place - 0.5) * 2
            curve += 0.5 * np.sin(2 * np.pi * (rng.uniform(0.5, 2) * place + rng.random()))
            filters = filters * np.exp(curve * rng.uniform(0, 1.0))[:, None]
        if rng.random() < self.config.bands:
            first = rng.integers(0, bands - 10)
            filters = filters.copy()
            filters[first : first + rng.integers(2, 11)] *= 1e-3
        return filters.astype(np.float32)


def put_on_face(
    offsets: Float[np.ndarray, "frames 70 3"],
    rest: Float[np.ndarray, "70 3"],
    other: Float[np.ndarray, "70 3"],
) -> Float[np.ndarray, "frames 70 3"]:
    """Fit one person's movements to another's face.

    Movements scale with the width of the mouth (x) and with the height of the lower face (y, z),
    by at most a quarter: what a wide mouth does in one face, a wide mouth does in another.
    """
    left, right = 48, 54
    ratio_x = _distance(other, left, right) / _distance(rest, left, right)
    ratio_y = _distance(other, 33, 8) / _distance(rest, 33, 8)
    scale = np.clip([ratio_x, ratio_y, ratio_y], 0.8, 1.25)
    return (offsets * scale).astype(np.float32)


def _distance(points: Float[np.ndarray, "70 3"], one: int, other: int) -> float:
    return float(np.linalg.norm((points[one] - points[other])[:2]))


def jitter_face(
    rng: np.random.Generator, rest: Float[np.ndarray, "70 3"]
) -> Float[np.ndarray, "70 3"]:
    """Move rest landmarks as a tracker would on another picture of the same person."""
    moved = rest + rng.standard_normal(rest.shape) * 0.008
    mouth = moved[landmarks.MOUTH]
    centre = mouth.mean(0)
    moved[landmarks.MOUTH] = centre + (mouth - centre) * rng.uniform(0.9, 1.1, 3)
    return moved.astype(np.float32)
