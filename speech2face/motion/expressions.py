"""The eight emotions as rig channels.

Sources: Friesen and Ekman, "EMFACS-7: Emotional Facial Action Coding System" (1983), and the
prototypes of Ekman, Friesen and Hager, "FACS Investigator's Guide" (2002), table 10-2. The action
units (AU) of each label stand beside it; how far each channel moves was set by eye on this rig, so
that intensity 1 is a strong but natural face. AU 25 and 26 (parted lips, dropped jaw) are held
back, so that speech keeps the lips and closures survive: only surprise and fear part them, by less
than a tenth of the outer-eye distance.
"""

from typing import Final

import numpy as np
from jaxtyping import Float

from speech2face.face.rig import Rig
from speech2face.types import EMOTIONS


def _both(**channels: float) -> dict[str, float]:
    """Return channels to both sides of the face."""
    return {f"{name}_{side}": value for name, value in channels.items() for side in "LR"}


EXPRESSIONS: Final[dict[str, dict[str, float]]] = {
    "neutral": {},
    # AU 6 + 12: cheeks lift, lids narrow from below, corners of the mouth rise.
    "happy": _both(cheekSquint=0.85, eyeSquint=0.45, mouthSmile=0.75, mouthDimple=0.15),
    # AU 1 + 4 + 15 + 17: inner brows up and together, lids droop, corners down, chin raised.
    "sad": {
        **_both(browInnerUp=1.6, browDown=0.2, browOuterUp=-0.3, eyeBlink=0.12, mouthFrown=1.1),
        **_both(eyeSquint=0.1, mouthStretch=0.1),
        "mouthShrugLower": 0.45,
    },
    # AU 4 + 5 + 7 + 23 + 24: brows down, hard stare, lips tight; the nose wrinkles a little.
    "angry": {
        **_both(browDown=1.15, eyeSquint=0.6, eyeWide=0.3, noseSneer=0.6, mouthFrown=0.12),
        **_both(mouthPress=0.2, cheekSquint=0.2),
        "mouthRollUpper": 0.35,
        "mouthRollLower": 0.3,
    },
    # AU 1 + 2 + 5 + 26: brows up, eyes wide, jaw dropped a little.
    "surprised": {
        **_both(browInnerUp=1.3, browOuterUp=1.2, eyeWide=1.0),
        "jawOpen": 0.2,
        "mouthFunnel": 0.1,
    },
    # AU 1 + 2 + 4 + 5 + 7 + 20 + 26: brows up and together, eyes wide, mouth stretched.
    "fearful": {
        **_both(browInnerUp=1.3, browOuterUp=0.4, browDown=0.35, eyeWide=0.9, eyeSquint=0.2),
        **_both(mouthStretch=0.8, mouthFrown=0.25, mouthLowerDown=0.15),
        "jawOpen": 0.06,
    },
    # AU 9 + 10 + 15 + 17: nose wrinkled, upper lip raised, corners down, chin pushed up.
    "disgusted": {
        **_both(noseSneer=1.0, browDown=0.65, cheekSquint=0.7, eyeSquint=0.5, mouthUpperUp=0.45),
        **_both(mouthFrown=0.5),
        "mouthShrugLower": 0.9,
    },
    # AU 12 + 14 on one side: one corner tightened and raised, the eyes look on half-closed.
    "contempt": {
        "mouthSmile_L": 0.35,
        "mouthDimple_L": 0.8,
        "mouthPress_L": 0.2,
        "cheekSquint_L": 0.45,
        "browOuterUp_L": 0.5,
        "mouthLeft": 0.15,
        **_both(eyeBlink=0.15, eyeSquint=0.2),
        "browDown_R": 0.25,
    },
}
"""Each label's channels and their weights at intensity 1."""


def expression_weights(
    rig: Rig, emotion: Float[np.ndarray, "frames 8"]
) -> Float[np.ndarray, "frames channels"]:
    """Turn a mix of emotions into rig weights.

    Args:
        rig: The rig whose channels are asked for.
        emotion: Intensity of each of `types.EMOTIONS`; 0 to 1, up to 1.5 for a stronger face.
    """
    table = np.zeros((len(EMOTIONS), len(rig.names)), np.float32)
    for row, label in zip(table, EMOTIONS, strict=True):
        for name, weight in EXPRESSIONS[label].items():
            row[rig.index(name)] = weight
    return emotion.astype(np.float32) @ table
