"""Frozen values that cross the walls between stages: arrays with axes, units and their frame.

Everything that varies in time is a track: its first axis counts frames, `fps` is their exact rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, TypeVar, cast

import numpy as np
from jaxtyping import Float

from speech2face.emotions import EMOTIONS as EMOTIONS  # noqa: PLC0414 - also a name of this module
from speech2face.errors import InputError


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
        require_finite(self.points, "landmarks")

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
    frown: Float[np.ndarray, " frames"]
    """Lowering of both brows, as in thought or insistence: 0 to 1."""
    smile: Float[np.ndarray, " frames"]
    """Play of lip corners and cheeks beside the words, no emotion asked for: 0 to 1."""
    fps: Fraction

    def __post_init__(self) -> None:
        """Refuse values that no later stage could use, and rows that do not match.

        Raises:
            InputError: A value is not finite, or the rows differ in length.
        """  # noqa: DOC502 those below raise it
        rows = (
            self.emotion, self.blink, self.gaze, self.pose, self.brow, self.frown, self.smile,
        )  # fmt: skip
        for values in rows:
            require_finite(values, "controls")
        require_same_length(rows, "controls")

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.emotion)

    @classmethod
    def neutral(cls, frames: int, fps: Fraction) -> "ControlTrack":
        """Ask for nothing: the portrait's own look, held still."""
        zeros = np.zeros((frames, 8), np.float32)
        return cls(
            emotion=zeros, blink=zeros[:, :2], gaze=zeros[:, :2], pose=zeros[:, :3],
            brow=zeros[:, 0], frown=zeros[:, 0], smile=zeros[:, 0], fps=fps,
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
        require_finite(self.values, "latents")

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


_Track = TypeVar("_Track")


def cut(track: _Track, rows: slice | np.ndarray) -> _Track:
    """Return some rows of a track, by a slice, a mask or their numbers; its rate stays."""
    arrays = {name: part for name, part in vars(track).items() if isinstance(part, np.ndarray)}
    return replace(cast("Any", track), **{name: part[rows] for name, part in arrays.items()})


def joined(tracks: Sequence[_Track]) -> _Track:
    """Return tracks of one kind and rate, at least one, one after the other."""
    first = tracks[0]
    arrays = [name for name, part in vars(first).items() if isinstance(part, np.ndarray)]
    parts = {name: np.concatenate([getattr(track, name) for track in tracks]) for name in arrays}
    return first if len(tracks) == 1 else replace(cast("Any", first), **parts)


def require_finite(values: np.ndarray, what: str) -> None:
    """Refuse values that are not finite.

    Raises:
        InputError: One is infinite or not a number.
    """
    if not np.isfinite(values).all():
        msg = f"the {what} hold values that are not finite numbers; the file is damaged"
        raise InputError(msg)


def require_same_length(rows: Sequence[np.ndarray], what: str) -> None:
    """Refuse the parts of a track that differ in length.

    Raises:
        InputError: They do.
    """
    lengths = [len(values) for values in rows]
    if len(set(lengths)) != 1:
        msg = f"the {what} differ in length: {lengths} frames; expected a row for each frame"
        raise InputError(msg)
