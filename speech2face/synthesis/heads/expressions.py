"""Random faces for training pairs: mouths that speak, blinks, looks, and feelings; by ARKit names.

Weights are drawn for whichever of the channels a rig has, so that rendered heads and animated
photographs make the same faces.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

# Mouths of speech as ranges of channel weights: what phoneticians' viseme charts agree on (open,
# spread, rounded, protruded, lips together, lower lip at the teeth, lips parted over shut teeth).
_MOUTHS: tuple[Mapping[str, tuple[float, float]], ...] = (
    {"jawOpen": (0.25, 0.75), "mouthLowerDown": (0.0, 0.3), "mouthUpperUp": (0.0, 0.2)},
    {"jawOpen": (0.05, 0.3), "mouthStretch": (0.1, 0.5), "mouthSmile": (0.0, 0.4)},
    {"jawOpen": (0.05, 0.4), "mouthFunnel": (0.3, 0.8), "mouthPucker": (0.0, 0.3)},
    {"jawOpen": (0.0, 0.15), "mouthPucker": (0.4, 0.9), "mouthFunnel": (0.0, 0.3)},
    {"mouthPress": (0.0, 0.5), "mouthRollLower": (0.0, 0.4), "mouthRollUpper": (0.0, 0.3)},
    {"jawOpen": (0.0, 0.1), "mouthRollLower": (0.3, 0.8), "mouthUpperUp": (0.1, 0.4)},
    {"jawOpen": (0.0, 0.12), "mouthLowerDown": (0.2, 0.7), "mouthUpperUp": (0.2, 0.6)},
)
_FEELINGS: tuple[Mapping[str, tuple[float, float]], ...] = (
    {"mouthSmile": (0.3, 1.0), "cheekSquint": (0.2, 0.8), "eyeSquint": (0.0, 0.5)},
    {"mouthFrown": (0.2, 0.7), "browInnerUp": (0.3, 0.9), "mouthShrugLower": (0.0, 0.4)},
    {"browDown": (0.3, 1.0), "mouthPress": (0.0, 0.5), "noseSneer": (0.0, 0.6)},
    {"browInnerUp": (0.3, 1.0), "browOuterUp": (0.3, 1.0), "eyeWide": (0.2, 0.8)},
)
_SPOKEN, _FELT, _ODD = 0.75, 0.3, 0.35
"""Chances that a face speaks, feels something, and does a few things that no word asks for."""
_BLINKING, _WINKING, _SHUT = 0.25, 0.04, 0.5
"""Chances that both lids come down, that one does, and that those that do are wholly shut."""
_LOOKS = ("eyeLook", "PupilDilate", "tongueOut", "eyeBlink")
"""Channels that odd faces leave alone: gaze is drawn apart, blinks have their own chance."""
_LEAN = 0.12
"""Standard deviation of the relative difference between the two sides of a face."""


@dataclass(frozen=True, kw_only=True)
class Expression:
    """One random face."""

    weights: Float[np.ndarray, " channels"]
    """In the order of the names it was drawn for."""
    gaze: Float[np.ndarray, " 2"]
    """Turn of the eyes: to the image's right, up; degrees."""


def draw_expression(names: Sequence[str], rng: np.random.Generator) -> Expression:
    """Draw a face.

    Args:
        names: Channels of the rig: ARKit names, sides as _L and _R.
        rng: Where chance comes from.
    """
    wanted: dict[str, float] = {}

    def mix(table: Sequence[Mapping[str, tuple[float, float]]], strength: float) -> None:
        for channel, (low, high) in table[int(rng.integers(len(table)))].items():
            wanted[channel] = wanted.get(channel, 0.0) + strength * rng.uniform(low, high)

    if rng.random() < _SPOKEN:
        # Speech is mostly on the way from one mouth to the next.
        share = float(rng.uniform(0.4, 1.0))
        mix(_MOUTHS, share)
        mix(_MOUTHS, 1 - share)
    if rng.random() < _FELT:
        mix(_FEELINGS, float(rng.uniform(0.3, 1.0)))
    weights = np.zeros(len(names), np.float32)
    if rng.random() < _ODD:
        odd = [i for i, name in enumerate(names) if not name.startswith(_LOOKS)]
        chosen = rng.choice(odd, size=min(len(odd), int(rng.integers(1, 5))), replace=False)
        weights[chosen] += rng.uniform(0.1, 0.6, len(chosen))
    for index, name in enumerate(names):
        base = name.removesuffix("_L").removesuffix("_R")
        weights[index] += wanted.get(base, 0.0) * max(0.0, rng.normal(1, _LEAN))
    _blink(weights, names, rng)
    gaze = rng.normal(0, 7, 2) * np.array([1.0, 0.6])
    return Expression(weights=np.clip(weights, 0, 1), gaze=gaze)


def _blink(
    weights: Float[np.ndarray, " channels"], names: Sequence[str], rng: np.random.Generator
) -> None:
    chance = rng.random()
    if chance > _BLINKING + _WINKING:
        return
    both = chance < _BLINKING
    sides = ("_L", "_R") if both else (rng.choice(["_L", "_R"]),)
    down = 1.0 if rng.random() < _SHUT else float(rng.uniform(0.2, 0.95))
    for side in sides:
        if f"eyeBlink{side}" in names:
            weights[names.index(f"eyeBlink{side}")] = down
        if f"eyeWide{side}" in names:
            weights[names.index(f"eyeWide{side}")] = 0
