"""The square, turned region of a picture that a landmark network looks at."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from speech2face.face.detect import Detection

_LEFT_EYE_CORNER, _RIGHT_EYE_CORNER = 33, 263

# fmt: off
MOUTH_POINTS = np.array([
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146,
    76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306, 307, 320, 404, 315, 16, 85, 180, 90, 77,
    62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292, 325, 319, 403, 316, 15, 86, 179, 89, 96,
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95,
])
"""The mesh points of the lips: four closed contours from the outer edge to the inner one."""
LEFT_EYE_POINTS = np.array([
    33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7,
    130, 247, 30, 29, 27, 28, 56, 190, 243, 112, 26, 22, 23, 24, 110, 25,
    468, 469, 470, 471, 472,
])
"""The mesh points of the left eye as seen: edge of the lids, the ring around it, iris."""
# fmt: on
_FACE_MARGIN = 1.5
"""Side of a face's region over the longer side of its box."""
MOUTH_SIDE, EYE_SIDE = 1.25, 0.62
"""Sides of the local regions in outer-eye distances: the widest open mouth fits, and an eye."""


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
        """Return the affine map from the picture's pixels to those of a `size` x `size` cut."""
        scale = size / self.side
        cos, sin = np.cos(self.roll) * scale, np.sin(self.roll) * scale
        linear = np.array([[cos, sin], [-sin, cos]])
        middle = np.full(2, (size - 1) / 2)
        return np.concatenate([linear, (middle - linear @ self.centre)[:, None]], 1)

    def cut(
        self, image: UInt8[np.ndarray, "height width 3"], size: int
    ) -> UInt8[np.ndarray, "..."]:
        """Cut the region out at `size` x `size`; what lies outside the picture is black."""
        to_region = self.to_region(size)
        shrink = int(self.side / size)
        if shrink > 1:
            # Bilinear sampling alone would skip pixels; whole blocks are averaged first.
            image, to_cut = _shrunk(image, self, shrink)
            to_region = to_region @ to_cut
        return cv2.warpAffine(image, to_region, (size, size), flags=cv2.INTER_LINEAR)

    def to_cut(
        self, points: Float[np.ndarray, "points dims"], size: int
    ) -> Float[np.ndarray, "points dims"]:
        """Bring points of the picture to the pixels of a `size` x `size` cut; a z scales along."""
        forward = self.to_region(size)
        flat = points[:, :2] @ forward[:, :2].T + forward[:, 2]
        return np.concatenate([flat, points[:, 2:] * size / self.side], 1).astype(np.float32)

    def to_image(
        self, points: Float[np.ndarray, "points dims"], size: int
    ) -> Float[np.ndarray, "points dims"]:
        """Bring points of a `size` x `size` cut back to the picture's pixels; a z scales along."""
        forward = self.to_region(size)
        flat = np.linalg.solve(forward[:, :2], (points[:, :2] - forward[:, 2]).T).T
        return np.concatenate([flat, points[:, 2:] * self.side / size], 1).astype(np.float32)


def region_of_detection(face: Detection) -> Region:
    """Put the region around a detector's box, turned so that its eyes are level."""
    left, right = face.points[0], face.points[1]
    return Region(
        centre=(face.box[:2] + face.box[2:]) / 2,
        side=float(max(face.box[2:] - face.box[:2])) * _FACE_MARGIN,
        roll=float(np.arctan2(right[1] - left[1], right[0] - left[0])),
    )


def region_of_mesh(mesh: Float[np.ndarray, "478 3"]) -> Region:
    """Put the region around a mesh, turned so that its eyes are level."""
    axis = mesh[_RIGHT_EYE_CORNER, :2] - mesh[_LEFT_EYE_CORNER, :2]
    roll = float(np.arctan2(axis[1], axis[0]))
    cos, sin = np.cos(roll), np.sin(roll)
    upright = np.array([[cos, sin], [-sin, cos]])
    turned = mesh[:, :2] @ upright.T
    low, high = turned.min(0), turned.max(0)
    return Region(
        centre=upright.T @ ((low + high) / 2), side=float(max(high - low)) * _FACE_MARGIN, roll=roll
    )


def region_of_mouth(mesh: Float[np.ndarray, "478 3"]) -> Region:
    """Put a region around the lips of a mesh, turned so that the eyes are level."""
    return _local_region(mesh, MOUTH_POINTS[:20], MOUTH_SIDE)


def region_of_eye(mesh: Float[np.ndarray, "478 3"], points: np.ndarray) -> Region:
    """Put a region around one eye of a mesh, turned so that both eyes are level.

    Args:
        mesh: In pixels of the picture.
        points: The mesh points of the eye, ordered as `LEFT_EYE_POINTS`.
    """
    # The corners alone: a blink must not move the region.
    return _local_region(mesh, points[[0, 8]], EYE_SIDE)


def _local_region(mesh: np.ndarray, points: np.ndarray, side: float) -> Region:
    # In three dimensions, so that a turned head is not magnified.
    axis = mesh[_RIGHT_EYE_CORNER] - mesh[_LEFT_EYE_CORNER]
    around = mesh[points, :2]
    return Region(
        centre=(around.min(0) + around.max(0)) / 2,
        side=float(np.linalg.norm(axis)) * side,
        roll=float(np.arctan2(axis[1], axis[0])),
    )


def _shrunk(
    image: UInt8[np.ndarray, "height width 3"], region: Region, factor: int
) -> tuple[UInt8[np.ndarray, "height2 width2 3"], Float[np.ndarray, "3 3"]]:
    """Average blocks of pixels around a region.

    Returns:
        The smaller picture, and the map from its pixels to those of the picture.
    """
    height, width = image.shape[:2]
    # A turned square reaches sqrt(2) of its half side.
    reach = region.side / 2 * 1.5 + factor
    left, top = np.clip((region.centre - reach) // factor * factor, 0, [width - 1, height - 1])
    right, bottom = np.clip(region.centre + reach, [left + 1, top + 1], [width, height])
    columns = max(1, int(right - left) // factor)
    rows = max(1, int(bottom - top) // factor)
    left, top = int(left), int(top)
    block = image[top : top + rows * factor, left : left + columns * factor]
    middle = (factor - 1) / 2
    to_image = np.array([[factor, 0, left + middle], [0, factor, top + middle], [0, 0, 1.0]])
    smaller = cv2.resize(block, (columns, rows), interpolation=cv2.INTER_AREA)
    return smaller, to_image
