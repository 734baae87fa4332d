"""Take head pose and size out of a face mesh, and tell them.

The head is placed by a similarity from the rig's neutral face to the points that move with the
skull alone, so that speech and expression do not turn it.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float

from speech2face.face.rig import load_rig
from speech2face.geometry import fit_similarity, rotation_angles
from speech2face.landmarks import NOSE_BRIDGE, RIGID, eye_distance, from_mesh


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
    """Return yaw, pitch and roll of a mesh in degrees."""
    return rotation_angles(fit_head(mesh).rotation)


def normalize(mesh: Float[np.ndarray, "478 3"]) -> Float[np.ndarray, "70 3"]:
    """Return a mesh's landmarks without pose and size.

    Returns:
        Frontal, origin at the nose bridge, unit = distance of the outer eye corners.
    """
    return normalized(fit_head(mesh).to_rig(mesh))


def normalized(face: Float[np.ndarray, "478 3"]) -> Float[np.ndarray, "70 3"]:
    """Return the landmarks of a mesh in the rig's frame; as `normalize`."""
    points = from_mesh(face)
    return ((points - points[NOSE_BRIDGE]) / eye_distance(points)).astype(np.float32)
