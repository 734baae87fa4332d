import cv2
import numpy as np
import torch

from speech2face.face.detect import detect_faces
from speech2face.face.torchvision_compat import ensure_torchvision, non_maximum_suppression


def test_an_empty_picture_shows_no_face() -> None:
    assert detect_faces(np.full((100, 140, 3), 127, np.uint8)) == []


def test_the_examples_face_is_found_with_eyes_above_the_mouth(picture) -> None:
    (face,) = detect_faces(picture)

    assert face.score > 0.95
    left_eye, right_eye, nose, left_mouth, right_mouth = face.points
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_eye[1] < nose[1] < left_mouth[1]
    assert left_mouth[0] < right_mouth[0]
    assert (face.box[:2] < face.points.min(0)).all()
    assert (face.points.max(0) < face.box[2:]).all()


def test_a_picture_twice_as_large_gives_a_box_twice_as_large(picture) -> None:
    large = cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)

    (small_face,), (large_face,) = detect_faces(picture), detect_faces(large)

    width = np.ptp(small_face.box[0::2])
    np.testing.assert_allclose(large_face.box, small_face.box * 2, atol=0.2 * width)


def test_the_largest_face_comes_first(picture) -> None:
    small = cv2.resize(picture, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    pair = np.zeros((picture.shape[0], small.shape[1] + picture.shape[1], 3), np.uint8)
    pair[: small.shape[0], : small.shape[1]] = small
    pair[:, small.shape[1] :] = picture

    first, second = detect_faces(pair)

    assert np.ptp(first.box[0::2]) > np.ptp(second.box[0::2])
    assert second.box[2] < small.shape[1] + 5


def test_of_overlapping_boxes_the_best_stays() -> None:
    boxes = torch.tensor([[0, 0, 10, 10], [1, 1, 11, 11], [30, 30, 40, 40], [0, 0, 10, 4.0]])
    scores = torch.tensor([0.6, 0.9, 0.5, 0.8])

    kept = non_maximum_suppression(boxes, scores, 0.5)

    assert kept.tolist() == [1, 3, 2]


def test_no_boxes_leave_none() -> None:
    assert non_maximum_suppression(torch.zeros(0, 4), torch.zeros(0), 0.5).tolist() == []


def test_torchvision_suppresses_like_ours() -> None:
    ensure_torchvision()
    from torchvision.ops import nms

    rng = torch.Generator().manual_seed(0)
    corner = torch.rand(50, 2, generator=rng) * 50
    boxes = torch.cat([corner, corner + 5 + torch.rand(50, 2, generator=rng) * 30], 1)
    scores = torch.rand(50, generator=rng)

    assert nms(boxes, scores, 0.4).tolist() == non_maximum_suppression(boxes, scores, 0.4).tolist()
