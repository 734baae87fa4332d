"""Landmarks to motion piece by piece, and motion that goes on without a jump after a break."""

from dataclasses import replace

import numpy as np

from speech2face.motion.lip_dynamics import felt_movement, softened
from speech2face.motion.motion import Motion
from speech2face.motion.solve import Solve
from speech2face.signals import smoothstep
from speech2face.timing import MOTION_FPS
from speech2face.types import ControlTrack, LandmarkTrack, cut, joined

_LIPS, _HEAD = 4, 12
"""Frames at 25 a second in which lips, and head and eyes, leave what they did before a break."""


class SolveStep:
    """`Solve` for landmarks and controls that arrive piece by piece.

    A row depends on its neighbours only where emotion softens or sharpens the lips' movement.
    """

    def __init__(self, solve: Solve, reach: int) -> None:
        """Begin.

        Args:
            solve: Of the view that moves.
            reach: Rows after a row that are waited for; a live session takes less than the whole
                `lip_dynamics.SOFT_REACH`.
        """
        self.late = reach
        self._solve = solve
        self._spoken = np.zeros((0, *solve.rest.shape), np.float32)
        self._done = 0  # rows of `_spoken` that were answered and are kept as neighbours
        self._controls: ControlTrack | None = None  # of the rows that are not answered

    def feed(self, piece: tuple[LandmarkTrack, ControlTrack]) -> Motion:
        """Take rows of landmarks and as many of controls; return motion that is known by now."""
        track, controls = piece
        self._spoken = np.concatenate([self._spoken, track.points - self._solve.rest])
        waiting = self._controls
        self._controls = controls if waiting is None else joined([waiting, controls])
        return self._answer(len(self._spoken) - self.late)

    def finish(self) -> Motion:
        """Return the last rows."""
        return self._answer(len(self._spoken))

    def _answer(self, end: int) -> Motion:
        controls = self._controls or ControlTrack.neutral(0, MOTION_FPS)
        rows = slice(self._done, max(end, self._done))
        count = rows.stop - rows.start
        wanted, self._controls = cut(controls, slice(count)), cut(controls, slice(count, None))
        soft = softened(self._spoken, controls.fps, self.late)[rows] if count else None
        spoken = self._spoken[rows]
        felt = felt_movement(spoken, wanted.emotion, controls.fps, soft)
        motion = self._solve.from_movement(spoken, felt, wanted)
        forget = max(0, rows.stop - self.late)
        self._spoken, self._done = self._spoken[forget:], rows.stop - forget
        return motion


class Bridge:
    """Leads from the last motion before a break to what comes after it, without a jump."""

    def __init__(self, last: Motion) -> None:
        """Take the last row that was drawn."""
        self._last = last
        self._gap: Motion | None = None
        self._passed = 0

    @property
    def done(self) -> bool:
        """Whether nothing is left of what was before."""
        return self._passed >= _HEAD

    def __call__(self, motion: Motion) -> Motion:
        """Return the next rows, with what is left of the motion before the break."""
        if len(motion) == 0:
            return motion
        if self._gap is None:
            self._gap = _difference(self._last, cut(motion, slice(1)))
        age = np.arange(self._passed + 1, self._passed + 1 + len(motion))[:, None]
        self._passed += len(motion)
        lips, head = (
            (1 - smoothstep(age / frames)).astype(np.float32) for frames in (_LIPS, _HEAD)
        )
        return replace(
            motion,
            weights=motion.weights + lips * self._gap.weights,
            gaze=motion.gaze + head * self._gap.gaze,
            pose=motion.pose + head * self._gap.pose,
            shift=motion.shift + head * self._gap.shift,
        )


def _difference(one: Motion, other: Motion) -> Motion:
    return replace(
        one,
        weights=one.weights - other.weights,
        gaze=one.gaze - other.gaze,
        pose=one.pose - other.pose,
        shift=one.shift - other.shift,
    )
