import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from spoken import rest_face, stretch

from speech2face import landmarks
from speech2face.errors import InputError, MediaError
from speech2face.face.rig import load_rig
from speech2face.geometry import rotation_matrix
from speech2face.training.speech.data import (
    FACEGOOD_CHANNELS,
    STEP,
    TEACHER,
    UNKNOWN,
    closed_rest,
    fitted,
    normalize_tracks,
    prepare_facegood,
    prepare_faces,
    prepare_grid,
    read_align,
    read_stretch,
    speech_around,
    write_stretch,
)
from speech2face.training.tracker.mesh_tracks import track_video

DATA = os.environ.get("SPEECH2FACE_DATA")
needs_data = pytest.mark.skipif(
    not DATA, reason="SPEECH2FACE_DATA names no folder with the corpora"
)


def test_a_stretch_survives_its_file(tmp_path: Path):
    made = stretch("s1_x", "grid-s1")

    again = read_stretch(write_stretch(tmp_path, made))

    assert (again.name, again.speaker) == ("s1_x", "grid-s1")
    np.testing.assert_allclose(again.samples, made.samples, atol=1e-4)
    np.testing.assert_allclose(again.offsets, made.offsets, atol=1e-3)
    np.testing.assert_array_equal(again.speech, made.speech)


def test_a_file_of_another_kind_is_refused(tmp_path: Path):
    path = tmp_path / "x.npz"
    np.savez(path, something=np.zeros(3))

    with pytest.raises(InputError, match="prepare the corpus again"):
        read_stretch(path)


def test_pose_and_scale_are_taken_out_and_the_jaw_is_not():
    rig = load_rig()
    jaw = np.linspace(0, 1, 10)[:, None, None] * rig.deltas[rig.index("jawOpen")]
    poses = np.linspace([-8, -5, -3], [8, 6, 2], 10)
    faces = rig.neutral + jaw
    moved = 57.0 * np.einsum("fij,fpj->fpi", rotation_matrix(poses), faces) + [160, 120, 0]

    found = normalize_tracks([moved], rig.neutral)[0]

    expected = landmarks.from_mesh(faces)
    np.testing.assert_allclose(found, expected, atol=0.02)
    assert np.ptp(landmarks.mouth_opening(found)) > 0.05


def test_rest_is_where_the_mouth_is_least_open():
    clip = stretch("a", "b")
    points = clip.rest + clip.offsets

    rest = closed_rest(points)

    assert landmarks.mouth_opening(rest) <= np.percentile(landmarks.mouth_opening(points), 20)
    assert landmarks.mouth_opening(points).max() > 0.05


def test_word_times_become_frames_with_a_margin(tmp_path: Path):
    path = tmp_path / "x.align"
    path.write_text("0 12500 sil\n12500 25000 bin\n25000 50000 sil\n")

    speech = read_align(path, 50)

    assert speech.tolist() == [0] * 9 + [1] * 18 + [0] * 23


def test_without_word_times_nothing_is_known(tmp_path: Path):
    assert (read_align(tmp_path / "absent.align", 5) == UNKNOWN).all()


def test_the_margin_stays_inside_the_clip():
    assert speech_around(np.array([True, False, False, True])).tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("samples", [0, 639, 640, 5000])
def test_sounds_are_cut_or_padded_to_whole_frames(samples: int):
    assert len(fitted(np.ones(samples, np.float32), 4)) == 4 * STEP


def test_facegood_names_only_channels_of_the_rig():
    names = set(load_rig().names)

    assert {part for parts in FACEGOOD_CHANNELS.values() for part in parts} <= names


def test_something_that_is_no_video_is_refused(tmp_path: Path):
    path = tmp_path / "x.mp4"
    path.write_text("no video")

    with pytest.raises(MediaError, match="holds no video"):
        track_video(path, tmp_path / "out.npz", tmp_path / "teacher.task")


@needs_data
def test_grid_is_tracked_normalized_and_resumed(tmp_path: Path):
    assert DATA is not None
    data = Path(DATA)
    speaker = tmp_path / "corpus" / "s2"
    speaker.mkdir(parents=True)
    clip = min((data / "grid" / "s2").glob("*.mp4"))
    for path in (clip, clip.with_suffix(".align")):
        shutil.copy(path, speaker / path.name)
    task = data / "models" / TEACHER

    first = prepare_grid(speaker.parent, tmp_path, task, load_rig())
    meshes = next((tmp_path / "meshes").glob("*.npz"))
    made = meshes.stat().st_mtime_ns
    second = prepare_grid(speaker.parent, tmp_path, task, load_rig())

    assert first == second == 1
    assert meshes.stat().st_mtime_ns == made, "not tracked again"
    one = read_stretch(next((tmp_path / "grid").glob("*.npz")))
    assert len(one.samples) == len(one) * STEP
    assert 0.02 < landmarks.mouth_opening(one.rest + one.offsets).std() < 0.12
    assert np.abs(one.rest - rest_face()).max() < 0.35


@needs_data
def test_facegood_moves_the_rig_at_the_asked_amplitude(tmp_path: Path):
    assert DATA is not None
    source = tmp_path / "facegood"
    source.mkdir()
    for name in ("1114_2_01.flac", "blendshapes_1114_2_01.npy", "names.txt"):
        shutil.copy(Path(DATA) / "facegood" / name, source / name)

    count = prepare_facegood(source, tmp_path / "out", load_rig(), 0.05)

    pieces = [read_stretch(path) for path in (tmp_path / "out" / "facegood").glob("*.npz")]
    assert count == len(pieces) > 3
    opening = np.concatenate([landmarks.mouth_opening(one.rest + one.offsets) for one in pieces])
    assert 0.03 < opening.std() < 0.08


@needs_data
def test_rest_faces_are_read_from_portraits(tmp_path: Path):
    assert DATA is not None
    data = tmp_path / "data"
    (data / "portraits").mkdir(parents=True)
    (data / "models").symlink_to(Path(DATA) / "models")
    for number in range(10):
        shutil.copy(Path(DATA) / "portraits" / f"p000{number}.jpg", data / "portraits")

    count = prepare_faces(data, tmp_path)

    faces = np.load(tmp_path / "faces.npy")
    assert 1 <= count == len(faces) <= 9, "the one that ends in 9 is held out"
    assert (landmarks.mouth_opening(faces) < 0.03).all()
