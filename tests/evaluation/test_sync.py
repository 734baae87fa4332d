import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech2face.evaluation.video.sync import bootstrap_mean, delayed, match, pearson


def speech(seed: int, frames: int = 75):
    noise = np.random.default_rng(seed).normal(size=frames + 6)
    return np.convolve(noise, np.ones(3) / 3, "same")[3:-3]


@given(lag=st.integers(-1, 1), scale=st.floats(0.2, 3))
def test_a_delayed_copy_matches_fully_at_its_own_lag(lag: int, scale: float):
    real = speech(0)
    output = scale * np.roll(real, lag)

    found = match(output, real)

    assert found.lag == found.wide_lag == lag
    assert found.r > 0.999
    assert found.amplitude == pytest.approx(scale)


def test_a_shift_of_five_frames_loses_and_is_read_back():
    real = speech(0)

    found = match(delayed(real, 5), real)

    assert found.r < 0.5
    assert found.wide_lag == 5


def test_another_sentence_loses():
    assert match(speech(1), speech(0)).r < 0.4


def test_a_still_mouth_correlates_with_nothing():
    found = match(np.full(75, 0.01), speech(0))

    assert (found.r, found.lag, found.amplitude) == (0, 0, 0)


def test_a_still_recording_gives_no_amplitude():
    assert match(speech(0), np.zeros(75)).amplitude == 0


def test_clips_of_different_length_are_compared_where_both_exist():
    real = speech(0)

    assert match(real[:70], real).r == pytest.approx(1)
    assert match(real, real[:70]).r == pytest.approx(1)


def test_pearson_knows_the_sign():
    assert pearson(speech(0), -speech(0)) == pytest.approx(-1)


def test_a_delay_holds_the_first_value():
    assert delayed(np.array([1.0, 2, 3, 4]), 2).tolist() == [1, 1, 1, 2]
    assert delayed(np.array([1.0, 2, 3, 4]), -1).tolist() == [2, 3, 4, 4]


def test_the_interval_holds_the_mean_and_shrinks_with_more_clips():
    few = bootstrap_mean(np.random.default_rng(0).normal(0.8, 0.1, 10).tolist())
    many = bootstrap_mean(np.random.default_rng(0).normal(0.8, 0.1, 1000).tolist())

    assert few.low < few.mean < few.high
    assert many.high - many.low < 0.3 * (few.high - few.low)
