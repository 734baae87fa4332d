"""How much further than a network says a mouth moves: each part by its own factor.

A network that learnt from people's mouths by squared errors moves what it is unsure of too little,
and the few people of its corpus move their lips less than people do in natural speech. The factors
bring each part to the spread that it has in real talking videos. The gap of the lips keeps a factor
of its own, so that lips that meet still meet.
"""

import numpy as np
from jaxtyping import Float

from speech2face import landmarks

WIDTH = 4.4
"""Of everything across: the corners come together and part."""
_NARROWEST, _STRAINED, _WIDEST = 0.25, 0.09, 0.25
"""Eye distances by which a mouth narrows at most, the same in a portrait that shows a wide open
mouth, whose lips would tear, and by which a mouth widens at most."""
_OPEN = (0.1, 0.2)
"""Opening of a portrait's mouth from which its lips are strained, and at which they are in full."""
GAP = 1.45
"""Of the lips' gap."""
_UPPER = 1.8
"""Of the upper lip up and down; the lower lip follows it by the gap."""
_CORNERS = 2.2
"""Of the corners up and down."""
_JAW = 1.6
"""Of the jaw line, down and forwards."""
_DEPTH = 1.8
"""Of the lips forwards."""

_LIFTED = [49, 50, 51, 52, 53, 61, 62, 63]
_LOWERED = [59, 58, 57, 56, 55, 67, 66, 65]
"""Landmarks of the upper lip and those of the lower lip below them."""
_CORNER_POINTS = sorted({point for pair in landmarks.LIP_CORNERS for point in pair})


def articulate(
    offsets: Float[np.ndarray, "frames 70 3"], strained: float = 0.0
) -> Float[np.ndarray, "frames 70 3"]:
    """Move each part of the mouth as far as it moves in people.

    Args:
        offsets: Movements from the resting landmarks, as a network says them.
        strained: How much the portrait's lips are (`strain`).
    """
    moved = offsets.copy()
    moved[:, landmarks.JAW_LINE] *= np.array([1.0, _JAW, _JAW])
    moved[:, landmarks.MOUTH] *= np.array([1.0, 1.0, _DEPTH])
    moved[:, landmarks.MOUTH, 0] *= _across(offsets, strained)[:, None]
    gap = offsets[:, _LOWERED, 1] - offsets[:, _LIFTED, 1]
    moved[:, _LIFTED, 1] = _UPPER * offsets[:, _LIFTED, 1]
    moved[:, _LOWERED, 1] = moved[:, _LIFTED, 1] + GAP * gap
    moved[:, _CORNER_POINTS, 1] *= _CORNERS
    return moved


def strain(normalized: Float[np.ndarray, "70 3"]) -> float:
    """Compute how much the lips of a portrait are strained, 0 to 1: those of an open mouth are.

    Args:
        normalized: The portrait's landmarks.
    """
    free, full = _OPEN
    return float(np.clip((landmarks.mouth_opening(normalized) - free) / (full - free), 0, 1))


def _across(
    offsets: Float[np.ndarray, "frames 70 3"], strained: float
) -> Float[np.ndarray, " frames"]:
    """Compute the factor of everything across: less than `WIDTH` where that would be too far."""
    left, right = np.array(landmarks.LIP_CORNERS).T
    asked = WIDTH * (offsets[:, right, 0] - offsets[:, left, 0]).mean(1)
    narrowest = _NARROWEST + (_STRAINED - _NARROWEST) * strained
    asked = asked / np.where(asked < 0, narrowest, _WIDEST)
    small = np.abs(asked) < 1e-3  # noqa: PLR2004 - tanh x / x is 1 there
    return WIDTH * np.where(small, 1.0, np.tanh(asked) / np.where(small, 1.0, asked))
