"""Follow the face of a video with the face-mesh teacher and keep the meshes."""

from pathlib import Path

import numpy as np

from speech2face.face.teacher import FaceMeshTeacher
from speech2face.media.output import atomic_output
from speech2face.media.video.video import VideoReader

_LOST = np.full((478, 3), np.nan, np.float32)


def track_video(video: Path, out: Path, task: Path) -> int:
    """Write the mesh of every frame of a video; frames without a face hold NaN.

    Args:
        video: Any video.
        out: An npz file with `mesh` (frames, 478, 3) in pixels and `presence`.
        task: The face landmarker task file.

    Returns:
        How many frames there are.

    Raises:
        MediaError: The video cannot be read.
    """  # noqa: DOC502 VideoReader raises it
    reader, teacher = VideoReader(video), FaceMeshTeacher(task)
    meshes, presence = [], []
    for frame in reader:
        face = teacher(frame)
        meshes.append(_LOST if face is None else face.mesh)
        presence.append(0.0 if face is None else face.presence)
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_output(out, overwrite=True) as partial, partial.open("wb") as file:
        np.savez_compressed(
            file, mesh=np.array(meshes, np.float32), presence=np.array(presence, np.float32)
        )
    return len(meshes)
