from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from speech2face.errors import InputError, WeightsError
from speech2face.face import track
from speech2face.face.alignment import (
    AlignedTracker,
    AlignmentLandmarks,
    bend,
    create_tracker,
)
from speech2face.face.mirror import MIRROR
from speech2face.face.normalize import pose_of
from speech2face.face.regions import MOUTH_POINTS, Region, region_of_mesh
from speech2face.face.rig import load_rig
from speech2face.face.track import FaceTracker, spread_correction
from speech2face.landmarks import eye_opening, from_mesh, mouth_opening
from speech2face.models.tracker import RegressorConfig, TrackerNetwork


@pytest.fixture(scope="module")
def found(tracker: FaceTracker, picture):
    faces = tracker.find(picture)
    assert len(faces) == 1
    return faces[0]


def unit(mesh) -> float:
    return float(np.linalg.norm(mesh[263] - mesh[33]))


def error(mesh, truth) -> float:
    """Mean distance in the picture over the outer-eye distance."""
    return float(np.linalg.norm(mesh[:, :2] - truth[:, :2], axis=1).mean()) / unit(truth)


def test_the_example_is_found_looking_at_us(found) -> None:
    assert found.score > 0.9
    assert np.abs(pose_of(found.mesh)).max() < 15
    points = from_mesh(found.mesh)
    assert (eye_opening(points) > 0.15).all()
    assert mouth_opening(points) < 0.1


def test_nothing_is_found_where_nobody_is(tracker: FaceTracker) -> None:
    empty = np.full((120, 160, 3), 90, np.uint8)

    assert tracker.find(empty) == []
    assert tracker.follow(empty, None) is None


def test_a_mirrored_picture_gives_the_mirrored_mesh(tracker: FaceTracker, picture, found) -> None:
    mirrored = tracker.find(np.ascontiguousarray(picture[:, ::-1]))[0].mesh[MIRROR]
    mirrored[:, 0] = picture.shape[1] - 1 - mirrored[:, 0]

    assert error(mirrored, found.mesh) < 0.01


@pytest.mark.parametrize(("angle", "scale"), [(20, 1.0), (0, 0.6), (-15, 1.3)])
def test_the_mesh_turns_and_grows_with_the_picture(
    tracker: FaceTracker, picture, found, angle: float, scale: float
) -> None:
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
    turned = cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)

    mesh = tracker.find(turned)[0].mesh

    wanted = found.mesh.copy()
    wanted[:, :2] = found.mesh[:, :2] @ turn[:, :2].T + turn[:, 2]
    assert error(mesh, wanted) < 0.025


def test_a_face_is_followed_as_it_moves(tracker: FaceTracker, picture, found) -> None:
    face = found
    for step in range(1, 6):
        moved = np.roll(picture, (2 * step, 6 * step), (0, 1))
        face = tracker.follow(moved, face)
        assert face is not None

    assert error(face.mesh - np.array([30, 10, 0]), found.mesh) < 0.03


def test_a_lost_face_is_told_and_found_again(tracker: FaceTracker, picture, found) -> None:
    gone = np.full_like(picture, 100)

    assert tracker.follow(gone, found) is None
    again = tracker.follow(picture, None)

    assert again is not None
    assert error(again.mesh, found.mesh) < 1e-4


def test_the_same_picture_gives_the_same_face(tracker: FaceTracker, picture, found) -> None:
    np.testing.assert_array_equal(tracker.find(picture)[0].mesh, found.mesh)


def toy() -> TrackerNetwork:
    sizes = {"channels": (4, 4), "hidden": 4, "modes": 2}
    return TrackerNetwork(
        RegressorConfig(size=32, points=478, dims=3, score=True, **sizes),
        RegressorConfig(size=32, points=80, dims=2, **sizes),
        RegressorConfig(size=32, points=37, dims=2, **sizes),
    )


def test_averaged_views_bring_their_points_back_to_one_place() -> None:
    network = toy()
    rig = load_rig().neutral * [0.5, 0.5, 0.5]
    network.face.set_shapes(torch.from_numpy(rig), torch.zeros(2, 478, 3))
    tracker = FaceTracker(network)
    region = Region(centre=np.array([50.0, 40.0]), side=80.0, roll=0.0)
    mirrored_only = tuple(view for view in track._MANY_LOOKS if view.shift == (0.0, 0.0))

    mesh, _ = tracker._look(np.zeros((100, 100, 3), np.uint8), region, mirrored_only)

    # A symmetric mean face looks the same both ways: 40 px are one normalized unit.
    np.testing.assert_allclose(mesh, rig * 40 + [50, 40, 0], atol=1e-3)


def test_neighbours_follow_a_correction_and_far_points_stay() -> None:
    mesh = (load_rig().neutral * 100 + 200).astype(np.float32)
    measured = mesh[MOUTH_POINTS, :2] + np.array([0, 5], np.float32)

    corrected = spread_correction(mesh, MOUTH_POINTS, measured, 0.2)

    np.testing.assert_allclose(corrected[MOUTH_POINTS, :2], measured)
    np.testing.assert_allclose(corrected[[33, 263, 10, 468]], mesh[[33, 263, 10, 468]], atol=0.05)
    below_the_lip = 18
    assert 2 < (corrected - mesh)[below_the_lip, 1] < 5.01
    np.testing.assert_array_equal(corrected[:, 2], mesh[:, 2])


def test_weights_of_another_network_are_refused() -> None:
    config = {name: asdict(part.config) for name, part in toy().parts().items()}

    with pytest.raises(WeightsError, match="do not fit its network"):
        FaceTracker.from_weights({}, config)
    with pytest.raises(WeightsError, match="do not fit its network"):
        FaceTracker.from_weights(toy().state_dict(), {"face": {}})


def test_face_alignment_without_its_weights_is_refused_with_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    with pytest.raises(WeightsError, match=r"3DFAN4-\w+.*are not in"):
        AlignmentLandmarks.from_installed()

    assert list(tmp_path.rglob("*.tar")) == []


def test_face_alignment_is_given_our_detectors_box(picture) -> None:
    class Package:
        """What face-alignment gives: 68 points in the box it was told."""

        def get_landmarks_from_image(self, _image, detected_faces):  # noqa: ANN202
            left, top, right, bottom = detected_faces[0]
            return [np.array([[(left + right) / 2, (top + bottom) / 2]] * 68)]

    points = AlignmentLandmarks(Package())(picture, np.array([0, 10, 20, 30], np.float32))

    np.testing.assert_array_equal(points, [[10, 20]] * 68)


def test_a_mesh_is_bent_onto_the_points_it_is_given(found) -> None:
    points = from_mesh(found.mesh)[:68, :2] + np.array([3, -2], np.float32)

    bent = bend(found.mesh, points)

    np.testing.assert_allclose(bent[:, :2], found.mesh[:, :2] + [3, -2], atol=0.01)
    np.testing.assert_array_equal(bent[:, 2], found.mesh[:, 2])


def test_the_aligned_tracker_finds_the_face_where_face_alignment_sees_it(found, picture) -> None:
    class Package:
        """Sees everything 4 px further to the right."""

        def get_landmarks_from_image(self, _image, detected_faces):  # noqa: ANN202, ARG002
            return [from_mesh(found.mesh)[:68, :2] + [4, 0]]

    tracker = AlignedTracker(FaceTracker.from_pretrained(), AlignmentLandmarks(Package()))

    lips = tracker.find(picture)[0].mesh[[61, 291], 0]

    np.testing.assert_allclose(lips, found.mesh[[61, 291], 0] + 4, atol=0.5)


def test_trackers_are_known_by_name() -> None:
    assert type(create_tracker("mesh", "cpu")) is FaceTracker
    with pytest.raises(InputError, match="there is no tracker named 'dlib'"):
        create_tracker("dlib", "cpu")


def test_regions_of_found_faces_are_upright(found) -> None:
    assert abs(region_of_mesh(found.mesh).roll) < 0.3


def test_a_face_boxed_twice_is_one_face(found) -> None:
    inner = replace(found, box=found.box + np.array([9, 9, -9, -9], np.float32), score=0.6)
    beside = replace(found, box=found.box + 2000, score=0.55)

    kept = track._without_doubles([inner, found, beside])

    assert [face is found for face in kept] == [True, False]
    assert kept[1] is beside


def test_weights_of_before_the_pixel_centres_are_raised_by_half_a_teachers_pixel() -> None:
    network = toy()
    config: dict[str, object] = {
        name: asdict(part.config) for name, part in network.parts().items()
    }
    face = np.zeros((100, 100, 3), np.uint8)
    region = Region(centre=np.array([50.0, 50.0]), side=256.0, roll=0.0)

    old = FaceTracker.from_weights(network.state_dict(), config)._look(
        face, region, track._ONE_LOOK
    )
    new = FaceTracker.from_weights(network.state_dict(), {**config, "pixel_centres": True})._look(
        face, region, track._ONE_LOOK
    )

    # A region of 256 px a side: the teacher's pixels are the picture's.
    shift = np.broadcast_to([0, -0.5, 0], (478, 3))
    np.testing.assert_allclose(old[0] - new[0], shift, atol=1e-4)


def test_folding_the_norms_leaves_the_network_and_what_it_sees() -> None:
    small = {"channels": (8, 16), "hidden": 16, "modes": 6}
    network = TrackerNetwork(
        face=RegressorConfig(size=32, points=478, dims=3, score=True, **small),
        mouth=RegressorConfig(size=32, points=80, dims=2, **small),
        eye=RegressorConfig(size=32, points=37, dims=2, **small),
    )
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    image = torch.rand(2, 3, 32, 32)

    folded = FaceTracker(network).network

    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    seen, score = network.eval().face(image)
    torch.testing.assert_close(folded.face(image), (seen, score), rtol=1e-4, atol=1e-5)
