"""Emotion: weights that live."""

import numpy as np
from jaxtyping import Float

from speech2face.signals import Wander

_LIFE = 0.1
"""An expression that is held still looks like a mask: its strength wanders by a tenth."""


def living_emotion(
    weights: Float[np.ndarray, "frames 8"],
    seconds: Float[np.ndarray, " frames"],
    rng: np.random.Generator,
) -> Float[np.ndarray, "frames 8"]:
    """Let the strength of an expression breathe by up to a tenth; it is there from frame 0 on."""
    return Breath(rng).on(weights, seconds)


class Breath:
    """How the strength of an expression breathes."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Draw its path."""
        self._path = Wander(rng, shortest=3.0, longest=11.0)

    def on(
        self, weights: Float[np.ndarray, "frames 8"], seconds: Float[np.ndarray, " frames"]
    ) -> Float[np.ndarray, "frames 8"]:
        """Let the weights at these times breathe."""
        return weights * (1.0 + _LIFE * self._path.at(seconds))[:, None]
