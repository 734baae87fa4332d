"""What the head and the brows hear in speech: loudness, melody, stresses and phrases.

The sound is read in blocks of a few seconds, so that an hour of it needs no more than a few small
arrays at 50 values a second. One Fourier transform a window gives both the loudness (its power
between 100 Hz and 4 kHz) and the pitch (the normalized autocorrelation of Boersma, "Accurate
short-term analysis of the fundamental frequency", 1993, sections 2 and 3).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage, signal

from speech2face.timing import SPEECH_RATE
from speech2face.types import Speech

RATE = 50
"""Values a second of every array here; value i stands for the time i / 50."""

HOP = SPEECH_RATE // RATE
"""Samples from one value to the next."""
WINDOW = 768
"""Samples heard for one value, 48 ms around its time: three periods of the lowest voice."""

_FFT = 2048  # the window and its longest lag without wrapping around
_BLOCK = 10 * RATE  # windows worked on at once

_LOWEST_VOICE, _HIGHEST_VOICE = 60, 400  # Hz
_PITCH_BAND = 1500  # Hz; formants above it only blur the period
_VOICED = 0.5  # normalized autocorrelation from which a window counts as voiced
_OCTAVE_COST = 0.02  # per octave: of two equal peaks the shorter period is the voice

SILENCE_DB = -55.0
"""Quieter than this (re full scale) is silence in any recording."""
USUAL_SPEED = 14.0
"""Semitones a second at which the melody of an ordinary voice moves."""
LEAST_SPREAD = 3.0
"""Decibels of spread that a voice's loudness has at least."""
_QUESTION = 2.5  # semitones by which the melody rises at the end of a question


@dataclass(frozen=True, kw_only=True)
class Prosody:
    """The melody of a speech, at `RATE` values a second."""

    energy: Float[np.ndarray, " steps"]
    """Loudness in decibels re full scale, -100 in digital silence."""
    pitch: Float[np.ndarray, " steps"]
    """Semitones above the speaker's own median, smoothed; 0 where there is no voice at all."""
    speaking: Bool[np.ndarray, " steps"]
    """Whether someone speaks; gaps inside words count as speech."""
    accents: Float[np.ndarray, "accents 2"]
    """Stressed syllables: seconds, and strength in 0 to 1."""
    phrases: Float[np.ndarray, "phrases 2"]
    """Stretches of speech between pauses: first and last second."""
    rising: Bool[np.ndarray, " phrases"]
    """Whether the melody rises at the end of a phrase, as in many questions."""
    force: Float[np.ndarray, " steps"]
    """Loudness against the usual of this speech, in units of its spread, -2 to 2."""
    arousal: float
    """How excited the voice is: see `arousal_of`."""
    duration: float
    """Seconds of sound."""


def analyse(speech: Speech) -> Prosody:
    """Listen to a whole speech, block by block."""
    energy, pitch = _loudness_and_pitch(speech.samples)
    speaking = _find_speech(energy)
    contour = _melody(pitch, speaking)
    phrases = _runs(_close_gaps(speaking, round(0.24 * RATE)))
    ends = [(contour[max(int(stop) - 30, 0) : int(stop)]) for _, stop in phrases]
    return Prosody(
        energy=energy,
        pitch=contour,
        speaking=speaking,
        accents=_find_accents(energy, contour, speaking),
        phrases=phrases / RATE,
        rising=np.array([rises(end) for end in ends], bool),
        force=_force(energy, speaking),
        arousal=arousal_of(_melody_speed(contour, speaking)),
        duration=len(speech.samples) / SPEECH_RATE,
    )


def rises(contour: Float[np.ndarray, " steps"]) -> bool:
    """Say whether the melody of a phrase's last 0.6 s goes up at its end."""
    late = round(0.2 * RATE)
    if len(contour) <= late:
        return False
    return float(contour[-late:].mean() - contour[:-late].mean()) > _QUESTION


def arousal_of(speed: float) -> float:
    """Compute how excited a voice is from how fast its melody moves.

    The speed of the melody joins its range and the rate of speech, and knows nothing of the level
    of the recording: readers of books go at about 14 semitones a second (a fifth of them below 9, a
    fifth above 19), angry and joyful sentences one and a half times as fast as the same speaker's
    neutral ones, sad ones slower.

    Args:
        speed: Semitones a second while somebody speaks.

    Returns:
        0 (half as fast as usual, or slower) to 1 (twice as fast, or faster).
    """
    return float(np.clip(0.5 + 0.5 * np.log2(max(speed, 1e-3) / USUAL_SPEED), 0.0, 1.0))


def _melody_speed(
    contour: Float[np.ndarray, " steps"], speaking: Bool[np.ndarray, " steps"]
) -> float:
    if speaking[1:].sum() < RATE:
        return USUAL_SPEED
    return float(np.abs(np.diff(contour))[speaking[1:]].mean()) * RATE


def _force(
    energy: Float[np.ndarray, " steps"], speaking: Bool[np.ndarray, " steps"]
) -> Float[np.ndarray, " steps"]:
    if not speaking.any():
        return np.zeros(len(energy))
    loudness = np.maximum(energy, SILENCE_DB)
    usual, spread = loudness[speaking].mean(), max(float(loudness[speaking].std()), LEAST_SPREAD)
    return np.clip((loudness - usual) / spread, -2.0, 2.0)


def _loudness_and_pitch(
    samples: Float[np.ndarray, " samples"],
) -> tuple[Float[np.ndarray, " steps"], Float[np.ndarray, " steps"]]:
    """Measure decibels and hertz (0 where unvoiced) around every step."""
    steps = max(1, -(-len(samples) // HOP))
    energy, pitch = np.empty(steps), np.empty(steps)
    measure = VoiceMeter()
    for start in range(0, steps, _BLOCK):
        stop = min(start + _BLOCK, steps)
        energy[start:stop], pitch[start:stop] = measure(_windows(samples, start, stop))
    return energy, pitch


class VoiceMeter:
    """Measure loudness and pitch of windows of sound; it keeps nothing between two calls."""

    def __init__(self) -> None:
        """Prepare the window."""
        self._shape = np.hanning(WINDOW).astype(np.float32)
        # The window's own autocorrelation; dividing by it makes a periodic sound score 1 at its
        # period.
        spectrum = np.abs(np.fft.rfft(self._shape, _FFT)[None]) ** 2
        self._autocorrelation = _autocorrelation(spectrum)[0]

    def __call__(
        self, windows: Float[np.ndarray, "steps size"]
    ) -> tuple[Float[np.ndarray, " steps"], Float[np.ndarray, " steps"]]:
        """Compute decibels, and hertz (0 where unvoiced), of windows of `WINDOW` samples."""
        power = np.abs(np.fft.rfft(windows * self._shape, _FFT, axis=1)) ** 2
        loudness = _decibels(power, float((self._shape**2).sum()))
        return loudness, _hertz(power, self._autocorrelation)


def _windows(
    samples: Float[np.ndarray, " samples"], start: int, stop: int
) -> Float[np.ndarray, "steps size"]:
    """Cut the windows around steps `start` to `stop`; outside the sound there are zeros."""
    first = start * HOP - WINDOW // 2
    length = (stop - start - 1) * HOP + WINDOW
    piece = np.zeros(length, np.float32)
    inside = samples[max(first, 0) : max(first + length, 0)]
    offset = max(-first, 0)
    piece[offset : offset + len(inside)] = inside
    return np.lib.stride_tricks.sliding_window_view(piece, WINDOW)[::HOP]


def _decibels(
    power: Float[np.ndarray, "steps bins"], window_energy: float
) -> Float[np.ndarray, " steps"]:
    low, high = (_FFT * hertz // SPEECH_RATE for hertz in (100, 4000))
    mean_square = 2.0 * power[:, low:high].sum(1, dtype=np.float64) / (_FFT * window_energy)
    return 10.0 * np.log10(np.maximum(mean_square, 1e-10))


def _autocorrelation(power: Float[np.ndarray, "steps bins"]) -> Float[np.ndarray, "steps lags"]:
    """Turn power spectra into autocorrelations of lags 0 to the longest period and one more."""
    lags = np.fft.irfft(power, _FFT, axis=1)[:, : SPEECH_RATE // _LOWEST_VOICE + 2]
    return lags / np.maximum(lags[:, :1], 1e-9)


def _hertz(
    power: Float[np.ndarray, "steps bins"], own: Float[np.ndarray, " lags"]
) -> Float[np.ndarray, " steps"]:
    low, high = (_FFT * hertz // SPEECH_RATE for hertz in (_LOWEST_VOICE, _PITCH_BAND))
    band = np.zeros_like(power)
    band[:, low:high] = power[:, low:high]
    score = _autocorrelation(band) / own
    shortest = SPEECH_RATE // _HIGHEST_VOICE
    lags = np.arange(shortest, score.shape[1] - 1)
    ranked = score[:, shortest:-1] - _OCTAVE_COST * np.log2(lags / shortest)
    best = lags[ranked.argmax(1)]
    rows = np.arange(len(score))
    before, peak, after = (score[rows, best + step] for step in (-1, 0, 1))
    # The vertex of the parabola through three lags: finer than one sample.
    bend = np.minimum(before - 2.0 * peak + after, -1e-9)
    vertex = best + np.clip(0.5 * (before - after) / bend, -0.5, 0.5)
    return np.where(peak > _VOICED, SPEECH_RATE / vertex, 0.0)


def _find_speech(energy: Float[np.ndarray, " steps"]) -> Bool[np.ndarray, " steps"]:
    """Return speech from pauses by a threshold between the recording's own floor and peaks."""
    floor, peak = np.percentile(energy, [8, 95])
    threshold = max(SILENCE_DB, min(floor + max(6.0, 0.4 * (peak - floor)), peak - 6.0))
    loud = _close_gaps(energy > threshold, round(0.12 * RATE))
    starts_and_ends = _runs(loud)
    for start, stop in starts_and_ends[np.diff(starts_and_ends, axis=1)[:, 0] < round(0.06 * RATE)]:
        loud[int(start) : int(stop)] = False
    return loud


def _close_gaps(mask: Bool[np.ndarray, " steps"], longest: int) -> Bool[np.ndarray, " steps"]:
    """Fill the gaps of at most `longest` steps between two marked stretches."""
    closed = mask.copy()
    runs = _runs(mask).astype(int)
    for end, start in zip(runs[:-1, 1], runs[1:, 0], strict=True):
        if start - end <= longest:
            closed[end:start] = True
    return closed


def _runs(mask: Bool[np.ndarray, " steps"]) -> Float[np.ndarray, "runs 2"]:
    """List the marked stretches: first step, and the step after the last."""
    edges = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)], 1).astype(float)


def _melody(
    hertz: Float[np.ndarray, " steps"], speaking: Bool[np.ndarray, " steps"]
) -> Float[np.ndarray, " steps"]:
    """Turn raw pitch into a smooth contour in semitones around the speaker's median."""
    voiced = np.flatnonzero((hertz > 0) & speaking)
    if len(voiced) < round(0.1 * RATE):
        return np.zeros(len(hertz))
    semitones = 12.0 * np.log2(hertz[voiced] / np.median(hertz[voiced]))
    steady = ndimage.median_filter(semitones, 7)
    # What is left beyond an octave is a wrong octave or a door, not melody.
    contour = np.interp(np.arange(len(hertz)), voiced, np.clip(steady, -9.0, 12.0))
    return ndimage.gaussian_filter1d(contour, 0.05 * RATE)


def _find_accents(
    energy: Float[np.ndarray, " steps"],
    pitch: Float[np.ndarray, " steps"],
    speaking: Bool[np.ndarray, " steps"],
) -> Float[np.ndarray, "accents 2"]:
    """Find the syllables that stand out of their surroundings in loudness and melody."""
    loudness = ndimage.gaussian_filter1d(np.maximum(energy, SILENCE_DB), 0.04 * RATE)
    nuclei, _ = signal.find_peaks(loudness, prominence=1.5, distance=round(0.1 * RATE))
    nuclei = nuclei[speaking[nuclei]]
    if len(nuclei) == 0:
        return np.zeros((0, 2))
    # Two seconds around a syllable are what a listener compares it with.
    size = 2 * RATE
    weight = np.maximum(ndimage.uniform_filter1d(speaking.astype(float), size), 1e-3)
    rise = [
        values[nuclei] - (ndimage.uniform_filter1d(values * speaking, size) / weight)[nuclei]
        for values in (loudness, ndimage.maximum_filter1d(pitch, round(0.12 * RATE)))
    ]
    salience = rise[0] / 5.0 + rise[1] / 2.5  # one ordinary syllable-to-syllable spread of each
    spread = max(float(salience.std()), 0.3)
    strength = np.clip(0.45 + 0.25 * (salience - salience.mean()) / spread, 0.0, 1.0)
    return _strongest(nuclei / RATE, strength, apart=0.38, least=0.4)


def _strongest(
    times: Float[np.ndarray, " events"],
    strength: Float[np.ndarray, " events"],
    *,
    apart: float,
    least: float,
) -> Float[np.ndarray, "kept 2"]:
    """Keep events of at least `least`, none within `apart` seconds of a stronger one kept."""
    kept = np.zeros(len(times), bool)
    blocked = strength < least
    for index in np.argsort(-strength, kind="stable"):
        if not blocked[index]:
            kept[index] = True
            near = np.searchsorted(times, [times[index] - apart, times[index] + apart])
            blocked[near[0] : near[1]] = True
    return np.stack([times[kept], strength[kept]], 1)
