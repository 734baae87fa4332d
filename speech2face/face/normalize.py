"""Take head pose and size out of a face mesh, and tell them.

The head is placed by a similarity from the rig's neutral face to the points that move with the
skull alone, so that speech and expression do not turn it.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from speech2face.errors import InputError
from speech2face.face.rig import load_rig
from speech2face.geometry import fit_similarity, rotation_angles
from speech2face.landmarks import NOSE_BRIDGE, RIGID, eye_distance, from_mesh
from speech2face.types import LandmarkTrack

_STEADY = 1.0
"""Standard deviation, in frames, of the smoothing of the head's place in a video: the tracker's
jitter is removed, a nod of half a second is kept."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """Where a head is: mesh = scale * rotation @ rig + translation."""

    scale: float
    """Pixels per outer-eye distance of the rig."""
    rotation: Float[np.ndarray, "3 3"]
    translation: Float[np.ndarray, " 3"]
    """In pixels of the picture."""

    def to_image(self, points: Float[np.ndarray, "*points 3"]) -> Float[np.ndarray, "*points 3"]:
        """Place points of the rig's frame in the picture."""
        return self.scale * points @ self.rotation.T + self.translation

    def to_rig(self, points: Float[np.ndarray, "*points 3"]) -> Float[np.ndarray, "*points 3"]:
        """Bring points of the picture into the rig's frame; the inverse of `to_image`."""
        return (points - self.translation) @ self.rotation / self.scale


@cache
def _rigid_neutral() -> Float[np.ndarray, "points 3"]:
    return load_rig().neutral[RIGID].astype(np.float64)


def fit_head(mesh: Float[np.ndarray, "478 3"]) -> Head:
    """Fit the head's place to a mesh in pixels of a picture."""
    scale, rotation, translation = fit_similarity(_rigid_neutral(), mesh[RIGID].astype(np.float64))
    return Head(scale=scale, rotation=rotation, translation=translation)


def pose_of(mesh: Float[np.ndarray, "478 3"]) -> Float[np.ndarray, " 3"]:
    """Tell yaw, pitch and roll of a mesh in degrees."""
    return rotation_angles(fit_head(mesh).rotation)


def normalize(mesh: Float[np.ndarray, "478 3"]) -> Float[np.ndarray, "70 3"]:
    """Give a mesh's landmarks without pose and size.

    Returns:
        Frontal, origin at the nose bridge, unit = distance of the outer eye corners.
    """
    points = from_mesh(fit_head(mesh).to_rig(mesh))
    return ((points - points[NOSE_BRIDGE]) / eye_distance(points)).astype(np.float32)


def normalize_track(meshes: Float[np.ndarray, "frames 478 3"], fps: Fraction) -> LandmarkTrack:
    """Give the landmarks of a video's face without pose and size.

    Args:
        meshes: One a frame; frames where the face was lost are NaN and are bridged.
        fps: Their rate.

    Raises:
        InputError: No frame shows a face.
    """
    seen = np.asarray(np.isfinite(meshes).all((1, 2)))
    if not seen.any():
        msg = f"none of {len(meshes)} frames shows a face; use a video of one face, 48 px or larger"
        raise InputError(msg)
    meshes = _bridge(meshes.astype(np.float64), seen)
    heads = [fit_head(mesh) for mesh in meshes]
    rotations = _smooth_rotations(np.stack([head.rotation for head in heads]))
    # One size for all: a squint moves the eye corners and must not make the mouth grow.
    scale = float(np.median([head.scale for head in heads]))
    middles = meshes[:, RIGID].mean(1, keepdims=True)
    points = from_mesh((meshes - middles) @ rotations / scale)
    # The nose bridge itself jitters by a pixel; the skull's points together do not.
    bridge = _smooth(points[:, NOSE_BRIDGE])[:, None]
    unit = float(np.median(eye_distance(points)))
    return LandmarkTrack(points=((points - bridge) / unit).astype(np.float32), fps=fps)


def _bridge(
    meshes: Float[np.ndarray, "frames 478 3"], seen: np.ndarray
) -> Float[np.ndarray, "frames 478 3"]:
    """Fill the frames without a face from their neighbours in time."""
    known = np.flatnonzero(seen)
    frames = np.arange(len(meshes))
    right = known[np.clip(np.searchsorted(known, frames), 0, len(known) - 1)]
    left = known[np.clip(np.searchsorted(known, frames, side="right") - 1, 0, len(known) - 1)]
    weight = np.where(right > left, (frames - left) / np.maximum(right - left, 1), 0)
    weight = np.clip(weight, 0, 1)[:, None, None]
    return meshes[left] * (1 - weight) + meshes[right] * weight


def _smooth(values: Float[np.ndarray, " frames *rest"]) -> Float[np.ndarray, " frames *rest"]:
    return gaussian_filter1d(values, _STEADY, axis=0, mode="nearest")


def _smooth_rotations(
    rotations: Float[np.ndarray, "frames 3 3"],
) -> Float[np.ndarray, "frames 3 3"]:
    """Average neighbouring rotations: the nearest rotation to the mean of the matrices."""
    left, _, right = np.linalg.svd(_smooth(rotations))
    sign = np.linalg.det(left @ right)
    left[:, :, -1] *= sign[:, None]
    return left @ right
