"""Regions of a moving face: lips, eyes, brows and head, each with a strength of its own."""

from dataclasses import replace
from typing import Final

import numpy as np

from speech2face.motion.motion import Motion
from speech2face.regions import BROWS, EYES, HEAD, LIPS, Strengths

_CHANNELS: Final = {
    LIPS: ("jaw", "mouth", "cheekPuff", "tongue", "noseSneer"),
    EYES: ("eye", "cheekSquint"),
    BROWS: ("brow",),
}
"""How the names of a region's channels begin."""


def scaled(motion: Motion, names: tuple[str, ...], strengths: Strengths) -> Motion:
    """Return a motion with each region in its strength.

    Args:
        motion: Whose emotion stays.
        names: The channels of its weights.
        strengths: From `parse_regions`.
    """
    factors = np.zeros(len(names), np.float32)
    for region, starts in _CHANNELS.items():
        factors[[name.startswith(starts) for name in names]] = strengths[region]
    eyes, head = np.float32(strengths[EYES]), np.float32(strengths[HEAD])
    return replace(
        motion, weights=motion.weights * factors, gaze=motion.gaze * eyes,
        pose=motion.pose * head, shift=motion.shift * head,
    )  # fmt: skip


def with_lips_of(motion: Motion, speaking: Motion, names: tuple[str, ...]) -> Motion:
    """Return a motion whose lips are those of another one of the same length."""
    lips = np.array([name.startswith(_CHANNELS[LIPS]) for name in names])
    return replace(motion, weights=np.where(lips, speaking.weights, motion.weights))
