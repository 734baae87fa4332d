"""The faces of a picture, for people to choose from."""

import base64
from pathlib import Path
from typing import Any

from speech2face.face.choose import prepare_view
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.preflight import read_portrait
from speech2face.jobs.settings import Settings
from speech2face.serve.looks import Looks, as_jpeg
from speech2face.serve.notes import noted


def faces_of(engine: Speech2Face, looks: Looks, path: Path) -> dict[str, Any]:
    """Look at a picture.

    Returns:
        Its size, its faces' boxes as shares of it (left, top, right, bottom), the largest first,
        what is to be said of it, the picture as we see it (upright, sRGB), and where frames of it
        are asked for.

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
    shown = base64.b64encode(as_jpeg(image)).decode()
    return {
        "width": width,
        "height": height,
        "faces": boxes,
        "notes": notes,
        "picture": f"data:image/jpeg;base64,{shown}",
        "look": f"/v1/looks/{looks.keep(image)}",
    }
