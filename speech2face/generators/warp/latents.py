"""The latent space of the warp generator: rig weights, then gaze, then head pose.

Everything is relative to the portrait: the zero latent reproduces it exactly.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

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

    def pack(self) -> Float[np.ndarray, "frames latent"]:
        """Lay the parts side by side, as the generator takes them."""
        return np.concatenate([self.weights, self.gaze, self.pose], 1).astype(np.float32)

    @classmethod
    def unpack(cls, values: Float[np.ndarray, "frames latent"]) -> "WarpLatents":
        """Split what `pack` laid side by side."""
        weights, gaze, pose = np.split(values, [-GAZE - POSE, -POSE], axis=1)
        return cls(weights=weights, gaze=gaze, pose=pose)
