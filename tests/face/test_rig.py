import importlib.util
import os
import struct
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from make import rig as build
from speech2face.checkpoints.store import register, write_weights
from speech2face.errors import InputError, WeightsError
from speech2face.face.rig import Rig, load_rig
from speech2face.face.teacher import BLENDSHAPES, FaceMeshTeacher
from speech2face.geometry import rotation_matrix
from speech2face.landmarks import (
    LEFT_IRIS,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LOWER_LIP_INNER,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    UPPER_LIP_INNER,
)
from speech2face.synthesis import neutral as neutral_face
from speech2face.synthesis.canonical import CanonicalFace, read_canonical

DATA = Path(os.environ.get("SPEECH2FACE_DATA", "absent"))
TASK = DATA / "models" / "face_landmarker_v2_with_blendshapes.task"
with_teacher = pytest.mark.skipif(
    not TASK.is_file()
    or importlib.util.find_spec("anny") is None
    or importlib.util.find_spec("ai_edge_litert") is None,
    reason="needs SPEECH2FACE_DATA with the face landmarker task file, anny and ai-edge-litert",
)


def test_the_unit_is_the_distance_of_the_outer_eye_corners_and_the_origin_the_nose_bridge(rig: Rig):
    assert_allclose(np.linalg.norm(rig.neutral[263] - rig.neutral[33]), 1, atol=1e-5)
    assert_allclose(rig.neutral[168], 0, atol=1e-6)
    assert rig.neutral[263, 0] > 0  # the right eye as seen lies right
    assert rig.neutral[152, 1] > 1  # the chin lies below
    assert rig.neutral[4, 2] < -0.2  # the tip of the nose lies nearer to the viewer


def test_left_and_right_channels_are_mirror_images(rig: Rig):
    assert_array_equal(rig.mirror[rig.mirror], np.arange(478))
    assert_allclose(rig.neutral, rig.neutral[rig.mirror] * [-1, 1, 1], atol=1e-5)
    for name, deltas in zip(rig.names, rig.deltas, strict=True):
        other = rig.deltas[rig.index(build.other_side(name))]
        assert_allclose(deltas, other[rig.mirror] * [-1, 1, 1], atol=1e-4, err_msg=name)


def test_the_persons_left_lies_at_the_right_of_the_image(rig: Rig):
    def side(name: str) -> float:
        size = np.linalg.norm(rig.deltas[rig.index(name)], axis=1)
        return float((size * rig.neutral[:, 0]).sum() / size.sum())

    halves = [name for name in rig.names if name.endswith("_L")]

    assert len(halves) == 20
    assert min(side(name) for name in halves) > 0.05
    assert rig.deltas[rig.index("jawLeft"), 152, 0] > 0.05
    assert rig.deltas[rig.index("mouthRight"), 13, 0] < -0.05


@pytest.mark.parametrize(
    ("name", "upper", "lower"),
    [
        ("eyeBlink_L", RIGHT_UPPER_LID, RIGHT_LOWER_LID),
        ("eyeBlink_R", LEFT_UPPER_LID, LEFT_LOWER_LID),
    ],
)
def test_a_blink_closes_its_eye_exactly_and_leaves_the_other_open(
    rig: Rig, name: str, upper: np.ndarray, lower: np.ndarray
):
    open_eye = rig.neutral[lower, 1] - rig.neutral[upper, 1]
    shut = rig.pose(rig.weights(**{name: 1.0}))

    assert open_eye[4] > 0.09
    assert_allclose(shut[upper, 1], shut[lower, 1], atol=1e-4)
    assert_allclose(shut[rig.mirror[upper]], rig.neutral[rig.mirror[upper]], atol=1e-3)


def test_jaw_open_is_a_wide_open_mouth_that_mouth_close_shuts(rig: Rig):
    opened = rig.pose(rig.weights(jawOpen=1.0))
    shut = rig.pose(rig.weights(jawOpen=1.0, mouthClose=1.0))
    gap = opened[LOWER_LIP_INNER, 1] - opened[UPPER_LIP_INNER, 1]

    assert_allclose(gap[5], build.JAW_OPEN_GAP, atol=1e-3)
    assert (np.diff(gap[:6]) > 0).all()
    assert_allclose(shut[LOWER_LIP_INNER, 1], shut[UPPER_LIP_INNER, 1], atol=1e-4)
    assert opened[152, 1] - rig.neutral[152, 1] > 0.1  # the chin goes down with it


def test_lips_never_pass_through_each_other(rig: Rig):
    for name in rig.names:
        if name == "mouthClose":  # closes an open jaw, makes no sense alone
            continue
        face = rig.pose(rig.weights(**{name: 1.0}))
        gap = face[LOWER_LIP_INNER, 1] - face[UPPER_LIP_INNER, 1]
        assert gap.min() > -1e-4, name


@pytest.mark.parametrize(
    ("channel", "point", "axis", "sign"),
    [
        ("mouthSmile_L", 291, 1, -1), ("mouthSmile_L", 291, 0, 1), ("mouthFrown_L", 291, 1, 1),
        ("mouthPucker", 291, 0, -1), ("mouthPucker", 13, 2, -1), ("browDown_L", 334, 1, 1),
        ("browInnerUp_L", 336, 1, -1), ("browOuterUp_L", 300, 1, -1), ("eyeWide_L", 386, 1, -1),
        ("cheekPuff_L", 427, 0, 1), ("mouthUpperUp_L", 312, 1, -1), ("mouthLowerDown_L", 317, 1, 1),
        ("jawForward", 152, 2, -1), ("mouthFunnel", 0, 2, -1), ("noseSneer_L", 327, 1, -1),
        ("eyeLookUp_L", 473, 1, -1), ("eyeLookDown_L", 473, 1, 1), ("eyeLookIn_L", 473, 0, -1),
        ("eyeLookOut_L", 473, 0, 1), ("eyeLookIn_R", 468, 0, 1),
    ],
)  # fmt: skip
def test_a_channel_moves_what_its_name_says(
    rig: Rig, channel: str, point: int, axis: int, sign: int
):
    assert rig.deltas[rig.index(channel), point, axis] * sign > 0.01


def test_only_looking_moves_the_irises(rig: Rig):
    for name, deltas in zip(rig.names, rig.deltas, strict=True):
        moves = np.abs(deltas[LEFT_IRIS]).max() > 0.01
        assert moves == (name.startswith("eyeLook") and name.endswith("_R")), name


def test_triangles_leave_holes_for_eyes_and_name_surface_points_only(rig: Rig):
    assert rig.triangles.shape == (898, 3)
    assert rig.triangles.max() == 467
    corners = rig.neutral[rig.triangles, :2]
    edge = corners[:, 1:] - corners[:, :1]
    area = edge[:, 0, 0] * edge[:, 1, 1] - edge[:, 0, 1] * edge[:, 1, 0]
    assert min((area > 0).mean(), (area < 0).mean()) < 0.1  # one winding but for the nose's wings


def test_weights_add_up_and_keep_their_leading_axes(rig: Rig):
    rng = np.random.default_rng(0)
    a, b = rng.uniform(size=(2, 3, len(rig.names))).astype(np.float32)

    assert rig.pose(a[None]).shape == (1, 3, 478, 3)
    assert_allclose(rig.offsets(a + b), rig.offsets(a) + rig.offsets(b), atol=1e-4)
    assert_allclose(rig.pose(rig.weights()), rig.neutral)


def test_an_unknown_channel_is_named_in_the_error(rig: Rig):
    with pytest.raises(InputError, match="jawOpenn"):
        rig.weights(jawOpenn=1.0)


def test_a_file_that_is_no_rig_is_refused(tmp_path: Path, rig: Rig):
    row = dict.fromkeys(("what", "licence", "trained_on", "command"), "-")
    write_weights(tmp_path / "rig.safetensors", {}, {"names": []})
    register(tmp_path, "rig", {**row, "file": "rig.safetensors"})

    with pytest.raises(WeightsError, match="is no rig"):
        load_rig(tmp_path)
    with pytest.raises(WeightsError, match="holds 53"):
        Rig(
            names=rig.names, neutral=rig.neutral, deltas=rig.deltas[:-1],
            triangles=rig.triangles, mirror=rig.mirror,
        )  # fmt: skip


def test_building_from_its_own_points_gives_the_rig_back(tmp_path: Path, rig: Rig):
    units: dict[str, np.ndarray] = {}
    for name, deltas in zip(rig.names, rig.deltas, strict=True):
        plain = name.removesuffix("_L").removesuffix("_R")
        if plain in ("browInnerUp", "cheekPuff"):
            units[plain] = units.get(plain, np.zeros((478, 3))) + deltas
        else:
            units[name.replace("_L", "Left").replace("_R", "Right")] = deltas.astype(float)
    tilt = rotation_matrix(np.array([0.0, 6.0, 0.0]))  # as MakeHuman's head stands otherwise
    turned = {name: deltas @ tilt.T * 0.8 for name, deltas in units.items()}

    neutral = rig.neutral.astype(float)
    again = build.build_rig(neutral, neutral @ tilt.T * 0.8 + 3, turned, rig.triangles)
    build.write_rig(again, tmp_path)
    read = load_rig(tmp_path)

    assert read.names == rig.names
    assert_array_equal(read.mirror, rig.mirror)
    middle = np.abs(rig.neutral[:, 0]) < 0.13  # split channels blend there
    for name, mine, theirs in zip(rig.names, read.deltas, rig.deltas, strict=True):
        split = name.startswith(("browInnerUp", "cheekPuff"))
        assert_allclose(mine[~middle | (not split)], theirs[~middle | (not split)], atol=2e-3)


def test_the_mean_face_forgets_pose_and_size_and_leaves_expressions_out(rig: Rig):
    rng = np.random.default_rng(1)
    neutral = rig.neutral.astype(float)
    canonical = CanonicalFace(vertices=neutral[:468] * 9, triangles=rig.triangles)
    meshes, scores = [], np.zeros((9, len(BLENDSHAPES)))
    for _ in range(7):
        turn = rotation_matrix(rng.uniform(-8, 8, 3))
        meshes.append(neutral @ turn.T * rng.uniform(80, 200) + rng.uniform(0, 300, 3))
    meshes.append(rig.pose(rig.weights(jawOpen=1.0)) * 100)
    scores[7, BLENDSHAPES.index("jawOpen")] = 0.9
    meshes.append(neutral @ rotation_matrix(np.array([40.0, 0, 0])).T * 100)

    mean = neutral_face.mean_face(np.array(meshes, np.float32), scores, canonical)

    assert_allclose(mean, rig.neutral, atol=2e-3)
    with pytest.raises(InputError, match="frontal face at rest"):
        neutral_face.mean_face(np.array(meshes[7:], np.float32), scores[7:], canonical)


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


@pytest.mark.parametrize("packed", [True, False])
def test_the_canonical_face_is_read_from_both_ways_of_writing_lists(tmp_path: Path, packed: bool):
    floats = [struct.pack("<f", value) for value in (1, 2, 3, 0, 0, *(4, 5, 300, 1, 1) * 467)]
    numbers = [_varint(value) for value in (0, 1, 300)]
    if packed:
        mesh = b"\x1a" + _varint(20 * 468) + b"".join(floats)
        mesh += b"\x22" + _varint(len(b"".join(numbers))) + b"".join(numbers)
    else:
        mesh = b"".join(b"\x1d" + value for value in floats)
        mesh += b"".join(b"\x20" + value for value in numbers)
    task = tmp_path / "face.task"
    with zipfile.ZipFile(task, "w") as archive:
        message = b"\x18\x01" + b"\x0a" + _varint(len(mesh)) + mesh
        archive.writestr("geometry_pipeline_metadata_landmarks.binarypb", message)

    face = read_canonical(task)

    assert_array_equal(face.vertices[[0, 1, 467]], [[1, -2, -3], *[[4, -5, -300]] * 2])
    assert_array_equal(face.triangles, [[0, 1, 300]])


def test_a_file_that_is_no_task_file_is_refused(tmp_path: Path):
    (tmp_path / "face.task").write_bytes(b"no zip")

    with pytest.raises(WeightsError, match="not a face landmarker task file"):
        read_canonical(tmp_path / "face.task")


@with_teacher
def test_the_teacher_finds_faces_only_where_there_are_some(tmp_path: Path):
    teacher = FaceMeshTeacher(TASK)
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((200, 200, 3), 128, np.uint8))

    with pytest.raises(InputError, match="shows no face"):
        neutral_face.read_photographs(tmp_path, teacher)
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(InputError, match="is not a picture"):
        neutral_face.read_photographs(tmp_path, teacher)


@pytest.mark.slow
@with_teacher
def test_the_build_script_makes_the_shipped_channels(
    tmp_path: Path, rig: Rig, monkeypatch: pytest.MonkeyPatch
):
    skins, faces = tmp_path / "skins", tmp_path / "faces"
    skins.mkdir()
    faces.mkdir()
    texture = sorted((DATA / "makehuman_cc0" / "skins").glob("*_diffuse*"))[7]
    (skins / texture.name).symlink_to(texture)
    for path in sorted((DATA / "portraits").glob("*.jpg"))[:40]:
        (faces / path.name).symlink_to(path)
    arguments = ["--teacher", TASK, "--skins", skins, "--photographs", faces, "--output", tmp_path]
    monkeypatch.setattr(sys, "argv", ["rig", *map(str, arguments), "--leave-out", "*9"])

    build.main()
    made = load_rig(tmp_path)

    assert made.names == rig.names
    moving = np.abs(rig.deltas).max((1, 2)) > 0
    for mine, shipped in zip(made.deltas[moving], rig.deltas[moving], strict=True):
        assert np.corrcoef(mine.ravel(), shipped.ravel())[0, 1] > 0.85
