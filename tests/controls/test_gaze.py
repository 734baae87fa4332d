import numpy as np
from babble import babble
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2face.controls.gaze import eyes_in_head, natural_gaze
from speech2face.controls.prosody import analyse

TALK = analyse(babble(60.0))
SECONDS = np.arange(1500) / 25


def test_eyes_held_on_a_point_tremble_by_less_than_half_a_degree() -> None:
    still = np.zeros((1500, 3))

    eyes = eyes_in_head(np.zeros((1500, 2)), still, SECONDS, np.random.default_rng(0))

    size = np.linalg.norm(eyes, axis=1)
    assert size.max() <= 0.5
    assert eyes.std(0).min() > 0.03


def test_eyes_turn_against_the_head_so_that_the_sight_stays() -> None:
    pose = np.stack([5 * np.sin(SECONDS), 3 * np.cos(SECONDS), np.ones(1500)], 1)

    eyes = eyes_in_head(np.zeros((1500, 2)), pose, SECONDS, np.random.default_rng(0))

    assert np.abs(eyes + pose[:, :2]).max() <= 0.5


def test_eyes_never_turn_beyond_their_limits() -> None:
    pose = np.full((1500, 3), -40.0)

    eyes = eyes_in_head(np.full((1500, 2), 20.0), pose, SECONDS, np.random.default_rng(0))

    np.testing.assert_array_equal(eyes.max(0), [25, 15])


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_natural_gaze_is_mostly_at_the_camera_and_jumps_a_few_degrees(seed: int) -> None:
    sight = natural_gaze(TALK, SECONDS, np.random.default_rng(seed))
    size = np.linalg.norm(sight, axis=1)
    speed = np.linalg.norm(np.diff(sight, axis=0), axis=1)

    assert (size < 2.0).mean() > 0.7
    assert 2.5 < size.max() < 8.0
    assert (speed < 1e-9).mean() > 0.6  # eyes rest, they do not glide
    np.testing.assert_array_equal(sight[0], 0)


def test_looks_away_are_more_likely_where_phrases_begin() -> None:
    starts = TALK.phrases[:, 0]
    begin = []
    for seed in range(20):
        size = np.linalg.norm(natural_gaze(TALK, SECONDS, np.random.default_rng(seed)), axis=1)
        begin.append(SECONDS[1:][(size[1:] > 2.2) & (size[:-1] <= 2.2)])
    near = (np.abs(np.concatenate(begin)[:, None] - starts[None]) < 0.55).any(1).mean()

    assert near > 1.3 * 1.1 / 2.6  # a third above chance
