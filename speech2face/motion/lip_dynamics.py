"""How emotion changes the way lips move, beside the face it makes.

Nothing here is learnt: no corpus that may be used has emotional lips. The directions come from
measurements, the sizes were set by eye. Lee, Yildirim, Kazemzadeh and Narayanan, "An articulatory
study of emotional speech production" (2005): anger moves further and faster, sadness less and
slower, happiness about as neutral speech does. Lee and Narayanan, "Effects of emotion on the lower
lip movements at phrase boundaries" (2012): velocity grows in line with amplitude, both with
arousal. Magno Caldognetto, Cosi, Drioli, Tisato and Cavicchio, "Coproduction of speech and
emotions" (2003): joy spreads the lips against their rounding, the opening keeps what it tells
apart. Kim, Toutios, Lee and Narayanan, "A kinematic study of critical and non-critical
articulators in emotional speech production" (2015): what a sound cannot do without is kept. So
p, b and m stay closed here whatever is felt. Lips pressed in anger are action units 23 and 24 of
EMFACS-7 (Friesen and Ekman 1983).
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from speech2face import landmarks
from speech2face.face.rig import Rig
from speech2face.signals import eased
from speech2face.types import EMOTIONS


@dataclass(frozen=True, kw_only=True)
class LipManner:
    """What an emotion of intensity 1 does to moving lips."""

    opening: float = 1.0
    """Multiplies how far lips and jaw move up and down."""
    rounding: float = 1.0
    """Multiplies how far the mouth narrows and protrudes when it rounds; spreading stays."""
    pace: float = 0.0
    """Below 0 movements are softened, at -1 over `_SOFT`; above 0 they are sharpened."""
    press: float = 0.0
    """Weight of `mouthPress`, and half of it of the lips' rolling in, while the lips are closed."""


MANNERS: Final[dict[str, LipManner]] = {
    "neutral": LipManner(),
    "happy": LipManner(opening=1.06, rounding=0.65),
    "sad": LipManner(opening=0.92, rounding=0.9, pace=-0.3),
    "angry": LipManner(opening=1.15, rounding=0.9, pace=0.6, press=0.45),
    "surprised": LipManner(opening=1.18, rounding=1.1, pace=0.15),
    "fearful": LipManner(opening=0.95, rounding=0.75, pace=0.5),
    "disgusted": LipManner(opening=0.85, rounding=0.85, pace=-0.3),
    "contempt": LipManner(opening=0.82, rounding=0.9, pace=-0.35, press=0.15),
}
"""Fear, surprise, disgust and contempt have no measured velocities: theirs follow their arousal."""

_SOFT = 0.05
"""Seconds, standard deviation of the average that softened movements become."""
SOFT_REACH = 5
"""Frames at 25 a second within which that average lies: four standard deviations."""
_CLOSED, _OPEN = 0.012, 0.04
"""Gap of the lips, in eye distances, below which they are closed, and above which they are free."""
_STILL = 0.006
"""Eye distances by which lips move, at the least, when something is said."""
_SLOWEST, _FASTEST = -0.9, 1.0
"""Bounds of the pace: strong mixtures stay human."""

Offsets = Float[np.ndarray, "frames 70 3"]


def softened(offsets: Offsets, fps: Fraction, reach: int = SOFT_REACH) -> Offsets:
    """Return movements averaged over `_SOFT` seconds, as `felt_movement` softens them.

    Args:
        offsets: Movements from the resting face.
        fps: Their rate.
        reach: Frames before and after a frame that are averaged; at most.
    """
    frames = _SOFT * float(fps)
    return ndimage.gaussian_filter1d(
        offsets, frames, axis=0, mode="nearest", truncate=reach / frames
    )


def felt_movement(
    offsets: Offsets,
    emotion: Float[np.ndarray, "frames 8"],
    fps: Fraction,
    soft: Offsets | None = None,
) -> Offsets:
    """Move the lips as somebody would who feels that way.

    Closures survive: where the lips are closed in `offsets`, they are no further apart in the
    result. Weights that change smoothly change the movement smoothly; zeros change nothing.

    Args:
        offsets: Spoken movements from the resting face, normalized landmarks.
        emotion: Intensity of each of `types.EMOTIONS`.
        fps: Rate of both.
        soft: The same movements `softened`, where the rows around these are known; None: these are
            all there are.
    """
    if not emotion.any():
        return offsets
    pace = np.clip(_mixed(emotion, "pace"), _SLOWEST, _FASTEST)[:, None, None]
    soft = softened(offsets, fps) if soft is None else soft
    moved = offsets + pace * (offsets - soft)
    moved[..., 1] *= np.exp(_logarithm(emotion, "opening"))[:, None]
    moved *= _rounded(moved, emotion)
    return _closed_again(moved, offsets).astype(offsets.dtype)


def closedness(offsets: Offsets) -> Float[np.ndarray, " frames"]:
    """Return how closed spoken lips are: 1 closed, 0 free to do as they feel, smooth between."""
    share = np.clip((_OPEN - _gap(offsets)) / (_OPEN - _CLOSED), 0, 1)
    return eased(share)


def stillness(offsets: Offsets) -> Float[np.ndarray, " frames"]:
    """Tell how far nobody speaks: 1 where lips rest, 0 where they say something, smooth between.

    Lips closed by p, b or m are no lips at rest: what stands before and after shapes them.
    """
    lips = offsets[:, landmarks.MOUTH]
    way = np.sqrt((lips**2).sum(-1).mean(-1))
    return eased(np.clip(1 - way / _STILL, 0, 1))


def pressed_lips(
    rig: Rig, offsets: Offsets, emotion: Float[np.ndarray, "frames 8"]
) -> Float[np.ndarray, "frames channels"]:
    """Return the rig weights of lips that are pressed together while they are closed.

    Args:
        rig: Whose channels.
        offsets: Spoken movements from the resting face.
        emotion: Intensity of each of `types.EMOTIONS`.
    """
    press = _mixed(emotion, "press") * closedness(offsets)
    weights = np.zeros((len(offsets), len(rig.names)), np.float32)
    for name, share in _PRESSING.items():
        weights[:, rig.index(name)] = share * press
    return weights


_PRESSING = {"mouthPress_L": 1.0, "mouthPress_R": 1.0, "mouthRollUpper": 0.5, "mouthRollLower": 0.5}


def _mixed(emotion: Float[np.ndarray, "frames 8"], name: str) -> Float[np.ndarray, " frames"]:
    return emotion @ np.array([getattr(MANNERS[label], name) for label in EMOTIONS])


def _logarithm(emotion: Float[np.ndarray, "frames 8"], name: str) -> Float[np.ndarray, " frames"]:
    return emotion @ np.log([getattr(MANNERS[label], name) for label in EMOTIONS])


def _rounded(
    moved: Offsets, emotion: Float[np.ndarray, "frames 8"]
) -> Float[np.ndarray, "frames 70 3"]:
    """Return the factors of x and z: another one while the corners are nearer than at rest."""
    left, right = landmarks.MOUTH.start, landmarks.MOUTH.start + 6
    narrower = moved[:, left, 0] - moved[:, right, 0]
    share = np.clip(narrower / _ROUND, 0, 1)
    factor = np.exp(_logarithm(emotion, "rounding") * eased(share))
    factors = np.ones_like(moved)
    factors[:, landmarks.MOUTH, 0] = factor[:, None]
    factors[:, landmarks.MOUTH, 2] = factor[:, None]
    return factors


_ROUND = 0.03
"""By how many eye distances a mouth that rounds is narrower than at rest."""


def _closed_again(moved: Offsets, spoken: Offsets) -> Offsets:
    """Bring lips together that speech had closed, but do not push them through each other."""
    gap, said = _gap(moved), _gap(spoken)
    excess = np.maximum(gap - said, 0) * closedness(spoken)
    excess = excess - np.maximum(np.minimum(said, 0) - gap, 0)
    return landmarks.lips_together(moved, excess)


def _gap(offsets: Offsets) -> Float[np.ndarray, " frames"]:
    upper, lower = np.array(landmarks.INNER_LIP_GAPS).T
    return (offsets[:, lower, 1] - offsets[:, upper, 1]).mean(1)
