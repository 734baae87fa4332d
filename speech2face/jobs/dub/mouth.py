"""The new mouth of a dubbed video: what the sound asks for, against what each frame shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

from speech2face import landmarks
from speech2face.controls.prosody import Prosody
from speech2face.face.normalize import pose_of
from speech2face.face.rig import Rig
from speech2face.landmarks import LANDMARKS
from speech2face.motion.expressions import expression_weights
from speech2face.motion.lip_dynamics import felt_movement, pressed_lips
from speech2face.motion.mouths import Mouths, read_mouths, replace_mouths
from speech2face.signals import resample, smoothstep
from speech2face.sources.tracks import FaceTrack, turned
from speech2face.types import LandmarkTrack

_TURNED = (40.0, 55.0)
"""Degrees to a side from which a mouth is less than wholly replaced, and from which not at all: the
tracker guesses half of a face that is turned further."""
_FADE = 0.12
"""Seconds in which the new mouth comes and goes where the face is found and lost in a shot."""
_PAUSE = (0.25, 0.2)
"""Seconds of silence around a pause that still belong to the words, and in which the frame's own
mouth takes over."""
_OPEN = (0.05, 0.08, 0.11, 0.15, 0.2, 0.3, 0.5)
"""Gaps of the lips (eye distances): between each two of them one frame shows the mouth's inside."""
_EVERY = 5
"""Of so many frames one says what the mouth is like at rest."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What the sound asks of a face, a row for each frame that is shown."""

    spoken: Float[np.ndarray, "shown 70 3"]
    """Movements of normalized landmarks from rest, as heard."""
    moved: Float[np.ndarray, "shown 70 3"]
    """The same as emotion makes them."""
    emotion: Float[np.ndarray, "shown 8"]
    share: Float[np.ndarray, " shown"]
    """How much of the new mouth is shown: less than 1 where the frame's own is kept."""


class OwnMouths:
    """The mouths that a video shows, a row a frame; rows without a face are 0."""

    def __init__(self, track: FaceTrack, rig: Rig, fps: Fraction) -> None:
        """Read the mouths of a video's face."""
        count = len(track)
        self._own = np.zeros((count, LANDMARKS, 3), np.float32)
        self._rest = np.zeros_like(self._own)
        self._unit = np.ones(count)
        self.share = np.zeros(count)
        """How much of a new mouth each frame can take."""
        for run in track.runs():
            mouths = read_mouths(track.meshes[run], rig, float(fps))
            self._own[run], self._rest[run], self._unit[run] = mouths.own, mouths.rest, mouths.unit
            self.share[run] = _share(track, run, fps)

    @property
    def rest(self) -> Float[np.ndarray, "70 3"]:
        """The mouth between the words, as it is most of the time."""
        return np.median(self._rest[self.share > 0][::_EVERY], axis=0).astype(np.float32)

    def of(self, numbers: Int[np.ndarray, " some"]) -> Mouths:
        """Return the mouths of some frames."""
        unit = float(np.median(self._unit[numbers]))
        return Mouths(own=self._own[numbers], rest=self._rest[numbers], unit=unit)

    def calmest(self, numbers: Int[np.ndarray, " some"]) -> int:
        """Return the frame with the lips closed most: by it the others are laid out.

        By one with a mouth wide open, closed lips would lie in folds (seen: a lower lip that
        bunches wherever the first frame of a shot showed an open mouth).

        Args:
            numbers: Of the frames to choose from.
        """
        return int(numbers[np.argmin(landmarks.mouth_opening(self._own[numbers]))])

    def open(self, numbers: Int[np.ndarray, " some"], track: FaceTrack) -> Int[np.ndarray, " few"]:
        """Choose a few frames that show the inside of the mouth, differently far open, in order.

        Args:
            numbers: Of the frames to choose from, those of one shot.
            track: Where the face is.
        """
        numbers = numbers[self.share[numbers] == 1]
        if not len(numbers):
            return numbers
        gaps = landmarks.mouth_opening(self._own[numbers])
        poses = np.stack([pose_of(mesh) for mesh in track.meshes[numbers]])
        # Frontal views serve all others, and a mouth that stands still is sharp.
        turned_away = np.abs(poses[:, :2] - np.median(poses[:, :2], axis=0)).sum(1)
        moving = np.abs(np.gradient(gaps)) if len(gaps) > 1 else np.zeros(1)
        price = turned_away / 10 + moving / 0.02
        chosen: list[int] = []
        for low, high in pairwise(_OPEN):
            inside = np.flatnonzero((gaps >= low) & (gaps < high))
            if len(inside):
                chosen.append(int(numbers[inside[np.argmin(price[inside])]]))
        return np.array(sorted(chosen), np.int64)


class NewMouth:
    """Gives the motion of any shown frames from what is said and what the video's frames show."""

    def __init__(self, own: OwnMouths, said: Said, rig: Rig) -> None:
        """Take both."""
        self.own, self._said, self._rig = own, said, rig

    def __call__(
        self, start: int, numbers: Int[np.ndarray, " shown"]
    ) -> Sequence[Float[np.ndarray, " channels"] | None]:
        """Return the rig weights of shown frames; None where a frame stays as it is.

        Args:
            start: Which is the first of them.
            numbers: The video's frame that each of them shows.
        """
        rows = slice(start, start + len(numbers))
        share = self.own.share[numbers] * self._said.share[rows]
        drawn = np.flatnonzero(share > 0)
        weights: list[Float[np.ndarray, " channels"] | None] = [None] * len(numbers)
        if not len(drawn):
            return weights
        spoken, moved, emotion = (
            part[rows][drawn] for part in (self._said.spoken, self._said.moved, self._said.emotion)
        )
        felt = expression_weights(self._rig, emotion) + pressed_lips(self._rig, spoken, emotion)
        felt = felt.astype(np.float64)
        mouths = self.own.of(numbers[drawn])
        found = (replace_mouths(mouths, moved, felt, self._rig) + felt) * share[drawn, None]
        for index, row in zip(drawn.tolist(), found, strict=True):
            weights[index] = row
        return weights


def _share(track: FaceTrack, run: slice, fps: Fraction) -> Float[np.ndarray, " frames"]:
    """Return how much of a new mouth the frames of a stretch can take."""
    front, side = _TURNED
    share = 1 - smoothstep((turned(track.meshes[run]) - front) / (side - front))
    fade = max(1, round(_FADE * fps))
    ramp = smoothstep((np.arange(len(share)) + 1) / (fade + 1))
    shots = track.shots
    if run.start > 0 and shots[run.start - 1] == shots[run.start]:
        share = share * ramp
    if run.stop < len(track) and shots[run.stop] == shots[run.stop - 1]:
        share = share * ramp[::-1]
    return share


def say(
    track: LandmarkTrack,
    rest: Float[np.ndarray, "70 3"],
    emotion: Float[np.ndarray, "heard 8"],
    speaks: Float[np.ndarray, " shown"],
    fps: Fraction,
    strength: float,
) -> Said:
    """Bring what was heard to the frames that are shown.

    Args:
        track: The heard landmarks.
        rest: What they move from.
        emotion: Intensity of each emotion, at their rate.
        speaks: How much of the new mouth is shown in each frame.
        fps: Frames a second that are shown.
        strength: Of the lips' motion.
    """
    spoken = (strength * (track.points - rest)).astype(np.float32)
    moved = felt_movement(spoken, emotion, track.fps)
    rows = len(speaks)

    def shown(values: np.ndarray) -> np.ndarray:
        return resample(values, track.fps, fps, rows).astype(np.float32)

    return Said(spoken=shown(spoken), moved=shown(moved), emotion=shown(emotion), share=speaks)


def speaking(prosody: Prosody, frames: int, fps: Fraction) -> Float[np.ndarray, " frames"]:
    """Return where somebody speaks: 1 in words, 0 in pauses, smooth between."""
    reach, fade = _PAUSE
    seconds = np.arange(frames) / float(fps)
    away = np.full(frames, np.inf)
    for first, last in prosody.phrases:
        away = np.minimum(away, np.maximum(np.maximum(first - seconds, seconds - last), 0))
    return 1 - smoothstep((away - reach) / fade)
