"""The faces of a picture, for people to choose from."""

import base64
import io
from pathlib import Path
from typing import Any

import cv2
from PIL import Image

from speech2face.face.choose import prepare_view
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.preflight import read_portrait
from speech2face.jobs.settings import Settings
from speech2face.serve.notes import noted

_SHOWN = 1024
"""Longest side of the picture as it is shown."""


def faces_of(engine: Speech2Face, path: Path) -> dict[str, Any]:
    """Look at a picture.

    Returns:
        Its size, its faces' boxes as shares of it (left, top, right, bottom), the largest first,
        what is to be said of it, and the picture as we see it: upright, sRGB.

    Raises:
        Speech2FaceError: It cannot be read, or shows no face that can be animated.
    """  # noqa: DOC502 those below raise it
    settings = Settings()
    with noted() as notes:
        image = read_portrait(path, settings)
        tracker = engine.parts(settings).tracker
        found = tracker.find(image)
        if len(found) <= 1:  # refuses what cannot be animated, and says why
            prepare_view(image, tracker, force=False)
    height, width = image.shape[:2]
    scale = (width, height, width, height)
    boxes = [
        [float(value) / side for value, side in zip(face.box, scale, strict=True)] for face in found
    ]
    shown = min(1.0, _SHOWN / max(height, width))
    small = cv2.resize(image, None, fx=shown, fy=shown, interpolation=cv2.INTER_AREA)
    file = io.BytesIO()
    Image.fromarray(small).save(file, "JPEG", quality=88)
    return {
        "width": width,
        "height": height,
        "faces": boxes,
        "notes": notes,
        "picture": f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}",
    }
