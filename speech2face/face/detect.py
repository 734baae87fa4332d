"""Find faces in a picture with MTCNN (facenet-pytorch carries the weights).

Source: Zhang et al., "Joint face detection and alignment using multi-task cascaded convolutional
networks" (2016).
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from speech2face.face.torchvision_compat import ensure_torchvision

_LONGEST_SIDE = 640
"""Pictures are searched at this size: faces of 3 % of the side are still found, in 0.2 s."""
_SMALLEST = 20
"""Pixels: faces smaller than this, in the picture that is searched, are not looked for."""


@dataclass(frozen=True, kw_only=True)
class Detection:
    """One face as the detector sees it, in pixels of the picture."""

    box: Float[np.ndarray, " 4"]
    """Left, top, right, bottom."""
    points: Float[np.ndarray, "5 2"]
    """Eyes (left and right as seen), nose tip, mouth corners."""
    score: float
    """Confidence, 0 to 1."""


@cache
def _mtcnn() -> Any:  # noqa: ANN401 - facenet-pytorch has no types
    ensure_torchvision()
    from facenet_pytorch import MTCNN  # noqa: PLC0415 - it imports torchvision, made to work above

    return MTCNN(keep_all=True, min_face_size=_SMALLEST, device="cpu")


def detect_faces(image: UInt8[np.ndarray, "height width 3"]) -> list[Detection]:
    """Find the faces of an upright picture, the largest first."""
    scale = min(1.0, _LONGEST_SIDE / max(image.shape[:2]))
    if min(image.shape[:2]) * scale < _SMALLEST:
        return []  # no room for a face, and MTCNN fails at such strips
    small = image
    if scale < 1:
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    boxes, scores, points = _mtcnn().detect(small, landmarks=True)
    if boxes is None:
        return []
    # MTCNN returns arrays of objects when it keeps all faces.
    found = [
        Detection(
            box=np.asarray(box, np.float32) / scale,
            points=np.asarray(five, np.float32) / scale,
            score=float(score),
        )
        for box, score, five in zip(boxes, scores, points, strict=True)
    ]
    return sorted(found, key=lambda face: -float(np.ptp(face.box[0::2]) * np.ptp(face.box[1::2])))
