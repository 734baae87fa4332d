"""What a face looks like: a small picture of it, by which people of one video are told apart."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from speech2face.face.rig import shipped_rig
from speech2face.geometry import fit_similarity
from speech2face.types import Face

_SIDE = 48
_BLUR = 1.5
"""Pixels: lips and lids that move say nothing of who it is."""
_ALIKE = 0.7
"""Correlation from which two pictures show one person. Of the three videos in which it was measured
a person is like itself by 0.91 in the median (0.74 in the lowest tenth), like others by 0.69 at
most on average; portraits of different people are alike by 0.62 at most."""

Image = UInt8[np.ndarray, "height width 3"]


class Looks:
    """Knows one face again in other frames of the same video."""

    def __init__(self, image: Image, face: Face) -> None:
        """Take a frame and the face in it."""
        self._picture = _picture(image, face)

    def __call__(self, image: Image, faces: list[Face]) -> Face | None:
        """Return the face that is most like it; None: none is like it."""
        alike = [float((_picture(image, face) * self._picture).mean()) for face in faces]
        best = int(np.argmax(alike)) if alike else -1
        return faces[best] if alike and alike[best] >= _ALIKE else None


def _picture(image: Image, face: Face) -> Float[np.ndarray, "48 48 3"]:
    """Cut the face out, in place, size and roll of all others; its mean is 0, its spread 1."""
    points = shipped_rig().neutral[:, :2]
    low, high = points.min(0), points.max(0)
    wanted = (points - low) / (high - low).max() * (_SIDE - 1)
    count = min(len(points), len(face.mesh))
    scale, rotation, shift = fit_similarity(
        face.mesh[:count, :2].astype(np.float64), wanted[:count].astype(np.float64)
    )
    matrix = np.concatenate([scale * rotation, shift[:, None]], 1)
    if scale < 1:
        image = cv2.GaussianBlur(image, (0, 0), 0.45 * (1 / scale**2 - 1) ** 0.5).astype(np.uint8)
    cut = cv2.warpAffine(image, matrix, (_SIDE, _SIDE), borderMode=cv2.BORDER_REPLICATE)
    soft = cv2.GaussianBlur(cut.astype(np.float64), (0, 0), _BLUR)
    return (soft - soft.mean()) / max(float(soft.std()), 1.0)
