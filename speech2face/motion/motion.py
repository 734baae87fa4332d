"""Motion: what every driver gives and every generator takes, whatever its own latents are.

Everything is relative to the view: zeros draw it as it is. A driver is speech (landmarks solved for
rig weights), a tracked video, or a timeline; a generator turns motion into its latents by `drive`.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Float

from speech2face.timing import MOTION_FPS
from speech2face.types import EMOTIONS, require_finite, require_same_length

SHIFT, GAZE, POSE = 3, 2, 3
"""Numbers a frame of `Motion.shift`, `Motion.gaze` and `Motion.pose`."""


@dataclass(frozen=True, kw_only=True)
class Motion:
    """A track: one row a frame."""

    weights: Float[np.ndarray, "frames channels"]
    """Rig weights added to the view's own expression."""
    gaze: Float[np.ndarray, "frames 2"]
    """Turn of the eyes against the view's own: to the image's right, up; degrees."""
    pose: Float[np.ndarray, "frames 3"]
    """Turn of the head against the view's own: yaw, pitch, roll; degrees."""
    shift: Float[np.ndarray, "frames 3"]
    """Motion of the head against the view's own: right, down (outer-eye distances of the rig's
    frame, whatever the picture's size), natural logarithm of its size."""
    emotion: Float[np.ndarray, "frames 8"]
    """Intensity of each of `types.EMOTIONS`. The weights hold its expression already; a generator
    that was calibrated knows by it what else its own latents do."""
    fps: Fraction

    def __post_init__(self) -> None:
        """Refuse rows that differ in length and values that no generator could draw.

        Raises:
            InputError: Rows differ in length, or a value is not finite.
        """  # noqa: DOC502 those below raise it
        rows = (self.weights, self.gaze, self.pose, self.shift, self.emotion)
        require_same_length(rows, "motion")
        for values in rows:
            require_finite(values, "motion")

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.weights)

    @classmethod
    def of(
        cls,
        weights: Float[np.ndarray, "frames channels"],
        *,
        gaze: Float[np.ndarray, "frames 2"] | None = None,
        pose: Float[np.ndarray, "frames 3"] | None = None,
        shift: Float[np.ndarray, "frames 3"] | None = None,
        emotion: Float[np.ndarray, "frames 8"] | None = None,
        fps: Fraction = MOTION_FPS,
    ) -> "Motion":
        """Make motion of some of its parts, in single precision; the others are zero."""

        def part(values: np.ndarray | None, width: int) -> np.ndarray:
            kept = np.zeros((len(weights), width)) if values is None else values
            return kept.astype(np.float32)

        return cls(
            weights=weights.astype(np.float32), gaze=part(gaze, GAZE), pose=part(pose, POSE),
            shift=part(shift, SHIFT), emotion=part(emotion, len(EMOTIONS)), fps=fps,
        )  # fmt: skip
