"""The square, turned region of a picture that a landmark network looks at."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from speech2face.face.detect import Detection

_LEFT_EYE_CORNER, _RIGHT_EYE_CORNER = 33, 263


@dataclass(frozen=True, kw_only=True)
class Region:
    """A square in a picture: where it lies, how large it is and how it is turned."""

    centre: Float[np.ndarray, " 2"]
    """In pixels of the picture."""
    side: float
    """In pixels of the picture."""
    roll: float
    """Radians, clockwise as seen; the face is upright in the region."""

    def to_region(self, size: int) -> Float[np.ndarray, "2 3"]:
        """Give the affine map from the picture's pixels to those of a `size` x `size` cut."""
        scale = size / self.side
        cos, sin = np.cos(self.roll) * scale, np.sin(self.roll) * scale
        linear = np.array([[cos, sin], [-sin, cos]])
        middle = np.full(2, (size - 1) / 2)
        return np.concatenate([linear, (middle - linear @ self.centre)[:, None]], 1)

    def cut(self, image: UInt8[np.ndarray, "height width 3"], size: int) -> UInt8[np.ndarray, "..."]:
        """Cut the region out at `size` x `size`; what lies outside the picture is black."""
        shrinking = size < self.side
        return cv2.warpAffine(
            image, self.to_region(size), (size, size),
            flags=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR,
        )  # fmt: skip

    def to_image(
        self, points: Float[np.ndarray, "points 3"], size: int
    ) -> Float[np.ndarray, "points 3"]:
        """Bring points of a `size` x `size` cut back to the picture's pixels, z in the same unit."""
        forward = self.to_region(size)
        flat = np.linalg.solve(forward[:, :2], (points[:, :2] - forward[:, 2]).T).T
        return np.concatenate([flat, points[:, 2:] * self.side / size], 1).astype(np.float32)


def region_of_detection(face: Detection, margin: float = 1.5) -> Region:
    """Put the region around a detector's box, turned so that its eyes are level."""
    left, right = face.points[0], face.points[1]
    return Region(
        centre=(face.box[:2] + face.box[2:]) / 2,
        side=float(max(face.box[2:] - face.box[:2])) * margin,
        roll=float(np.arctan2(right[1] - left[1], right[0] - left[0])),
    )


def region_of_mesh(mesh: Float[np.ndarray, "478 3"], margin: float = 1.5) -> Region:
    """Put the region around a mesh, turned so that its eyes are level."""
    axis = mesh[_RIGHT_EYE_CORNER, :2] - mesh[_LEFT_EYE_CORNER, :2]
    roll = float(np.arctan2(axis[1], axis[0]))
    cos, sin = np.cos(roll), np.sin(roll)
    upright = np.array([[cos, sin], [-sin, cos]])
    turned = mesh[:, :2] @ upright.T
    low, high = turned.min(0), turned.max(0)
    return Region(
        centre=upright.T @ ((low + high) / 2), side=float(max(high - low)) * margin, roll=roll
    )
