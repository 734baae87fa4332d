"""Live hearing: the loudness, melody, stresses and phrases of a speech while it still arrives.

The planned director compares a syllable with the whole recording; here it is compared with what was
heard so far. Floor, peak and the speaker's median pitch are running statistics in fixed memory,
newer sound counting more, so neither the length of the speech nor a change of voice or room has to
be known. Everything is decided one motion frame at a time: how the sound was cut into pieces before
leaves no trace.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from speech2face.controls.prosody import (
    HOP,
    LEAST_SPREAD,
    RATE,
    SILENCE_DB,
    USUAL_SPEED,
    WINDOW,
    VoiceMeter,
    arousal_of,
    rises,
)
from speech2face.timing import MOTION_FPS, samples_at

FRAME = samples_at(1, MOTION_FPS)
"""Samples of one motion frame."""

_TAIL = WINDOW // 2 + HOP  # samples before a frame that its first window still needs
_PHRASE_STARTS = round(0.06 * RATE)  # steps of loudness that begin a phrase
_PHRASE_ENDS = round(0.24 * RATE)  # steps of quiet that end it
_GAP = round(0.12 * RATE)  # steps of quiet inside words
_SMOOTH = np.exp(-0.5 * (np.arange(-3, 4) / 2.0) ** 2)
_SMOOTH /= _SMOOTH.sum()  # 40 ms (standard deviation) of loudness, known 60 ms late
_PROMINENCE = 1.5  # dB a nucleus rises above the valleys beside it
_APART = 0.38  # seconds between two accents
_LEAST = 0.4  # strength of the weakest accent
_STALE = 0.4  # seconds after which a nucleus is too old to be marked


class RunningQuantiles:
    """Quantiles of a stream of numbers in fixed memory: a histogram that forgets."""

    def __init__(self, low: float, high: float, width: float, memory: float) -> None:
        """Begin empty.

        Args:
            low: Values below it count as it.
            high: Values above it count as it.
            width: Of one bin: how finely a quantile is known.
            memory: How many values ago a value counts a third (1 / e).
        """
        self._low, self._width = low, width
        self._weights = np.zeros(round((high - low) / width) + 1)
        self._keep = float(np.exp(-1.0 / memory))

    def add(self, value: float, weight: float = 1.0) -> None:
        """Count one value."""
        place = round((value - self._low) / self._width)
        self._weights *= self._keep
        self._weights[min(max(place, 0), len(self._weights) - 1)] += weight

    def quantile(self, share: float) -> float:
        """Return the value below which this share of the weight lies, between bins linearly."""
        total = np.cumsum(self._weights)
        wanted = share * total[-1]
        place = min(int(np.searchsorted(total, wanted)), len(total) - 1)
        before = total[place - 1] if place else 0.0
        part = (wanted - before) / max(total[place] - before, 1e-12)
        return self._low + self._width * (place - 0.5 + float(part))


class RunningSpread:
    """Mean and standard deviation of a stream of numbers, newer ones counting more."""

    def __init__(self, mean: float, deviation: float, memory: float, count: float = 1.0) -> None:
        """Begin with what is usual, which counts as `count` values."""
        self.mean = mean
        self._variance = deviation**2
        self._memory, self._count = memory, count

    def add(self, value: float) -> None:
        """Count one value."""
        self._count = min(self._count + 1.0, self._memory)
        share, off = 1.0 / self._count, value - self.mean
        self.mean += share * off
        self._variance += share * (off * off * (1.0 - share) - self._variance)

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        return float(np.sqrt(self._variance))


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What one motion frame of sound added."""

    talking: float = 0.0
    """How much somebody speaks, 0 to 1, smooth over a quarter of a second."""
    melody: float = 0.0
    """Semitones above the speaker's running median, smoothed; it holds where there is no voice."""
    force: float = 0.0
    """Loudness against the usual of this voice so far, in units of its spread, -2 to 2."""
    arousal: float = 0.5
    """How excited the voice is, see `prosody.arousal_of`."""
    accents: tuple[tuple[float, float], ...] = ()
    """Stressed syllables that became known: second, and strength in 0 to 1."""
    started: float | None = None
    """The second at which a phrase began, once that is known."""
    ended: float | None = None
    """The second at which a phrase ended, once that is known."""
    rising: bool = False
    """Whether the melody rose at the end of that phrase, as in many questions."""


class Ear:
    """Hear a speech one motion frame at a time."""

    def __init__(self) -> None:
        """Begin in silence."""
        self._measure = VoiceMeter()
        # A quiet room and an ordinary voice of a quarter of a second, until they are known.
        self._floor = RunningQuantiles(-100.0, 0.0, 0.5, memory=8.0 * RATE)
        self._floor.add(-70.0, 0.25 * RATE)
        self._loud = RunningQuantiles(-100.0, 0.0, 0.5, memory=20.0 * RATE)
        self._loud.add(-35.0, 0.25 * RATE)
        self._median = RunningQuantiles(0.0, 48.0, 0.25, memory=30.0 * RATE)
        self._salience = RunningSpread(0.4, 0.5, memory=60.0)
        self._talking = self._melody = 0.0
        self._usual_loudness: float | None = None
        self._usual_melody = 0.0
        self._level = RunningSpread(-30.0, 6.0, memory=15.0 * RATE)
        self._speed = RunningSpread(USUAL_SPEED, 0.0, memory=10.0 * RATE, count=2.0 * RATE)
        self._force = 0.0
        self._last_accent = -np.inf
        self.forget()

    def forget(self) -> None:
        """Forget the sound of the last moments; what is usual for the voice and the room stays."""
        self._tail = np.zeros(_TAIL, np.float32)
        self._energies: deque[float] = deque([SILENCE_DB] * len(_SMOOTH), len(_SMOOTH))
        self._speaking: deque[bool] = deque([False] * (len(_SMOOTH) // 2))
        self._semitones: deque[float] = deque(maxlen=5)
        self._melodies: deque[float] = deque([self._melody] * 6, 6)
        self._contour: deque[float] = deque(maxlen=round(0.6 * RATE))
        self._in_phrase = False
        self._loud_steps = 0
        self._quiet_steps = _PHRASE_ENDS
        self._rising = False
        self._low = SILENCE_DB
        self._peak = (SILENCE_DB, 0.0, 0.0, False)  # loudness, second, melody, in speech

    def listen(self, samples: Float[np.ndarray, " samples"], start: float) -> Heard:
        """Hear the `FRAME` samples that begin at the second `start`."""
        known = np.concatenate([self._tail, samples])
        self._tail = known[-_TAIL:]
        # Two windows, around half a frame before `start` and around `start`: the last ones whose
        # sound is all known.
        windows = np.lib.stride_tricks.sliding_window_view(known, WINDOW)[::HOP][: FRAME // HOP]
        return self._steps(*self._measure(windows), start, learn=True)

    def rest(self, start: float) -> Heard:
        """Hear nobody for one frame: what is usual for the voice and the room stays."""
        self._tail = np.zeros(_TAIL, np.float32)
        quiet = np.full(FRAME // HOP, -100.0)
        return self._steps(quiet, np.zeros(FRAME // HOP), start, learn=False)

    def _steps(
        self,
        energy: Float[np.ndarray, " steps"],
        hertz: Float[np.ndarray, " steps"],
        start: float,
        *,
        learn: bool,
    ) -> Heard:
        accents: list[tuple[float, float]] = []
        started = ended = None
        question = False
        for step, (loudness, pitch) in enumerate(zip(energy, hertz, strict=True)):
            now = start + (step + 1 - len(energy)) / RATE
            loud = self._is_loud(float(loudness), learn=learn)
            begins, ends = self._phrase(now, loud=loud)
            started, ended = started or begins, ended or ends
            speaking = self._in_phrase and self._quiet_steps <= _GAP
            rising = self._follow_pitch(float(pitch), loud=loud)
            question = question or (ends is not None and rising)
            self._talking += (speaking - self._talking) * _pole(0.12)
            accents += self._accent(float(loudness), now, speaking=loud or speaking)
        return Heard(
            talking=self._talking,
            melody=self._melody,
            force=self._force,
            arousal=arousal_of(self._speed.mean),
            accents=tuple(accents),
            started=started,
            ended=ended,
            rising=question,
        )

    def _is_loud(self, loudness: float, *, learn: bool) -> bool:
        """Compare a step with the running floor and peak, as the planned director does."""
        if learn:
            self._floor.add(loudness)
        floor = self._floor.quantile(0.08)
        if learn and loudness > max(floor + 6.0, SILENCE_DB):
            self._loud.add(loudness)
        peak = self._loud.quantile(0.95)
        return loudness > max(
            SILENCE_DB, min(floor + max(6.0, 0.4 * (peak - floor)), peak - 6.0), floor + 3.0
        )

    def _phrase(self, now: float, *, loud: bool) -> tuple[float | None, float | None]:
        """Count loud and quiet steps; return when a phrase began and when one ended."""
        self._loud_steps = self._loud_steps + 1 if loud else 0
        self._quiet_steps = 0 if loud else self._quiet_steps + 1
        if not self._in_phrase and self._loud_steps >= _PHRASE_STARTS:
            self._in_phrase = True
            return now - (self._loud_steps - 1) / RATE, None
        if self._in_phrase and self._quiet_steps >= _PHRASE_ENDS:
            self._in_phrase = False
            return None, now - (self._quiet_steps - 1) / RATE
        return None, None

    def _follow_pitch(self, hertz: float, *, loud: bool) -> bool:
        """Follow the melody in semitones around the running median; hold it without a voice.

        Returns:
            Whether it rose at the end of the speech heard last.
        """
        before = self._melody
        if hertz > 0 and loud:
            semitones = 12.0 * float(np.log2(hertz / 55.0))
            self._median.add(semitones)
            self._semitones.append(semitones)
        if self._semitones:
            middle = sorted(self._semitones)[len(self._semitones) // 2]
            above = middle - self._median.quantile(0.5)
            # What is left beyond an octave is a wrong octave or a door, not melody.
            self._melody += (min(max(above, -9.0), 12.0) - self._melody) * _pole(0.06)
        self._melodies.append(self._melody)
        if loud:
            self._speed.add(abs(self._melody - before) * RATE)
            self._contour.append(self._melody)
        return rises(np.array(self._contour))

    def _accent(
        self, loudness: float, now: float, *, speaking: bool
    ) -> tuple[tuple[float, float], ...]:
        """Look for a syllable's nucleus in the smoothed loudness; return it if it is stressed."""
        self._energies.append(max(loudness, SILENCE_DB))
        self._speaking.append(speaking)
        value, at = float(_SMOOTH @ np.array(self._energies)), now - (len(_SMOOTH) // 2) / RATE
        spoken = self._speaking.popleft()
        if spoken:
            # One second (1 / e) of speech is what a listener compares a syllable with.
            usual = value if self._usual_loudness is None else self._usual_loudness
            self._usual_loudness = usual + (value - usual) * _pole(1.0)
            self._usual_melody += (self._melody - self._usual_melody) * _pole(1.0)
            self._level.add(value)
        above = (value - self._level.mean) / max(self._level.deviation, LEAST_SPREAD)
        self._force = min(max(above, -2.0), 2.0)
        if self._rising:
            if value > self._peak[0]:
                self._peak = (value, at, max(self._melodies), spoken)
            elif value < self._peak[0] - _PROMINENCE:
                self._rising, self._low = False, value
                return self._stress(now)
        else:
            self._low = min(self._low, value)
            if value > self._low + _PROMINENCE:
                self._rising, self._peak = True, (value, at, max(self._melodies), spoken)
        return ()

    def _stress(self, now: float) -> tuple[tuple[float, float], ...]:
        loudness, at, melody, spoken = self._peak
        if not spoken or self._usual_loudness is None or now - at > _STALE:
            return ()
        # One ordinary syllable-to-syllable spread of each, as in `prosody`.
        salience = (loudness - self._usual_loudness) / 5.0 + (melody - self._usual_melody) / 2.5
        usual = self._salience
        strength = 0.45 + 0.25 * (salience - usual.mean) / max(usual.deviation, 0.3)
        usual.add(salience)
        if strength < _LEAST or at - self._last_accent < _APART:
            return ()
        self._last_accent = at
        return ((at, min(strength, 1.0)),)


def _pole(seconds: float) -> float:
    """Compute the share of the way that a first-order filter goes in one step."""
    return 1.0 - float(np.exp(-1.0 / (seconds * RATE)))
