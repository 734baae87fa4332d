"""Regions are read from words, and each moves in its own strength."""

import numpy as np
import pytest

from speech2face.errors import InputError
from speech2face.face.rig import Rig
from speech2face.motion.motion import Motion
from speech2face.motion.regions import scaled, with_lips_of
from speech2face.regions import parse_regions


@pytest.mark.parametrize(
    ("words", "strengths"),
    [
        ("all", {"lips": 1, "eyes": 1, "brows": 1, "head": 1}),
        ("lips", {"lips": 1, "eyes": 0, "brows": 0, "head": 0}),
        ("expression+head:0.5", {"lips": 1, "eyes": 1, "brows": 1, "head": 0.5}),
        ("all, lips:0", {"lips": 0, "eyes": 1, "brows": 1, "head": 1}),
    ],
)
def test_words_become_strengths(words: str, strengths: dict[str, float]) -> None:
    assert parse_regions(words) == strengths


@pytest.mark.parametrize("words", ["nose", "lips:3", "head:", "lips:much", ""])
def test_other_words_are_refused(words: str) -> None:
    with pytest.raises(InputError, match="with a strength"):
        parse_regions(words)


def _motion(rig: Rig, **weights: float) -> Motion:
    row = rig.weights(**weights)[None]
    return Motion.of(row, gaze=np.ones((1, 2)), pose=np.ones((1, 3)), shift=np.ones((1, 3)))


def test_a_region_of_strength_0_stays_as_it_is(rig: Rig) -> None:
    motion = _motion(rig, jawOpen=1.0, eyeBlink_L=1.0, browInnerUp_L=1.0)

    lips = scaled(motion, rig.names, parse_regions("lips:0.5"))
    upper = scaled(motion, rig.names, parse_regions("eyes+brows"))

    assert lips.weights[0].tolist() == rig.weights(jawOpen=0.5).tolist()
    assert not lips.gaze.any()
    assert not lips.pose.any()
    assert upper.weights[0].tolist() == rig.weights(eyeBlink_L=1.0, browInnerUp_L=1.0).tolist()
    assert upper.gaze.all()
    assert not upper.shift.any()


def test_every_channel_belongs_to_a_region(rig: Rig) -> None:
    motion = Motion.of(np.ones((1, len(rig.names))))

    assert scaled(motion, rig.names, parse_regions("all")).weights.all()


def test_lips_come_from_another_motion(rig: Rig) -> None:
    joined = with_lips_of(
        _motion(rig, eyeBlink_L=1.0, jawOpen=1.0), _motion(rig, jawOpen=0.3), rig.names
    )

    assert joined.weights[0].tolist() == rig.weights(eyeBlink_L=1.0, jawOpen=0.3).tolist()
    assert joined.pose.all()
