"""Emotion changes how lips move, and never opens what speech has closed."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2face import landmarks
from speech2face.face.likeness import Likeness
from speech2face.face.rig import Rig
from speech2face.face.view import View
from speech2face.motion.lip_dynamics import (
    MANNERS,
    closedness,
    felt_movement,
    pressed_lips,
    stillness,
)
from speech2face.motion.solve import Solve
from speech2face.types import EMOTIONS, ControlTrack, Face, LandmarkTrack

FPS = Fraction(25)
FRAMES = 60
CLOSURES = [0, 1, 12, 25, 26, 27, 40, 52, 58, 59]
"""Frames of p, b and m, of one frame and of several."""


@pytest.fixture(scope="module")
def portrait(rig: Rig) -> View:
    mesh = rig.neutral * 40 + np.array([64, 53, 0])
    image = np.zeros((128, 128, 3), np.uint8)
    return View(
        image=image,
        face=Face(mesh=mesh.astype(np.float32), box=np.array([0, 0, 9, 9], np.float32), score=1.0),
        crop=image,
        to_crop=np.array([[1, 0, 0], [0, 1, 0]], np.float32),
    )


@pytest.fixture(scope="module")
def spoken(rig: Rig) -> np.ndarray:
    """Return syllables: the jaw opens between closures, now wide, now round."""
    closed = np.isin(np.arange(FRAMES), CLOSURES)
    away = np.min(np.abs(np.arange(FRAMES)[:, None] - np.array(CLOSURES)), 1)
    jaw = np.where(closed, 0, np.minimum(away, 3) * 0.1)
    # Closed lips of speech are no lips at rest: what is said around them shapes them.
    pucker = np.where(closed, 0.15, np.where(np.arange(FRAMES) > 27, 0.4, 0.0))
    weights = jaw[:, None] * rig.weights(jawOpen=1.0) + pucker[:, None] * rig.weights(
        mouthPucker=1.0
    )
    moved = landmarks.from_mesh(rig.offsets(weights.astype(np.float32)))
    return (moved / landmarks.eye_distance(landmarks.from_mesh(rig.neutral))).astype(np.float32)


def feeling(frames: int = FRAMES, **mix: float) -> np.ndarray:
    row = np.array([mix.get(label, 0.0) for label in EMOTIONS], np.float32)
    return np.tile(row, (frames, 1))


def gap(offsets: np.ndarray) -> np.ndarray:
    upper, lower = np.array(landmarks.INNER_LIP_GAPS).T
    return (offsets[..., lower, 1] - offsets[..., upper, 1]).mean(-1)


def test_every_label_has_a_manner():
    assert tuple(MANNERS) == EMOTIONS


def test_feeling_nothing_changes_nothing(spoken: np.ndarray):
    assert felt_movement(spoken, feeling(), FPS) is spoken


@pytest.mark.parametrize(
    ("label", "larger", "faster"),
    [("angry", True, True), ("surprised", True, True), ("sad", False, False),
     ("contempt", False, False)],
)  # fmt: skip
def test_lips_move_as_far_and_as_fast_as_the_emotion_has_it(
    spoken: np.ndarray, label: str, larger: bool, faster: bool
):
    felt = gap(felt_movement(spoken, feeling(**{label: 1.0}), FPS))

    assert (felt.std() > 1.05 * gap(spoken).std()) == larger
    assert (np.abs(np.diff(felt)).max() > 1.05 * np.abs(np.diff(gap(spoken))).max()) == faster


def test_intensity_makes_the_effect_stronger(spoken: np.ndarray):
    spreads = [
        gap(felt_movement(spoken, feeling(sad=strength), FPS)).std()
        for strength in (0.25, 0.5, 1.0, 1.5)
    ]

    assert spreads == sorted(spreads, reverse=True)


def test_joy_spreads_rounded_lips_and_leaves_spread_ones(spoken: np.ndarray):
    felt = felt_movement(spoken, feeling(happy=1.0), FPS)

    def narrowing(offsets: np.ndarray) -> np.ndarray:
        return offsets[:, 48, 0] - offsets[:, 54, 0]

    rounded = narrowing(spoken) > 0.02
    assert rounded.any()
    assert (narrowing(felt)[rounded] < 0.9 * narrowing(spoken)[rounded]).all()
    wide = spoken * np.array([-1, 1, 1], np.float32)
    np.testing.assert_allclose(
        narrowing(felt_movement(wide, feeling(happy=1.0), FPS)), narrowing(wide), atol=1e-6
    )


@settings(max_examples=40)
@given(weights=st.lists(st.floats(0, 1.5), min_size=8, max_size=8))
def test_no_mixture_opens_closed_lips_or_pushes_them_through_each_other(
    spoken: np.ndarray, weights: list[float]
):
    felt = felt_movement(spoken, np.tile(np.array(weights, np.float32), (FRAMES, 1)), FPS)

    closed = closedness(spoken) == 1
    assert closed[CLOSURES].all()
    assert (gap(felt)[closed] <= gap(spoken)[closed] + 1e-4).all()
    assert (gap(felt) >= np.minimum(gap(spoken), 0) - 1e-4).all()


def mixtures() -> list[dict[str, float]]:
    pairs = [
        {one: 0.5, other: 0.5} for i, one in enumerate(EMOTIONS[1:]) for other in EMOTIONS[i + 2 :]
    ]
    return [{label: 1.0} for label in EMOTIONS[1:]] + pairs


def test_the_rig_closes_the_lips_for_every_emotion_and_every_pair(
    portrait: View, rig: Rig, spoken: np.ndarray
):
    rest = Likeness(portrait.mesh).rest
    track = LandmarkTrack(points=(rest + spoken).astype(np.float32), fps=FPS)
    solve, calm = Solve(portrait), ControlTrack.neutral(FRAMES, FPS)
    shut = Likeness(portrait.mesh).closed

    for mix in mixtures():
        weights = solve(track, replace(calm, emotion=feeling(**mix))).weights
        drawn = landmarks.from_mesh(shut + rig.offsets(weights)) / Likeness(portrait.mesh).unit
        opening = gap(drawn)
        assert opening[CLOSURES].max() < 0.012, mix
        assert opening.max() > 0.06, mix


def test_lips_that_say_nothing_may_part_as_they_feel(portrait: View, spoken: np.ndarray):
    rest = Likeness(portrait.mesh).rest
    silent = LandmarkTrack(points=np.tile(rest, (FRAMES, 1, 1)).astype(np.float32), fps=FPS)
    solve, calm = Solve(portrait), ControlTrack.neutral(FRAMES, FPS)
    surprised = replace(calm, emotion=feeling(surprised=1.0))

    jaw = solve(silent, surprised).weights[:, solve.rig.index("jawOpen")]

    assert stillness(np.zeros((2, 70, 3))).tolist() == [1, 1]
    assert stillness(spoken).max() < 0.2
    assert jaw.min() > 0.2


def test_a_changing_emotion_changes_the_movement_without_a_jump(spoken: np.ndarray):
    rising = feeling(sad=1.0) * np.linspace(0, 1, FRAMES)[:, None].astype(np.float32)

    felt = felt_movement(spoken, rising, FPS)
    step = 1e-3
    nudged = felt_movement(spoken, rising + step, FPS)

    assert np.abs(nudged - felt).max() < 20 * step * np.abs(spoken).max()
    np.testing.assert_allclose(felt[0], spoken[0], atol=1e-6)


def test_anger_presses_closed_lips_and_no_others(rig: Rig, spoken: np.ndarray):
    pressed = pressed_lips(rig, spoken, feeling(angry=1.0))[:, rig.index("mouthPress_L")]

    np.testing.assert_allclose(pressed[CLOSURES], MANNERS["angry"].press, atol=1e-6)
    assert pressed[gap(spoken) > 0.05].max() == 0
    assert not pressed_lips(rig, spoken, feeling(happy=1.0)).any()
