"""The motion that calibration shows to a checkpoint: designed rows, random faces, speech."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from speech2face.controls.director import direct
from speech2face.controls.settings import ControlSettings
from speech2face.face.rig import Rig
from speech2face.face.view import View
from speech2face.generators.base import LOUDNESS_BANDS
from speech2face.motion.expressions import expression_weights
from speech2face.motion.motion import Motion
from speech2face.motion.solve import Solve
from speech2face.stages.loudness import loudness_of
from speech2face.stages.speech2landmarks import Speech2Landmarks
from speech2face.timing import SPEECH_RATE
from speech2face.types import EMOTIONS, Speech, cut, joined

DESIGNED, RANDOM, SPOKEN = "designed", "random", "speech"
"""The kinds of rows."""

_STILL = ("eyeLook", "tongue")
"""Channels that the warp generator does not show: gaze has its own place, the tongue none."""
_LEVELS = (0.5, 1.0)
_YAW, _PITCH, _ROLL = (-20.0, -10.0, 10.0, 20.0), (-15.0, -8.0, 8.0, 15.0), (-12.0, -6.0, 6.0, 12.0)
"""Degrees; a speaking head seldom leaves them."""
_LIDS = (0.25, 0.5, 0.75, 1.0)
_LOOKS = (-14.0, -7.0, 0.0, 7.0, 14.0)
"""Degrees of gaze."""
_MIXED = 5
"""Channels that a random face moves at once, about."""
_SPREAD_POSE, _SPREAD_GAZE = (8.0, 6.0, 4.0), (7.0, 5.0)
_SPREAD_SHIFT = (0.06, 0.05, 0.02)
"""Standard deviations of random faces; shift in eye distances and as logarithm of the size."""
_FELT, _SHUT = 0.5, 0.25
"""Shares of random faces that show an emotion, and whose lids move."""
_STRONGEST = 1.3
_MOODS_PER_CLIP = 4
"""The speaker's emotion changes this often, so that every clip has calm and felt speech."""


@dataclass(frozen=True, kw_only=True)
class ShownMotion:
    """Rows of motion that one portrait shows to the checkpoint."""

    motion: Motion
    sound: Float[np.ndarray, "rows bands"]
    kind: np.ndarray
    """Kind of each row; rows of speech are in their order in time."""

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.kind)


@dataclass(frozen=True, kw_only=True)
class MotionPlan:
    """How much of each kind is shown of every portrait."""

    random: int = 200
    seconds: float = 16.0
    """Of speech."""
    every: int = 2
    """Every so many frames of the speech are shown: neighbours are nearly alike."""


def plan_motion(
    rig: Rig, portrait: View, speech: Speech, plan: MotionPlan, rng: np.random.Generator
) -> ShownMotion:
    """Lay out all that one portrait is to do."""
    parts = (
        _designed(rig),
        _random(rig, plan.random, rng),
        _spoken(portrait, speech, plan, rng),
    )
    return ShownMotion(
        motion=joined([part.motion for part in parts]),
        sound=np.concatenate([part.sound for part in parts]),
        kind=np.concatenate([part.kind for part in parts]),
    )


def _designed(rig: Rig) -> ShownMotion:
    """Move one thing at a time: every channel, the head, lids, gaze, every emotion."""
    channels = [name for name in rig.names if not name.startswith(_STILL)]
    rows: list[tuple[dict[str, float], tuple[float, ...], tuple[float, ...]]] = [
        ({name: level}, (0, 0, 0), (0, 0)) for name in channels for level in _LEVELS
    ]
    rows += [({}, (yaw, 0, 0), (0, 0)) for yaw in _YAW]
    rows += [({}, (0, pitch, 0), (0, 0)) for pitch in _PITCH]
    rows += [({}, (0, 0, roll), (0, 0)) for roll in _ROLL]
    rows += [({}, (yaw, pitch, 0), (0, 0)) for yaw in _YAW[::3] for pitch in _PITCH[::3]]
    rows += [({"eyeBlink_L": lid, "eyeBlink_R": lid}, (0, 0, 0), (0, 0)) for lid in _LIDS]
    rows += [({}, (0, 0, 0), (x, y)) for x in _LOOKS for y in _LOOKS[1:-1] if (x, y) != (0, 0)]
    weights = np.stack([rig.weights(**channels) for channels, _, _ in rows])
    pose, gaze = np.array([turn for _, turn, _ in rows]), np.array([look for *_, look in rows])
    plain = Motion.of(weights, pose=pose, gaze=gaze)
    felt = np.concatenate([level * np.eye(len(EMOTIONS))[1:] for level in (0.5, 1.0, 1.5)])
    faces = Motion.of(expression_weights(rig, felt), emotion=felt)
    return _silent(joined([plain, faces]), DESIGNED)


def _random(rig: Rig, count: int, rng: np.random.Generator) -> ShownMotion:
    """Mix channels, pose, lids, gaze and emotion at random."""
    channels = np.array([not name.startswith((*_STILL, "eyeBlink")) for name in rig.names])
    moved = channels & (rng.random((count, len(rig.names))) < _MIXED / channels.sum())
    weights = moved * rng.beta(1.2, 2.0, moved.shape)
    shut = rng.random((count, 1)) < _SHUT
    lids = np.isin(rig.names, ("eyeBlink_L", "eyeBlink_R"))
    weights += lids * shut * rng.random((count, 1))
    felt = np.zeros((count, len(EMOTIONS)))
    which = rng.integers(1, len(EMOTIONS), count)
    strength = rng.uniform(0, _STRONGEST, count) * (rng.random(count) < _FELT)
    felt[np.arange(count), which] = strength
    weights += expression_weights(rig, felt)
    motion = Motion.of(
        weights,
        pose=rng.normal(size=(count, 3)) * _SPREAD_POSE,
        gaze=rng.normal(size=(count, 2)) * _SPREAD_GAZE,
        shift=rng.normal(size=(count, 3)) * _SPREAD_SHIFT,
        emotion=felt,
    )
    return _silent(motion, RANDOM)


def _spoken(
    portrait: View, speech: Speech, plan: MotionPlan, rng: np.random.Generator
) -> ShownMotion:
    """Let the portrait speak, with the director's head, eyes and blinks, in several moods."""
    heard = Speech(samples=speech.samples[: round(plan.seconds * SPEECH_RATE)])
    track = Speech2Landmarks.from_pretrained()(heard, portrait.likeness.rest)
    # Every second stretch is calm; the moods of the others are drawn without repetition.
    moods = iter(rng.permutation(np.arange(1, len(EMOTIONS))))
    controls = direct(
        heard, ControlSettings(seed=int(rng.integers(1 << 31))), len(track), track.fps
    )
    felt = controls.emotion.copy()
    for turn, stretch in enumerate(np.array_split(np.arange(len(track)), 2 * _MOODS_PER_CLIP)):
        if turn % 2:
            felt[stretch, next(moods)] = rng.uniform(0.4, 1.0)
    rows = slice(None, None, plan.every)
    motion = cut(Solve(portrait)(track, replace(controls, emotion=felt)), rows)
    sound = loudness_of(heard, len(track), track.fps)[rows]
    return ShownMotion(motion=motion, sound=sound, kind=np.full(len(motion), SPOKEN))


def _silent(motion: Motion, kind: str) -> ShownMotion:
    sound = np.zeros((len(motion), LOUDNESS_BANDS), np.float32)
    return ShownMotion(motion=motion, sound=sound, kind=np.full(len(motion), kind))
