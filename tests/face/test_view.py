import cv2
import numpy as np
import pytest

from speech2face.errors import InputError, NoFaceError, Speech2FaceWarning
from speech2face.face.choose import _check, _chosen, _no_face_message, prepare_view
from speech2face.face.normalize import Head
from speech2face.face.paste import PasteBack
from speech2face.face.rig import load_rig
from speech2face.face.track import FaceTracker
from speech2face.face.view import cut_square, cut_view, moved_inside, square_around
from speech2face.geometry import rotation_matrix
from speech2face.types import Face


def face(x: float, y: float = 200, scale: float = 100, pose=(0.0, 0.0, 0.0)) -> Face:
    head = Head(
        scale=float(scale),
        rotation=rotation_matrix(np.array(pose, float)),
        translation=np.array([x, y, 0.0]),
    )
    mesh = head.to_image(load_rig().neutral).astype(np.float32)
    box = np.concatenate([mesh[:, :2].min(0), mesh[:, :2].max(0)])
    return Face(mesh=mesh, box=box, score=0.99)


def test_the_largest_face_is_taken_and_the_others_are_named() -> None:
    faces = [face(500, scale=120), face(150), face(800, scale=60)]

    with pytest.warns(Speech2FaceWarning, match=r"shows 3 faces \(1: x \d+-\d+, y .*3: x "):
        assert _chosen(faces, "largest") is faces[0]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("select", "index"),
    [("left", 1), ("right", 2), ("1", 0), ("3", 2), ("150,220", 1), ("500.5,200", 0)],
)
def test_a_face_is_chosen_by_side_number_or_pixel(select: str, index: int) -> None:
    faces = [face(500, scale=120), face(150), face(800, scale=60)]

    assert _chosen(faces, select) is faces[index]


@pytest.mark.parametrize("select", ["0", "4", "1.5", "-1", "5,5", "nearest", "1,2,3", ""])
def test_a_choice_that_names_no_face_is_refused_with_the_list(select: str) -> None:
    with pytest.raises(InputError, match="its faces are 1: x"):
        _chosen([face(500), face(150)], select)


def test_a_small_face_is_warned_of_and_a_tiny_one_refused() -> None:
    with pytest.warns(Speech2FaceWarning, match="the face is small: 2. px"):
        _check(face(200, scale=40), force=False)
    with pytest.raises(NoFaceError, match="at least 14"):
        _check(face(200, scale=18), force=False)
    with pytest.warns(Speech2FaceWarning, match="the face is small"):
        _check(face(200, scale=18), force=True)


def test_a_turned_face_is_warned_of_and_a_profile_refused() -> None:
    with pytest.warns(Speech2FaceWarning, match="turned by 45 degrees"):
        _check(face(200, pose=(-45, 0, 0)), force=False)
    with pytest.raises(NoFaceError, match="turned by 70 degrees or more, less than 50"):
        _check(face(200, pose=(70, 0, 0)), force=False)
    with pytest.warns(Speech2FaceWarning, match="turned by 70 degrees"):
        _check(face(200, pose=(70, 0, 0)), force=True)


@pytest.mark.filterwarnings("error")
def test_a_good_face_passes_in_silence() -> None:
    _check(face(200, pose=(30, -10, 15)), force=False)


@pytest.mark.parametrize("size", [None, 256, 512])
@pytest.mark.parametrize("pose", [(0.0, 0.0, 0.0), (30.0, 0.0, 40.0)])
def test_the_square_holds_the_head_with_room_around(size: int | None, pose) -> None:
    mesh = face(300, 260, 100, pose).mesh

    to_crop, side = square_around(mesh, size)

    seen = mesh[:, :2] @ to_crop[:, :2].T + to_crop[:, 2]
    assert side == (size or side)
    assert side % 16 == 0
    height = np.ptp(seen[:, 1]) / side
    assert 0.3 < height < 0.5
    assert (seen.min(0) > 0.15 * side).all()
    assert (seen.max(0) < 0.85 * side).all()


def test_a_level_crop_at_the_pictures_resolution_holds_its_very_pixels() -> None:
    image = np.random.default_rng(0).integers(0, 256, (600, 600, 3), np.uint8)
    to_crop, side = square_around(face(300.3, 280.7, 100, (0, 0, 8)).mesh, None)

    crop = cut_square(image, to_crop, side)

    x, y = (-to_crop[:, 2]).astype(int)
    np.testing.assert_array_equal(crop, image[y : y + side, x : x + side])


def test_a_tilted_head_stands_upright_in_its_crop() -> None:
    mesh = face(300, 300, 100, (0, 0, 35)).mesh

    to_crop, _ = square_around(mesh, 256)

    corners = mesh[[33, 263], :2] @ to_crop[:, :2].T + to_crop[:, 2]
    assert corners[0, 1] == pytest.approx(corners[1, 1], abs=0.01)


def test_a_large_face_is_shown_at_512() -> None:
    _, side = square_around(face(900, 900, 500).mesh, None)

    assert side == 512


def test_a_reduced_crop_has_no_moire() -> None:
    stripes = np.zeros((1600, 1600, 3), np.uint8)
    stripes[::2] = 200
    to_crop, side = square_around(face(800, 800, 400).mesh, 256)

    assert cut_square(stripes, to_crop, side).std() < 3


def test_beyond_the_picture_its_edge_goes_on() -> None:
    image = np.full((200, 200, 3), 70, np.uint8)
    to_crop, side = square_around(face(20, 100, 80).mesh, None)

    assert (cut_square(image, to_crop, side) == 70).all()


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_a_square_inside_the_picture_is_shown_where_it_is() -> None:
    assert moved_inside(cut_view(noise(600, 600), face(300, 280))) is None


@pytest.mark.parametrize(("x", "y"), [(80, 280), (1000, 250), (500, 60), (1020, 1040)])
def test_a_square_beyond_the_edge_is_shown_moved_into_the_picture(x: int, y: int) -> None:
    image = noise(1100, 1100)

    portrait = cut_view(image, face(x, y))
    shown = moved_inside(portrait)

    side = len(portrait.crop)
    left, top = np.clip((-portrait.to_crop[:, 2]).astype(int), 0, 1100 - side)
    np.testing.assert_array_equal(shown.image, image[top : top + side, left : left + side])
    np.testing.assert_allclose(shown.face.mesh[:, :2] + [left, top], portrait.face.mesh[:, :2])


@pytest.mark.parametrize("roll", [0.0, 35.0])
@pytest.mark.parametrize("size", [None, 128])
def test_a_picture_smaller_than_the_square_is_shown_larger(size: int | None, roll: float) -> None:
    slope = np.broadcast_to(np.arange(200, dtype=np.uint8)[:, None, None], (200, 190, 3)).copy()

    shown = moved_inside(cut_view(slope, face(80, 60, 80, (0, 0, roll)), size))

    rows = shown.image[..., 0].astype(int)
    assert np.ptp(rows) > 0.8 * 190, "all that the picture has to show"
    made_up = (rows == 0) | (rows == 199)
    assert made_up.mean() < 0.02, "nothing beyond its edges"


@pytest.mark.parametrize(("x", "y", "scale"), [(80, 280, 80), (300, 60, 100), (200, 200, 230)])
def test_crops_are_pasted_where_they_belong_in_what_is_shown(x: int, y: int, scale: int) -> None:
    image = cv2.GaussianBlur(noise(480, 480), (0, 0), 4)
    portrait = cut_view(image, face(x, y, scale))
    shown = moved_inside(portrait)
    brighter = np.clip(portrait.crop.astype(int) + 20, 0, 255).astype(np.uint8)

    still, changed = PasteBack(shown)(np.stack([portrait.crop, brighter]))

    np.testing.assert_array_equal(still, shown.image)
    np.testing.assert_allclose(shown.mesh, portrait.mesh, atol=1e-3)
    nose = shown.face.mesh[1, :2].round().astype(int)
    assert changed[nose[1], nose[0], 0] == pytest.approx(shown.image[nose[1], nose[0], 0] + 20, 2)


@pytest.mark.parametrize("size", [100, 48, 4096])
def test_a_size_that_networks_cannot_take_is_refused(size: int, tracker: FaceTracker) -> None:
    with pytest.raises(InputError, match=f"the size {size} cannot be used"):
        prepare_view(np.zeros((64, 64, 3), np.uint8), tracker, size=size)


def test_a_picture_without_a_face_is_refused_with_its_size(tracker: FaceTracker) -> None:
    scene = np.zeros((240, 320, 3), np.uint8)
    scene[120:] = 90

    with pytest.raises(NoFaceError, match=r"320 x 240 px \(best score 0\.00.*use an upright"):
        prepare_view(scene, tracker)


@pytest.mark.filterwarnings("error")
def test_the_example_becomes_a_portrait(tracker: FaceTracker, picture) -> None:
    portrait = prepare_view(picture, tracker, size=256)

    assert portrait.crop.shape == (256, 256, 3)
    assert portrait.image is picture
    lips = portrait.mesh[[61, 291], :2]
    assert ((lips > 64) & (lips < 230)).all()
    assert 10 < lips[1, 0] - lips[0, 0] < 80


def test_a_picture_on_its_side_is_told_how_to_be_turned(tracker: FaceTracker, picture) -> None:
    for turns, cure in ((3, "90 degrees to the left"), (1, "90 degrees to the right"), (2, "180")):
        turned = np.ascontiguousarray(np.rot90(picture, turns))

        assert cure in _no_face_message(turned, tracker, [])


def test_a_picture_on_its_side_is_refused(tracker: FaceTracker, picture) -> None:
    sideways = np.ascontiguousarray(np.rot90(picture, 3))

    with pytest.raises(NoFaceError, match="turn it by 90 degrees to the left"):
        prepare_view(sideways, tracker)


def test_a_face_that_lies_is_cut_out_upright_with_a_warning(tracker: FaceTracker, picture) -> None:
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 75, 1)
    turned = cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)

    with pytest.warns(Speech2FaceWarning, match="lies on its side"):
        lying = prepare_view(turned, tracker, size=256)

    upright = prepare_view(picture, tracker, size=256)
    assert np.abs(lying.mesh[:, :2] - upright.mesh[:, :2]).mean() < 5
    difference = lying.crop[64:192, 64:192].astype(float) - upright.crop[64:192, 64:192]
    assert np.abs(difference).mean() < 12


def test_two_people_are_told_apart(tracker: FaceTracker, picture) -> None:
    small = cv2.resize(picture, (0, 0), fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    pair = np.zeros((picture.shape[0], picture.shape[1] + small.shape[1], 3), np.uint8)
    pair[:, : picture.shape[1]] = picture
    pair[: small.shape[0], picture.shape[1] :] = small

    with pytest.warns(Speech2FaceWarning, match="shows 2 faces"):
        largest = prepare_view(pair, tracker)
    right = prepare_view(pair, tracker, select="right")

    assert largest.face.mesh[1, 0] < picture.shape[1] < right.face.mesh[1, 0]
