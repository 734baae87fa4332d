"""How a face lives beside its words: head, brows and smile, from what is heard.

Nothing here is learnt: no corpus of head motion could be shipped. What drives what is known from
measurements: head motion goes with pitch and loudness (Yehia, Kuratate and Vatikiotis-Bateson,
"Linking facial animation, head motion and speech acoustics", 2002; Munhall et al., "Visual prosody
and speech intelligibility", 2004), nods and brow raises with stressed words (Krahmer and Swerts,
"The effects of visual beats on prosodic prominence", 2007), changes of posture with phrases. Real
heads hold a posture, go to the next in a third to two thirds of a second, and beat time on
stresses meanwhile; how far and how often was fitted to the table of `evaluate video life`.

One performance serves the planned director and the live one: both tell it events as they become
known, the planned one long before, and ask it for one moment after another. What is known too late
for its proper time begins at once.
"""

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from speech2face.controls.hearing import Heard
from speech2face.controls.paths import Beats, Drift, Path, Row, ease, pole
from speech2face.controls.prosody import RATE, Prosody
from speech2face.types import EMOTIONS

HEAD, FACE = slice(0, 3), slice(3, 6)
"""What a row holds: yaw, pitch, roll in degrees; raise and lowering of the brows, and smile."""
SIZE = 6
_RAISE, _SMILE = 3, 5

_AHEAD = 0.7  # seconds before its time that an event of a known speech is told
_START = 1.0  # seconds in which motion grows out of the portrait's own pose
_LISTENING = 0.4  # of the motion while nobody speaks
_TALKS = 0.5  # of `Voice.talking`: from here on somebody speaks

# Degrees of yaw, pitch, roll at a gain of 1 (standard deviations): a change of posture, slow drift,
# and what never rests. A head that is drawn from one photograph is seen to yaw and pitch by 0.6 of
# what was asked for, so these are larger than what is seen.
_POSTURE = np.array([7.2, 4.8, 3.8])
_SLOW = np.array([1.3, 1.0, 0.7])
_QUICK = np.array([1.7, 1.1, 0.75])
_STAYS = 0.3  # of a posture stays in the next one
_TILTS = 0.25  # degrees of roll a degree of yaw: heads tilt as they turn
_SPAN, _SPAN_A_DEGREE = (0.38, 0.62), 0.02  # seconds of a change of posture
_PATIENCE = (0.18, 0.5)  # of the log-normal seconds until a posture changes without a cause
_APART = 0.4, 0.7  # seconds between changes of posture, at phrases and at stresses

_NOD, _LIFT = -4.2, 2.9  # degrees of pitch of a stress of strength 1
_SIDEWAYS = np.array([2.4, 0.0, 1.3])  # degrees (standard deviation) of yaw and roll with it
_MELODY, _FORCE = 0.2, -1.9  # degrees of pitch a semitone, and a unit of force

_CHANCE = MappingProxyType({
    "posture of a phrase": 0.8,
    "posture on a stress": 0.35,
    "nod": 0.62,
    "lift": 0.18,
    "raised phrase": 0.45,
    "lowered phrase": 0.3,
    "smiling phrase": 0.5,
    "smile after a phrase": 0.35,
    "lip corners on a stress": 0.35,
    "smile while listening": 0.25,
})  # fmt: skip
"""How often what happens."""


@dataclass(frozen=True, kw_only=True)
class Voice:
    """What is heard at one moment; see `hearing.Heard`."""

    talking: float
    melody: float
    force: float
    arousal: float


def gain(arousal: float) -> float:
    """Compute how much further than usual a voice of this arousal moves the face, 0.62 to 1.6."""
    return 0.62 * 2.6**arousal


class Life:
    """Head, brows and smile of somebody who speaks or listens, one moment after another."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Begin at rest; `rng` draws all that is drawn."""
        self._rng = rng
        self._head, self._brows, self._smile = Path(3), Path(2), Path(1)
        self._beats = Beats(SIZE)
        slow, quick = rng.spawn(2)  # so that what is heard does not change the drift
        self._slow, self._quick = Drift(slow, 3, 2.3), Drift(quick, 3, 0.3)
        self._gain = gain(0.5)
        self._talking = 0.0
        self._lift = np.zeros(2)  # degrees that melody and force lift the head: raw, smooth
        self._last: float | None = None
        self._moved = 0.0  # second of the last change of posture
        self._patience = 1.0  # seconds until the next one without a cause

    def hear(self, heard: Heard, now: float) -> None:
        """Take up what became known; nothing begins before the second `now`."""
        if heard.started is not None:
            self._begin_phrase(max(heard.started - 0.2, now))
        for time, strength in heard.accents:
            self._stress(time, strength, now)
        if heard.ended is not None:
            self._end_phrase(heard.ended, now, question=heard.rising)

    def forget(self, now: float) -> None:
        """Drop what has not begun at the second `now`."""
        for part in (self._head, self._brows, self._smile, self._beats):
            part.forget(now)

    def at(self, now: float, voice: Voice) -> Row:
        """Compute the row at the second `now`; every call is later than the one before.

        The head is not bounded here (`HeadRoom` does it); brows and smile may leave 0 to 1.
        """
        step = 0.0 if self._last is None else now - self._last
        self._last = now
        self._talking += (voice.talking - self._talking) * pole(step, 0.25)
        self._gain += (gain(voice.arousal) - self._gain) * pole(step, 1.0)
        # The melody lifts the head, loudness pushes it forward and down; a heavy head is slow.
        lift = _MELODY * min(max(voice.melody, -6.0), 6.0) + _FORCE * voice.force
        self._lift[0] += (lift * voice.talking - self._lift[0]) * pole(step, 0.09)
        self._lift[1] += (self._lift[0] - self._lift[1]) * pole(step, 0.09)
        if now > self._moved + self._patience:
            self._shift(now, speaking=self._talking > _TALKS)
        live = self._gain * (_LISTENING + (1.0 - _LISTENING) * self._talking)
        row = self._beats.at(now)
        drift = _SLOW * self._slow.at(now) + _QUICK * self._quick.at(now)
        row[HEAD] += self._head.at(now) + live * drift
        row[1] += self._gain * self._lift[1]
        row[FACE] += np.concatenate([self._brows.at(now), self._smile.at(now)])
        return row * ease(now / _START)

    def _happens(self, what: str) -> bool:
        return self._rng.uniform() < _CHANCE[what]

    def _between(self, low: float, high: float) -> float:
        return float(self._rng.uniform(low, high))

    def _shift(self, start: float, *, speaking: bool) -> None:
        """Go to another posture; a listener goes less far, less fast, and may smile."""
        size = 1.0 if speaking else _LISTENING
        way = self._rng.normal(size=3) * _POSTURE * self._gain * size
        way[2] += _TILTS * way[0]
        target = _STAYS * self._head.target + way
        far = float(np.abs(target - self._head.target).max())
        span = self._between(*_SPAN) + _SPAN_A_DEGREE * far
        self._head.go(target, start, span if speaking else 1.6 * span)
        self._moved = start
        self._patience = float(self._rng.lognormal(*_PATIENCE)) / size
        if not speaking:
            smile = self._between(0.2, 0.5) if self._happens("smile while listening") else 0.05
            self._smile.go(np.array([smile]), start, self._between(0.8, 1.2))

    def _begin_phrase(self, start: float) -> None:
        if self._happens("posture of a phrase") and start > self._moved + _APART[0]:
            self._shift(start, speaking=True)
        size = min(0.6 + 0.4 * self._gain, 1.3)
        brows = np.zeros(2)
        if self._happens("raised phrase"):
            brows[0] = size * self._between(0.5, 1.0)
        elif self._happens("lowered phrase"):
            brows[1] = size * self._between(0.3, 0.8)
        self._brows.go(brows, start, self._between(0.3, 0.6))
        smiles = self._happens("smiling phrase")
        smile = size * self._between(0.35, 0.9) if smiles else self._between(0.0, 0.1)
        self._smile.go(np.array([smile]), start, self._between(0.5, 0.9))

    def _end_phrase(self, stop: float, now: float, *, question: bool) -> None:
        raised = self._between(0.5, 0.9) if question else 0.0
        start = max(stop - 0.15 if question else stop, now)
        self._brows.go(np.array([raised, 0.0]), start, self._between(0.4, 0.8))
        # Who has said something smiles at the other for a moment, or lets the smile go.
        smile = self._between(0.35, 0.75) if self._happens("smile after a phrase") else 0.05
        self._smile.go(np.array([smile]), max(stop, now), self._between(0.5, 1.0))

    def _stress(self, time: float, strength: float, now: float) -> None:
        """Mark a stressed syllable: nod, lift, turn or tilt, and the face with it."""
        size = strength * self._gain
        height = np.zeros(SIZE)
        height[HEAD] = size * _SIDEWAYS * self._rng.normal(size=3)
        if self._happens("nod"):
            height[1] = size * _NOD * self._between(0.5, 1.4)
        elif self._happens("lift"):
            height[1] = size * _LIFT * self._between(0.5, 1.4)
        rise = self._between(0.17, 0.25)
        moment = max(time + self._between(-0.05, 0.07), now + rise)
        self._beats.add(moment, rise, self._between(0.3, 0.5), height)
        shifts = strength > 0.75 and self._happens("posture on a stress")  # noqa: PLR2004 strong
        if shifts and moment > self._moved + _APART[1]:
            self._shift(moment - rise, speaking=True)
        face = np.zeros(SIZE)
        if self._rng.uniform() < 1.5 * strength - 0.5:
            face[_RAISE] = strength * self._between(0.4, 1.0)
        if self._happens("lip corners on a stress"):
            face[_SMILE] = self._between(0.15, 0.4)
        self._beats.add(max(time - 0.02, now + 0.18), 0.18, self._between(0.35, 0.6), face)


def temper(
    face: Float[np.ndarray, "frames 3"], emotion: Float[np.ndarray, "frames 8"]
) -> Float[np.ndarray, "frames 3"]:
    """Take back what an emotion that is asked for would not show.

    Args:
        face: Raise and lowering of the brows, and the smile; any values.
        emotion: Weights of `EMOTIONS`.

    Returns:
        The same, 0 to 1: who is sad or angry does not smile, who is happy does not frown.
    """
    felt = {name: emotion[:, EMOTIONS.index(name)] for name in EMOTIONS}
    unhappy = sum(felt[name] for name in ("sad", "angry", "fearful", "disgusted", "contempt"))
    against = np.stack([felt["angry"], felt["happy"] + felt["surprised"], unhappy], 1)
    return np.clip(face, 0.0, 1.0) * np.clip(1.0 - against, 0.0, 1.0)


def planned_life(
    prosody: Prosody, seconds: Float[np.ndarray, " frames"], rng: np.random.Generator
) -> Float[np.ndarray, "frames size"]:
    """Perform a speech that is known.

    Args:
        prosody: What is said, and how.
        seconds: The time of each frame, growing.
        rng: Draws all that is drawn.

    Returns:
        A row a frame, see `Life.at`.
    """
    events = [(start, Heard(started=start)) for start in prosody.phrases[:, 0].tolist()]
    events += [(time, Heard(accents=((time, size),))) for time, size in prosody.accents.tolist()]
    events += [
        (stop, Heard(ended=stop, rising=bool(rising)))
        for stop, rising in zip(prosody.phrases[:, 1].tolist(), prosody.rising, strict=True)
    ]
    events.sort(key=lambda event: event[0])
    steps = np.arange(len(prosody.energy)) / RATE
    talking = ndimage.gaussian_filter1d(prosody.speaking.astype(float), 0.1 * RATE)
    tracks = (talking, prosody.pitch, prosody.force)
    heard = zip(*(np.interp(seconds, steps, track).tolist() for track in tracks), strict=True)
    life, rows, known = Life(rng), np.empty((len(seconds), SIZE)), 0
    for row, (now, (talk, melody, force)) in enumerate(zip(seconds.tolist(), heard, strict=True)):
        while known < len(events) and events[known][0] <= now + _AHEAD:
            life.hear(events[known][1], now)
            known += 1
        voice = Voice(talking=talk, melody=melody, force=force, arousal=prosody.arousal)
        rows[row] = life.at(now, voice)
    return rows
