"""The eight emotions as rig channels.

Sources: Friesen and Ekman, "EMFACS-7: Emotional Facial Action Coding System" (1983), and the
prototypes of Ekman, Friesen and Hager, "FACS Investigator's Guide" (2002), table 10-2. The action
units (AU) of each label stand beside it; how far each channel moves was set by eye on this rig, so
that intensity 1 is named at a glance. AU 25 and 26 (parted lips, dropped jaw) are held back, so
that speech keeps the lips: surprise, fear and disgust part them where nobody speaks, and closures
survive (`solve`).
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
    "happy": _both(
        cheekSquint=1.1,
        eyeSquint=0.55,
        mouthSmile=1.0,
        mouthDimple=0.15,
        mouthUpperUp=0.3,
        mouthLowerDown=0.15,
    ),
    # AU 1 + 4 + 15 + 17: inner brows up and together, lids droop, corners down, chin raised.
    "sad": {
        **_both(browInnerUp=2.0, browDown=0.1, browOuterUp=-0.45, eyeBlink=0.15, mouthFrown=1.1),
        **_both(eyeSquint=0.1, mouthStretch=0.1),
        "mouthShrugLower": 0.2,
    },
    # AU 4 + 5 + 7 + 23 + 24: brows down, hard stare, lips tight; the nose wrinkles a little.
    "angry": {
        **_both(browDown=1.4, eyeSquint=0.65, eyeWide=0.35, noseSneer=0.65, mouthFrown=0.1),
        **_both(mouthPress=0.15),
        "mouthRollUpper": 0.35,
        "mouthRollLower": 0.3,
    },
    # AU 1 + 2 + 5 + 26: brows up, eyes wide, jaw dropped a little.
    "surprised": {
        **_both(browInnerUp=1.5, browOuterUp=1.45, eyeWide=1.5),
        "jawOpen": 0.27,
        "mouthFunnel": 0.15,
    },
    # AU 1 + 2 + 4 + 5 + 7 + 20 + 26: brows up and together, eyes wide, mouth stretched.
    "fearful": {
        **_both(browInnerUp=1.8, browOuterUp=0.3, browDown=0.35, eyeWide=1.5, eyeSquint=0.1),
        **_both(mouthStretch=1.6, mouthFrown=-0.35, mouthSmile=0.1, mouthLowerDown=0.3),
        "jawOpen": 0.12,
    },
    # AU 9 + 10 + 15 + 17: nose wrinkled, upper lip raised, corners down, chin pushed up.
    "disgusted": {
        **_both(noseSneer=1.4, browDown=0.2, cheekSquint=0.85, eyeSquint=0.75, mouthUpperUp=1.1),
        **_both(mouthFrown=0.4),
        "mouthShrugLower": 1.0,
    },
    # AU 12 + 14 on one side: one corner tightened and raised, the eyes look on half-closed.
    "contempt": {
        "mouthSmile_L": 0.5,
        "mouthDimple_L": 1.4,
        "mouthPress_L": 0.3,
        "cheekSquint_L": 0.6,
        "browOuterUp_L": 0.6,
        "mouthLeft": 0.25,
        "mouthFrown_R": 0.3,
        **_both(eyeBlink=0.15, eyeSquint=0.25),
        "browDown_R": 0.4,
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
