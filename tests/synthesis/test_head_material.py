"""The fit of skins and hair to ICT-FaceKit's head; needs data that is not in the repository."""

import os
from pathlib import Path

import numpy as np
import pytest

DATA = Path(os.environ.get("SPEECH2FACE_DATA", ""))
NEEDED = DATA / "ict_facekit" / "ict_facekit.npz"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get("SPEECH2FACE_DATA") or not NEEDED.exists(),
        reason="needs ICT-FaceKit and MakeHuman's assets below SPEECH2FACE_DATA",
    ),
]


def test_the_teacher_sees_the_mesh_points_where_they_are(tmp_path: Path) -> None:
    from speech2face.face.teacher import FaceMeshTeacher
    from speech2face.synthesis.heads.rendered import RenderedHeads

    heads = RenderedHeads(DATA, seed=7, kept=tmp_path / "kept.npz")
    again = RenderedHeads(DATA, seed=7, kept=tmp_path / "kept.npz")
    teacher = FaceMeshTeacher(next((DATA / "models").glob("*.task")))
    errors = []
    for name in heads.names(4):
        sample = heads.make(name)
        for frame, mesh in zip(sample.frames, sample.meshes, strict=True):
            teacher.reset()
            face = teacher(frame)
            if face is not None:
                eyes = np.linalg.norm(mesh[263] - mesh[33])
                gaps = np.linalg.norm(face.mesh[:468, :2] - mesh[:468, :2], axis=1)
                errors.append(gaps.mean() / eyes)

    assert len(errors) >= 18
    assert np.mean(errors) < 0.033
    assert np.array_equal(again.make("h07000000").frames, heads.make("h07000000").frames)
