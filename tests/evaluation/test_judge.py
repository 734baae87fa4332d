from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from drawn_face import DrawnJudge, draw, film, track

from speech2face.errors import NoFaceError
from speech2face.evaluation.video.judge import judge_frames, judge_video


def test_the_judge_reads_mouth_and_eyes_from_an_encoded_video(tmp_path: Path):
    opening = 0.2 + 0.15 * np.sin(np.arange(20) / 3)
    video = film(tmp_path / "v.mp4", opening, eyes=0.7)

    judged = judge_video(DrawnJudge(), video)

    assert len(judged) == 20
    assert judged.fps == 25
    np.testing.assert_allclose(judged.mouth_opening, opening, atol=0.01)
    np.testing.assert_allclose(judged.eye_opening, 0.3 * 0.7, atol=0.01)


def test_a_frame_without_a_face_is_filled_from_its_neighbours():
    frames = [draw(0.0, 1), np.zeros((64, 96, 3), np.uint8), draw(0.4, 1)]

    judged = judge_frames(DrawnJudge(), frames, Fraction(25))

    assert judged.found.tolist() == [True, False, True]
    np.testing.assert_allclose(judged.mouth_opening, [0, 0.2, 0.4], atol=0.01)


def test_a_video_without_any_face_is_refused():
    with pytest.raises(NoFaceError, match="any of 2 frames"):
        judge_frames(DrawnJudge(), [np.zeros((64, 96, 3), np.uint8)] * 2, Fraction(25))


def test_a_score_is_the_mean_of_both_sides():
    judged = track(np.zeros(3), mouthSmileLeft=0.4, mouthSmileRight=0.8, jawOpen=0.3)

    np.testing.assert_allclose(judged.score("mouthSmile"), 0.6, atol=1e-6)
    np.testing.assert_allclose(judged.score("jawOpen"), 0.3, atol=1e-6)


def test_the_mouth_width_is_measured_in_eye_distances():
    np.testing.assert_allclose(track(np.zeros(2)).mouth_width, 0.4, atol=1e-5)


def test_pose_is_measured_against_a_frame():
    pose = np.array([(0, 0, 0), (10, 0, 0), (0, -5, 0), (0, 0, 8)], float)

    found = track(np.zeros(4), pose=pose).pose_against(0)

    np.testing.assert_allclose(found, pose, atol=0.01)
