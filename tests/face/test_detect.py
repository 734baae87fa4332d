import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional

from speech2face.errors import WeightsError
from speech2face.face import detect
from speech2face.face.detect import _Picture, detect_faces, suppress
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


def test_detection_imports_neither_torchvision_nor_the_package_of_its_weights() -> None:
    code = (
        "import sys, numpy as np; from speech2face.face.detect import detect_faces; "
        "detect_faces(np.zeros((60, 60, 3), np.uint8)); "
        "assert not {'torchvision', 'facenet_pytorch'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


def test_missing_weights_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect, "find_spec", lambda _: None)

    with pytest.raises(WeightsError, match="install the package facenet-pytorch"):
        detect._networks.__wrapped__()


def test_parts_of_a_picture_are_means_over_the_pixels_they_touch() -> None:
    image = np.random.default_rng(0).integers(0, 256, (53, 71, 3), np.uint8)
    picture, pixels = _Picture(image), torch.from_numpy(image).permute(2, 0, 1)[None].float()

    whole = picture.shrunk((30, 44))
    cuts = picture.cuts(np.array([[-3, 5, 40, 48.5], [30, 20, 90, 90]], np.float32), 24)

    def mean(part: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        return functional.interpolate(part, size, mode="area")

    torch.testing.assert_close(whole, mean(pixels, (30, 44)), rtol=0, atol=1e-4)
    # The detector counts pixels from 1.
    torch.testing.assert_close(cuts[:1], mean(pixels[..., 4:48, :40], (24, 24)), rtol=0, atol=1e-4)
    torch.testing.assert_close(cuts[1:], mean(pixels[..., 19:, 29:], (24, 24)), rtol=0, atol=1e-4)


def test_boxes_beside_the_picture_are_left_out() -> None:
    picture = _Picture(np.zeros((40, 60, 3), np.uint8))
    boxes = np.array([[5, 5, 20, 20], [70, 5, 90, 25], [5, -30, 20, -4]], np.float32)

    assert picture.on_it(boxes).tolist() == boxes[:1].tolist()


def test_a_small_box_in_a_large_one_is_the_same_face_only_by_the_smaller_area() -> None:
    boxes = np.array([[0, 0, 40, 40], [10, 10, 20, 20]], np.float32)
    scores = np.array([0.9, 0.8], np.float32)

    assert suppress(boxes, scores, 0.7).tolist() == [0, 1]
    assert suppress(boxes, scores, 0.7, of_smaller=True).tolist() == [0]


def test_of_overlapping_boxes_the_best_stays() -> None:
    boxes = torch.tensor([[0, 0, 10, 10], [1, 1, 11, 11], [30, 30, 40, 40], [0, 0, 10, 4.0]])
    scores = torch.tensor([0.6, 0.9, 0.5, 0.8])

    kept = non_maximum_suppression(boxes, scores, 0.5)

    assert kept.tolist() == [1, 3, 2]
    assert suppress(boxes.numpy(), scores.numpy(), 0.5).tolist() == [1, 3, 2]


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
