"""The latent space of the warp generator: rig weights, shift, gaze and turn of the head.

It is `Motion` laid side by side, without the emotion, which the weights hold already.
"""

from fractions import Fraction

import numpy as np
from jaxtyping import Float

from speech2face.motion.motion import GAZE, POSE, SHIFT, Motion
from speech2face.timing import MOTION_FPS

BESIDE_WEIGHTS = SHIFT + GAZE + POSE
"""Numbers of a latent that are not rig weights."""


def pack(motion: Motion) -> Float[np.ndarray, "frames latent"]:
    """Lay the parts of motion side by side."""
    parts = [motion.weights, motion.shift, motion.gaze, motion.pose]
    return np.concatenate(parts, 1).astype(np.float32)


def unpack(values: Float[np.ndarray, "frames latent"], fps: Fraction = MOTION_FPS) -> Motion:
    """Split what `pack` laid side by side; the emotion is zero."""
    ends = np.cumsum([-POSE, -GAZE, -SHIFT])[::-1].tolist()
    weights, shift, gaze, pose = np.split(values, ends, axis=1)
    return Motion.of(weights, shift=shift, gaze=gaze, pose=pose, fps=fps)
