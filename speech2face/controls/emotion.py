"""Emotion: words such as "happy:0.5+surprised:0.3" into weights, and weights that live."""

import numpy as np
from jaxtyping import Float

from speech2face.errors import InputError
from speech2face.signals import Wander
from speech2face.types import EMOTIONS

STRONGEST = 1.5
"""The highest intensity of one emotion; 1 is a clear expression."""

_LIFE = 0.1
"""An expression that is held still looks like a mask: its strength wanders by a tenth."""


def parse_emotion(text: str) -> tuple[float, ...]:
    """Read "LABEL", "LABEL:INTENSITY" or a mix "LABEL:INTENSITY+LABEL:INTENSITY".

    Args:
        text: For instance "happy:0.7"; an intensity left out is 1.

    Returns:
        One weight for each of `types.EMOTIONS`. Neutral is the absence of all others, so its own
        weight stays 0.

    Raises:
        InputError: A label is unknown or named twice, or an intensity is outside 0 to 1.5.
    """
    weights = dict.fromkeys(EMOTIONS, 0.0)
    named: set[str] = set()
    for part in text.split("+"):
        label, colon, amount = part.partition(":")
        label = label.strip().lower()
        if label not in weights:
            msg = (
                f"the emotion {label!r} in {text!r} is unknown; "
                f"the labels are {', '.join(EMOTIONS)}; write for example happy:0.7"
            )
            raise InputError(msg)
        if label in named:
            msg = f"the emotion {label!r} stands twice in {text!r}; name each label once"
            raise InputError(msg)
        named.add(label)
        weights[label] = _intensity(amount, text) if colon else 1.0
    weights["neutral"] = 0.0
    return tuple(weights.values())


def _intensity(amount: str, text: str) -> float:
    try:
        value = float(amount)
    except ValueError as error:
        msg = (
            f"the intensity {amount.strip()!r} in {text!r} is not a number; "
            f"write a number from 0 to {STRONGEST}, for example happy:0.7"
        )
        raise InputError(msg) from error
    if not 0.0 <= value <= STRONGEST:
        msg = (
            f"the intensity {amount.strip()} in {text!r} is out of range; "
            f"it goes from 0 to {STRONGEST}, 1 is a clear expression"
        )
        raise InputError(msg)
    return value


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
