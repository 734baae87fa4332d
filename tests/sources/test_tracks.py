"""One face through a video: cuts, gaps, several people."""

import cv2
import numpy as np
import pytest

from speech2face.face.track import FaceTracker
from speech2face.sources.shots import ShotCounter
from speech2face.sources.tracks import FaceTrack, track_face
from speech2face.sources.views import lay_squares

SIDE = 160


@pytest.fixture(scope="module")
def face(picture: np.ndarray) -> np.ndarray:
    """Give the example's portrait as a small square."""
    side = min(picture.shape[:2])
    return cv2.resize(picture[:side, :side], (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def _wide(face: np.ndarray, left: int, colour: int = 90) -> np.ndarray:
    image = np.full((SIDE, 3 * SIDE, 3), colour, np.uint8)
    image[:, left : left + SIDE] = face
    return image


def test_a_cut_is_seen_and_motion_is_none(face: np.ndarray) -> None:
    count = ShotCounter()
    moving = [_wide(face, 20 + 4 * step) for step in range(6)]
    other = [_wide(face[::-1], 200, 200) for _ in range(3)]

    shots = [count(image) for image in (*moving, *other, *moving)]

    assert shots == [0] * 6 + [1] * 3 + [2] * 6


def test_a_face_is_followed_over_a_cut_and_a_gap(tracker: FaceTracker, face: np.ndarray) -> None:
    empty = np.full((SIDE, 3 * SIDE, 3), 90, np.uint8)
    frames = [_wide(face, 10), _wide(face, 14), *[empty] * 3, _wide(face, 18), _wide(face, 300)]

    track = track_face(frames, tracker)

    assert len(track) == 7
    np.testing.assert_array_equal(track.seen, [True, True, False, False, False, True, True])
    middles = track.meshes[track.seen][:, 1, 0]
    assert np.allclose(np.diff(middles)[:2], 4, atol=1.5)
    assert middles[-1] > 2 * SIDE
    assert not track.meshes[2].any()


def test_the_face_that_is_asked_for_is_taken(tracker: FaceTracker, face: np.ndarray) -> None:
    two = _wide(face, 10)
    two[:, 300:460] = face

    left, right, third = (
        track_face([two], tracker, select) for select in ("left", f"{380},80", "3")
    )

    assert left.meshes[0, 1, 0] < SIDE
    assert right.meshes[0, 1, 0] > 2 * SIDE
    assert not third.seen.any()


def test_stretches_end_at_cuts_and_gaps() -> None:
    track = FaceTrack(
        meshes=np.zeros((7, 478, 3), np.float32),
        scores=np.array([1, 1, 0, 1, 1, 1, 0], np.float32), shots=np.array([0, 0, 0, 0, 1, 1, 1]),
    )  # fmt: skip

    assert track.runs() == [slice(0, 2), slice(3, 4), slice(4, 6)]


def test_squares_hold_the_frames_own_values(tracker: FaceTracker, face: np.ndarray) -> None:
    frames = [_wide(face, 10 + 3 * step) for step in range(4)]
    track = track_face(frames, tracker)
    squares = lay_squares(track, None, 512)

    views = [squares.view(number, image, track) for number, image in enumerate(frames)]

    assert len({len(view.crop) for view in views}) == 1
    for view in views:
        x, y = np.round(-view.to_crop[:, 2]).astype(int)
        side = len(view.crop)
        inside = view.image[max(y, 0) : y + side, max(x, 0) : x + side]
        part = view.crop[max(-y, 0) :, max(-x, 0) :][: len(inside), : inside.shape[1]]
        np.testing.assert_array_equal(part, inside)


def test_no_frame_is_no_face(tracker: FaceTracker) -> None:
    track = track_face([], tracker)

    assert len(track) == 0
    assert track.runs() == []
