"""Follow the face of a video with the face-mesh teacher and keep the meshes."""

from pathlib import Path

import cv2
import numpy as np

from speech2face.errors import MediaError
from speech2face.face.teacher import FaceMeshTeacher

_LOST = np.full((478, 3), np.nan, np.float32)


def track_video(video: Path, out: Path, task: Path) -> int:
    """Write the mesh of every frame of a video; frames without a face hold NaN.

    Args:
        video: Any file OpenCV reads.
        out: An npz file with `mesh` (frames, 478, 3) in pixels and `presence`.
        task: The face landmarker task file.

    Returns:
        How many frames there are.

    Raises:
        MediaError: The video cannot be read.
    """
    reader = cv2.VideoCapture(str(video))
    if not reader.isOpened():
        msg = f"{video} is not a video that can be read; give an mp4 or another common file"
        raise MediaError(msg)
    teacher = FaceMeshTeacher(task)
    meshes, presence = [], []
    while (frame := reader.read())[0]:
        face = teacher(np.ascontiguousarray(frame[1][:, :, ::-1]))
        meshes.append(_LOST if face is None else face.mesh)
        presence.append(0.0 if face is None else face.presence)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_suffix(".part.npz")
    np.savez_compressed(
        partial, mesh=np.array(meshes, np.float32), presence=np.array(presence, np.float32)
    )
    partial.replace(out)
    return len(meshes)
