import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from speech2face.errors import WeightsError
from speech2face.face.teacher import FaceMeshTeacher

DATA = os.environ.get("SPEECH2FACE_DATA")


def test_a_file_that_is_no_task_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="the teacher needs LiteRT (extra train)")
    text = tmp_path / "face.task"
    text.write_text("no archive")
    archive = tmp_path / "other.task"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("readme", "no networks")

    for path in (text, archive, tmp_path / "missing.task"):
        with pytest.raises(WeightsError, match="is not a face landmarker task file"):
            FaceMeshTeacher(path)


@pytest.fixture(scope="module")
def teacher() -> FaceMeshTeacher:
    if DATA is None:
        pytest.skip("set SPEECH2FACE_DATA to a folder with models/face_landmarker*.task")
    pytest.importorskip("ai_edge_litert", reason="the teacher needs LiteRT (extra train)")
    return FaceMeshTeacher(next((Path(DATA) / "models").glob("face_landmarker*.task")))


def test_the_teacher_finds_and_follows_the_example(teacher: FaceMeshTeacher, picture) -> None:
    teacher.reset()
    first, second = teacher(picture), teacher(picture)

    assert first is not None
    assert second is not None
    assert second.presence > 0.99
    assert second.blendshapes.shape == (52,)
    assert np.abs(second.mesh - first.mesh)[:, :2].max() < 0.03 * np.ptp(first.mesh[:, 0])


def test_the_teacher_tells_when_the_face_is_gone(teacher: FaceMeshTeacher, picture) -> None:
    teacher.reset()
    assert teacher(picture) is not None

    assert teacher(np.full_like(picture, 128)) is None
    assert teacher(picture) is not None
