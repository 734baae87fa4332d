import numpy as np
import pytest
from drawn_face import track

from speech2face.evaluation.video.emotions import LABELS, classify, emotion_scores

FACES = {
    "happy": {"mouthSmile": 0.6, "eyeSquint": 0.3},
    "sad": {"browInnerUp": 0.4, "mouthFrown": 0.3},
    "angry": {"browDown": 0.5, "mouthPress": 0.2},
    "surprised": {"browInnerUp": 0.5, "browOuterUp": 0.5, "eyeWide": 0.3},
    "fearful": {"browInnerUp": 0.5, "mouthStretch": 0.3, "eyeWide": 0.1},
    "disgusted": {"mouthUpperUp": 0.3, "mouthShrugLower": 0.3, "mouthFrown": 0.1, "browDown": 0.2},
    "contempt": {"mouthSmileLeft": 0.2, "mouthDimpleLeft": 0.4},
}
NEUTRAL = track(np.zeros(6))


@pytest.mark.parametrize(("label", "scores"), FACES.items())
def test_the_action_units_of_an_emotion_are_named_by_it(label: str, scores: dict[str, float]):
    answers = classify(track(np.zeros(6), **scores), NEUTRAL)

    assert [LABELS[answer] for answer in answers] == [label] * 6


def test_the_neutral_face_and_a_face_that_only_speaks_are_neutral():
    speaking = track(np.zeros(6), jawOpen=0.3, mouthPucker=0.5)

    assert not classify(NEUTRAL, NEUTRAL).any()
    assert not classify(speaking, NEUTRAL).any()


def test_only_change_counts_so_a_smiling_person_is_not_happy_by_nature():
    smiling = track(np.zeros(6), mouthSmile=0.7)

    assert not classify(smiling, smiling).any()


def test_a_slight_change_stays_neutral_and_scores_grow_with_strength():
    slight, strong = (track(np.zeros(6), mouthSmile=value) for value in (0.08, 0.6))

    assert not classify(slight, NEUTRAL).any()
    assert (emotion_scores(strong, NEUTRAL)[:, 0] > emotion_scores(slight, NEUTRAL)[:, 0]).all()


def test_videos_of_different_length_are_compared_over_the_shorter():
    assert len(classify(track(np.zeros(4)), NEUTRAL)) == 4
    assert len(classify(NEUTRAL, track(np.zeros(4)))) == 4
