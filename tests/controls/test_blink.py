import warnings

import numpy as np
import pytest
from babble import babble, silence
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2face.controls.blink import blink_times, blink_track
from speech2face.controls.prosody import analyse
from speech2face.controls.words import Blinks
from speech2face.errors import Speech2FaceWarning

QUIET = analyse(silence(1.0))
TALK = analyse(babble(120.0))


def track(blinks: Blinks, frames: int, seed: int = 0, fps: float = 25.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    times = blink_times(blinks, TALK, frames / fps, rng)
    return blink_track(times, np.arange(frames) / fps, rng)[:, 0]


def starts_of_blinks(lids: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.diff(lids > 0.5, prepend=False) & (lids > 0.5))


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 100_000), quiet=st.booleans())
def test_natural_blinks_come_12_to_33_times_in_any_minute_and_never_6_s_apart(
    seed: int, *, quiet: bool
) -> None:
    times = blink_times("natural", QUIET if quiet else TALK, 600.0, np.random.default_rng(seed))

    begins = np.arange(0.0, 540.0, 0.5)
    counts = np.searchsorted(times, begins + 60) - np.searchsorted(times, begins)
    assert counts.min() >= 12
    assert counts.max() <= 33
    gaps = np.diff(np.concatenate([[0.0], times, [600.0]]))
    assert gaps.max() < 6.0
    assert np.diff(times).min() > 0.8


def test_the_mean_interval_is_that_of_people_in_talk() -> None:
    times = blink_times("natural", QUIET, 3600.0, np.random.default_rng(0))

    assert 2.3 < np.diff(times).mean() < 2.9
    assert np.diff(times).std() > 0.8


def test_pauses_attract_blinks() -> None:
    ends = TALK.phrases[:, 1]
    times = np.concatenate(
        [blink_times("natural", TALK, 120.0, np.random.default_rng(seed)) for seed in range(8)]
    )

    after_an_end = times[:, None] - ends[None]
    share = ((after_an_end > 0) & (after_an_end < 0.3)).any(1).mean()

    assert share > 3 * 0.3 / 2.6  # three times what chance gives


@settings(deadline=None, max_examples=80)
@given(seed=st.integers(0, 100_000), frames=st.integers(30, 400))
def test_clips_start_and_end_with_open_eyes_and_blink_at_least_once(seed: int, frames: int) -> None:
    lids = track("natural", frames, seed)

    assert lids[0] == 0.0
    assert lids[-1] == 0.0
    assert lids.max() == 1.0


@pytest.mark.parametrize("seed", range(20))
def test_a_clip_of_three_seconds_blinks_once(seed: int) -> None:
    assert len(starts_of_blinks(track("natural", 75, seed))) == 1


@pytest.mark.parametrize("frames", [1, 2, 5, 12, 24])
def test_a_clip_of_less_than_a_second_does_not_blink(frames: int) -> None:
    assert (track("natural", frames) == 0).all()


@settings(deadline=None)
@given(time=st.floats(0.0, 9.7), fps=st.sampled_from([25.0, 24000 / 1001, 30.0, 50.0, 60.0]))
def test_an_asked_time_is_met_within_a_frame(time: float, fps: float) -> None:
    lids = track((time,), round(10 * fps), fps=fps)
    shut = np.flatnonzero(lids > 0.95) / fps

    assert lids.max() >= 0.99
    assert abs(np.argmax(lids) / fps - time) <= 1 / fps + 1e-6
    assert np.abs(shut - time).max() <= 0.08
    assert lids[-1] == 0.0


def test_lids_close_faster_than_they_open_within_natural_durations() -> None:
    fps = 1000.0
    lids = track((1.0,), 2000, fps=fps)
    moving = np.flatnonzero(lids > 0.001)
    closed = np.flatnonzero(lids > 0.999)

    assert 0.07 <= (closed[0] - moving[0]) / fps <= 0.1
    assert 0.14 <= (moving[-1] - closed[-1]) / fps <= 0.2
    assert 0.1 <= (moving[-1] - moving[0]) / fps <= 0.4


@pytest.mark.parametrize("fps", [24000 / 1001, 30.0, 50.0, 60.0])
def test_a_blink_survives_being_resampled_to_another_rate(fps: float) -> None:
    motion = track((0.53, 1.71, 3.02), 100)
    seen = np.interp(np.arange(round(4 * fps)) / fps, np.arange(100) / 25, motion)

    assert len(starts_of_blinks(seen)) == 3
    for start in starts_of_blinks(seen):
        assert seen[start : start + round(0.2 * fps)].max() > 0.97


def test_off_never_blinks() -> None:
    assert (track("off", 3000) == 0).all()


@settings(deadline=None, max_examples=40)
@given(rate=st.floats(2.0, 60.0), seed=st.integers(0, 1000))
def test_a_rate_is_kept(rate: float, seed: int) -> None:
    times = blink_times(rate, QUIET, 120.0, np.random.default_rng(seed))

    assert abs(len(times) - 2 * rate) <= 2
    assert np.diff(times, prepend=-1).min() > 0.3


def test_a_rate_varies_from_blink_to_blink() -> None:
    assert np.diff(blink_times(20.0, QUIET, 60.0, np.random.default_rng(0))).std() > 0.3


def test_an_asked_time_beyond_the_end_is_left_out_with_a_warning() -> None:
    with pytest.warns(Speech2FaceWarning, match=r"2\.95, 7 s are left out.*3\.00 s.*up to 2\.80"):
        lids = track((0.5, 2.95, 7.0), 75)

    assert len(starts_of_blinks(lids)) == 1
    assert lids[-1] == 0.0


def test_a_preview_shorter_than_the_plan_leaves_later_blinks_out_silently() -> None:
    rng = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        times = blink_times((0.5, 0.95, 2.0), QUIET, 3.0, rng)
        lids = blink_track(times, np.arange(25) / 25, rng)

    assert len(starts_of_blinks(lids[:, 0])) == 1
    assert lids[-1, 0] == 0


def test_both_eyes_blink_alike() -> None:
    rng = np.random.default_rng(0)
    lids = blink_track(np.array([1.0]), np.arange(75) / 25, rng)

    np.testing.assert_array_equal(lids[:, 0], lids[:, 1])
