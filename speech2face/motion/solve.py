"""Solve: landmarks and controls become motion of one view.

Nothing is learnt: the rig weights are those whose landmarks lie nearest to the ones asked for,
within bounds, with the gap of the lips weighted so that closures stay closures. Emotion, blink,
brows, gaze and pose are added on their own channels; how emotion changes the lips' own movement is
in `lip_dynamics`, and the solve knows what else it does to the lips and closes them all the same.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from speech2face import landmarks
from speech2face.errors import InputError
from speech2face.face.neutral import OPENING_CHANNELS, bounded_least_squares
from speech2face.face.rig import Rig, shipped_rig
from speech2face.face.view import View
from speech2face.motion.articulation import articulate, strain
from speech2face.motion.expressions import expression_weights
from speech2face.motion.lip_dynamics import felt_movement, pressed_lips, stillness
from speech2face.motion.motion import Motion
from speech2face.types import ControlTrack, LandmarkTrack

_MOUTH_CHANNELS = ("jaw", "mouth")
"""Prefixes of the channels that speech may move."""
_AT_ONCE = 500
"""Frames solved at once, which do not depend on each other. More leave the processor's caches: 1500
took ten times as long as three times 500."""
_HIGHEST = 1.3
"""A rig weight beyond this leaves the range that the rig was designed for."""
_STRAINED_PUCKER = 0.8
"""The same of the pucker in a portrait whose lips are strained: beyond it they tear."""

_LIP_WEIGHT, _JAW_WEIGHT, _DEPTH_SHARE = 1.0, 0.25, 0.35
"""Price of an error of lips, of the jaw line, and of their depth, which a picture shows least."""
_GAP_WEIGHT, _WIDTH_WEIGHT = 4.0, 4.0
"""The same of the lips' gap, which is looked at most, and of the mouth's width: without a price of
its own a mouth narrowed by 0.7 of what was asked, and rounded vowels stayed wide."""
_RIDGE = 2e-3
"""Price of a weight of 1 against an error of one eye distance at one landmark."""
_RARE = (
    "mouthShrug", "mouthLeft", "mouthRight", "mouthClose", "mouthUpperUp", "jawLeft", "jawRight",
    "jawForward",
)  # fmt: skip
_RARE_RIDGE = 2e-2
"""The same for channels that speech moves little and that a tracker's noise could be read as, and
for the lift of the upper lip, which else parts the lips where a jaw should."""

_BROW = {"browInnerUp": 2.2, "browOuterUp": 1.3, "eyeWide": 0.3}
"""Rig weights, on both sides, of a full brow raise in speech."""
_FROWN = {"browDown": 0.9, "eyeSquint": 0.15}
"""The same of a full lowering."""
_SMILE = {"mouthSmile": 0.8, "mouthDimple": 0.15, "cheekSquint": 0.6, "eyeSquint": 0.3}
"""The same of a full smile beside the words."""
_LID_PER_DEGREE = 0.018
"""Upper lids follow the gaze: share of a blink for each degree downwards."""


class Solve:
    """Fits motion to landmarks and controls for one view; what depends on the view is kept."""

    def __init__(self, view: View) -> None:
        """Take the view that shall move."""
        self.rig: Rig = shipped_rig()
        self._likeness = view.likeness

    @property
    def rest(self) -> Float[np.ndarray, "70 3"]:
        """The normalized landmarks that speech starts from."""
        return self._likeness.rest

    def __call__(self, track: LandmarkTrack, controls: ControlTrack) -> Motion:
        """Compute the motion of the same length and rate.

        Args:
            track: Normalized landmarks of the view's face while it speaks.
            controls: What the director asks for, at the same rate.

        Raises:
            InputError: Landmarks and controls differ in rate or length.
        """
        if len(track) != len(controls) or track.fps != controls.fps:
            msg = (
                f"landmarks have {len(track)} frames at {track.fps} a second, controls "
                f"{len(controls)} at {controls.fps}; make both from the same sound"
            )
            raise InputError(msg)
        spoken_lips = track.points - self.rest
        moved = felt_movement(spoken_lips, controls.emotion, track.fps)
        return self.from_movement(spoken_lips, moved, controls)

    def from_movement(
        self,
        spoken: Float[np.ndarray, "frames 70 3"],
        moved: Float[np.ndarray, "frames 70 3"],
        controls: ControlTrack,
    ) -> Motion:
        """Compute motion from lips that already move as emotion makes them; rows are independent.

        Args:
            spoken: Movements from the resting landmarks as they were heard.
            moved: The same after `felt_movement`.
            controls: What the director asks for, a row for each.
        """
        emotion = expression_weights(self.rig, controls.emotion)
        emotion = (emotion + pressed_lips(self.rig, spoken, controls.emotion)).astype(float)
        self._add(emotion, _SMILE, controls.smile)  # the lips close in spite of it too
        windows = [slice(at, at + _AT_ONCE) for at in range(0, len(moved), _AT_ONCE)]
        speaks = 1 - stillness(spoken)
        lips = [self._mouth(moved[part], emotion[part], speaks[part]) for part in windows]
        weights = np.concatenate([*lips, emotion[:0]]) + emotion
        self._upper_face(weights, controls)
        return Motion.of(
            weights, gaze=controls.gaze, pose=controls.pose, emotion=controls.emotion,
            fps=controls.fps,
        )  # fmt: skip

    def _mouth(
        self,
        offsets: Float[np.ndarray, "frames 70 3"],
        emotion: Float[np.ndarray, "frames channels"],
        speaks: Float[np.ndarray, " frames"],
    ) -> Float[np.ndarray, "frames channels"]:
        """Fit the speech channels to movements from rest, given what emotion does to the lips.

        Args:
            offsets: What the lips shall do.
            emotion: Weights that are there already.
            speaks: 1 where something is said, 0 where the lips rest.
        """
        rig, likeness = self.rig, self._likeness
        strained = strain(likeness.normalized)
        wanted = likeness.rest + articulate(offsets, strained) - likeness.normalized
        # Lips that the portrait holds apart may close: that far, opening channels may go below 0.
        opens = np.isin(rig.names, OPENING_CHANNELS)
        low = np.where(opens, -likeness.opening, 0.0)
        # What emotion opens speech may close again.
        low = low - np.maximum(np.where(opens, emotion, 0.0), 0.0)
        # What emotion parts speech must close, silence need not.
        felt = speaks[:, None] * emotion
        return fit_lips(
            rig, wanted, likeness.unit, emotion=felt, low=low, high=highest(rig, strained)
        )

    def _add(
        self,
        weights: Float[np.ndarray, "frames channels"],
        shape: Mapping[str, float],
        amount: Float[np.ndarray, " frames"],
    ) -> None:
        """Add a shape that both sides of the face share to the weights, in place."""
        for name, weight in shape.items():
            for side in ("_L", "_R"):
                weights[:, self.rig.index(name + side)] += weight * amount

    def _upper_face(
        self, weights: Float[np.ndarray, "frames channels"], controls: ControlTrack
    ) -> None:
        """Add brows and lids to the weights, in place."""
        rig = self.rig
        self._add(weights, _BROW, controls.brow)
        self._add(weights, _FROWN, controls.frown)
        down = np.maximum(-controls.gaze[:, 1], 0) * _LID_PER_DEGREE
        # The rig names the person's own sides: their right eye is at the image's left.
        for column, name in enumerate(("eyeBlink_R", "eyeBlink_L")):
            closing = np.maximum(controls.blink[:, column], down)
            weights[:, rig.index(name)] = np.clip(weights[:, rig.index(name)] + closing, 0, 1)
            wide = rig.index(name.replace("Blink", "Wide"))
            squint = rig.index(name.replace("Blink", "Squint"))
            weights[:, [wide, squint]] *= (1 - controls.blink[:, column])[:, None]


def speech_channels(rig: Rig) -> list[int]:
    """Return the channels that speech may move."""
    return [i for i, name in enumerate(rig.names) if name.startswith(_MOUTH_CHANNELS)]


def highest(rig: Rig, strained: float = 0.0) -> Float[np.ndarray, " channels"]:
    """Return the upper bound of every weight; `strained` as in `articulate`."""
    high = np.full(len(rig.names), _HIGHEST)
    high[rig.index("mouthPucker")] = _HIGHEST + (_STRAINED_PUCKER - _HIGHEST) * strained
    return high


def fit_lips(
    rig: Rig,
    wanted: Float[np.ndarray, "frames 70 3"],
    unit: float,
    *,
    emotion: Float[np.ndarray, "frames channels"],
    low: Float[np.ndarray, "*lows channels"],
    high: Float[np.ndarray, "*highs channels"],
) -> Float[np.ndarray, "frames channels"]:
    """Fit the channels that speech moves to movements of landmarks; rows are independent.

    Args:
        rig: Whose channels.
        wanted: Movements of normalized landmarks.
        unit: The unit of these landmarks in the rig's (`Likeness.unit`).
        emotion: Weights that are added to the result: what they part it closes.
        low: Least weight of every channel, of all rows or a row each.
        high: Largest weight, likewise.

    Returns:
        Weights; those of channels that speech does not move are 0.
    """
    channels = speech_channels(rig)
    wanted = wanted.astype(np.float64)
    effect = landmarks.from_mesh(rig.deltas).astype(np.float64) / unit
    price = _prices()
    reach = (effect[channels] * price).reshape(len(channels), -1)
    rare = [rig.names[channel].startswith(_RARE) for channel in channels]
    hessian = reach @ reach.T + np.diag(np.where(rare, _RARE_RIDGE, _RIDGE))
    linear = (wanted * price).reshape(len(wanted), -1) @ reach.T
    # A smile may widen what speech narrows; what it parts speech must close.
    gaps = _gaps(wanted) - emotion @ _gaps(effect)
    for span, measure, weight in (
        (gaps, _gaps, _GAP_WEIGHT), (_widths(wanted), _widths, _WIDTH_WEIGHT),
    ):  # fmt: skip
        span_reach = weight * measure(effect)[channels]
        hessian = hessian + span_reach @ span_reach.T
        linear = linear + weight * span @ span_reach.T
    result = np.zeros((len(wanted), len(rig.names)))
    result[:, channels] = bounded_least_squares(
        hessian, linear, low[..., channels], high[..., channels]
    )
    return result


def _gaps(points: Float[np.ndarray, "some 70 3"]) -> Float[np.ndarray, "some gaps"]:
    """Measure the gaps of the lips, or how displacements change them."""
    upper, lower = np.array(landmarks.INNER_LIP_GAPS).T
    return points[:, lower, 1] - points[:, upper, 1]


def _widths(points: Float[np.ndarray, "some 70 3"]) -> Float[np.ndarray, "some widths"]:
    """Measure the mouth's widths, or how displacements change them."""
    left, right = np.array(landmarks.LIP_CORNERS).T
    return points[:, right, 0] - points[:, left, 0]


def _prices() -> Float[np.ndarray, "70 3"]:
    price = np.zeros((landmarks.LANDMARKS, 3))
    price[landmarks.MOUTH] = _LIP_WEIGHT
    price[landmarks.JAW_LINE] = _JAW_WEIGHT
    price[:, 2] *= _DEPTH_SHARE
    return price
