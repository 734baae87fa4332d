"""Frozen values that cross the walls between stages: arrays with axes, units and their frame.

Everything that varies in time is a track: its first axis counts frames, `fps` is their exact rate.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Float, UInt8

from speech2face.errors import InputError

EMOTIONS = (
    "neutral", "happy", "sad", "angry", "surprised", "fearful", "disgusted", "contempt",
)  # fmt: skip
"""The emotion labels, in the order of every array that holds one weight a label."""


@dataclass(frozen=True, kw_only=True)
class Speech:
    """The sound as the models hear it."""

    samples: Float[np.ndarray, " samples"]
    """Mono, in [-1, 1], at `timing.SPEECH_RATE`."""


@dataclass(frozen=True, kw_only=True)
class LandmarkTrack:
    """Speech2Landmarks' result: how one face moves while it speaks, free of pose and scale."""

    points: Float[np.ndarray, "frames 70 3"]
    """Normalized: frontal, origin at the nose bridge, unit = distance of the outer eye corners."""
    fps: Fraction

    def __post_init__(self) -> None:
        """Refuse values that no later stage could use."""
        _require_finite(self.points, "landmarks")

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.points)


@dataclass(frozen=True, kw_only=True)
class ControlTrack:
    """What the director asks for, beside the words: one row a frame."""

    emotion: Float[np.ndarray, "frames 8"]
    """Weight of each of `EMOTIONS`: mix times intensity; all zero is neutral."""
    blink: Float[np.ndarray, "frames 2"]
    """How far the lids are shut, left and right eye as seen: 0 as in the portrait, 1 closed."""
    gaze: Float[np.ndarray, "frames 2"]
    """Turn of the eyes in the head, against the portrait's own, degrees: right in the image, up."""
    pose: Float[np.ndarray, "frames 3"]
    """Turn of the head against the portrait's own: yaw, pitch, roll in degrees."""
    brow: Float[np.ndarray, " frames"]
    """Raise of both brows, as with stress in speech: 0 to 1."""
    fps: Fraction

    def __post_init__(self) -> None:
        """Refuse values that no later stage could use, and rows that do not match.

        Raises:
            InputError: A value is not finite, or the rows differ in length.
        """
        rows = (self.emotion, self.blink, self.gaze, self.pose, self.brow)
        for values in rows:
            _require_finite(values, "controls")
        if len({len(values) for values in rows}) != 1:
            msg = f"controls differ in length: {[len(values) for values in rows]} frames"
            raise InputError(msg)

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.emotion)

    @classmethod
    def neutral(cls, frames: int, fps: Fraction) -> "ControlTrack":
        """Ask for nothing: the portrait's own look, held still."""
        zeros = np.zeros((frames, 8), np.float32)
        return cls(
            emotion=zeros, blink=zeros[:, :2], gaze=zeros[:, :2], pose=zeros[:, :3],
            brow=zeros[:, 0], fps=fps,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class LatentTrack:
    """Landmarks2Latents' result: what drives one generator, in its own latent space."""

    values: Float[np.ndarray, "frames size"]
    space: str
    """Name of the latent space, for instance "warp" or "facevid2vid"."""
    fps: Fraction

    def __post_init__(self) -> None:
        """Refuse values that no generator could draw."""
        _require_finite(self.values, "latents")

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.values)


@dataclass(frozen=True, kw_only=True)
class Face:
    """A face found in a picture."""

    mesh: Float[np.ndarray, "478 3"]
    """The dense mesh in pixels of the picture it was found in; z in the same unit, away from us."""
    box: Float[np.ndarray, " 4"]
    """Left, top, right, bottom in pixels."""
    score: float
    """The detector's confidence, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Portrait:
    """A picture with one face chosen in it, and the square crop that generators work on."""

    image: UInt8[np.ndarray, "height width 3"]
    """The whole picture, upright, sRGB."""
    face: Face
    """The chosen face, in pixels of `image`."""
    crop: UInt8[np.ndarray, "size size 3"]
    """The square around the face at the working size."""
    to_crop: Float[np.ndarray, "2 3"]
    """Affine map from pixels of `image` to pixels of `crop` (a similarity)."""

    @property
    def mesh(self) -> Float[np.ndarray, "478 3"]:
        """The face's mesh in pixels of `crop`."""
        scale = float(np.hypot(*self.to_crop[:, 0]))
        flat = self.face.mesh[:, :2] @ self.to_crop[:, :2].T + self.to_crop[:, 2]
        return np.concatenate([flat, self.face.mesh[:, 2:] * scale], 1).astype(np.float32)


def _require_finite(values: np.ndarray, what: str) -> None:
    if not np.isfinite(values).all():
        msg = f"the {what} hold values that are not finite numbers; the file is damaged"
        raise InputError(msg)
