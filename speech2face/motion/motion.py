"""The latent space of the warp generator: rig weights, then shift, gaze and turn of the head.

Everything is relative to the portrait: the zero latent reproduces it exactly.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

SHIFT = 3
"""Place of the head: right, down in eye distances, natural logarithm of the size."""
GAZE = 2
"""Turn of the eyes: right, up in degrees."""
POSE = 3
"""Turn of the head: yaw, pitch, roll in degrees."""


@dataclass(frozen=True, kw_only=True)
class WarpLatents:
    """One row a frame, split into what it drives."""

    weights: Float[np.ndarray, "frames channels"]
    """Rig weights added to the portrait's own expression."""
    gaze: Float[np.ndarray, "frames 2"]
    """Turn of the eyes against the portrait's own: to the image's right, up; degrees."""
    pose: Float[np.ndarray, "frames 3"]
    """Turn of the head against the portrait's own: yaw, pitch, roll; degrees."""
    shift: Float[np.ndarray, "frames 3"] | None = None
    """Motion of the head against the portrait's own: right, down (outer-eye distances of the rig's
    frame, whatever the picture's size), natural logarithm of its size; None: it stays."""

    def pack(self) -> Float[np.ndarray, "frames latent"]:
        """Lay the parts side by side, as the generator takes them."""
        shift = np.zeros((len(self.weights), SHIFT)) if self.shift is None else self.shift
        return np.concatenate([self.weights, shift, self.gaze, self.pose], 1).astype(np.float32)

    @classmethod
    def unpack(cls, values: Float[np.ndarray, "frames latent"]) -> "WarpLatents":
        """Split what `pack` laid side by side."""
        ends = np.cumsum([-POSE, -GAZE, -SHIFT])[::-1].tolist()
        weights, shift, gaze, pose = np.split(values, ends, axis=1)
        return cls(weights=weights, gaze=gaze, pose=pose, shift=shift)
