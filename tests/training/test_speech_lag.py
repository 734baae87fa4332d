from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from spoken import stretch

from speech2face.training.speech.data import Stretch, read_stretch, write_stretch
from speech2face.training.speech.lag import at_times, in_time, lag_of, measure_lags, store_lags


def late(one: Stretch, frames: float) -> Stretch:
    """Show the lips `frames` later."""
    return replace(one, offsets=at_times(one.offsets, np.arange(len(one)) - frames))


def clips(count: int) -> list[Stretch]:
    return [stretch(f"c{i:02d}", f"grid-s{i % 3}", seed=i) for i in range(count)]


def bump(middle: float) -> np.ndarray:
    return np.exp(-(((np.arange(60) - middle) / 4) ** 2))


@pytest.mark.parametrize("lag", [-1.0, 0.0, 0.5, 1.2])
def test_a_lag_between_frames_is_found_and_most_of_it_believed(lag: float):
    assert lag_of(bump(30 + lag), bump(30)) == pytest.approx(0.8 * lag, abs=0.05)


def test_what_cannot_be_told_counts_as_in_time():
    rng = np.random.default_rng(0)

    assert lag_of(np.zeros(60), bump(30)) == 0
    assert lag_of(bump(34.5), bump(30)) == 0, "more than two frames is a mistake of the estimate"
    assert lag_of(rng.standard_normal(200), rng.standard_normal(200)) == 0
    assert lag_of(bump(5)[:12], bump(5)[:12]) == 0, "too short"


def test_late_lips_are_moved_to_their_sound():
    one = stretch("one", "grid-s1", seed=3)
    shown = replace(late(one, 1.0), late=1.0)

    moved = in_time(shown)

    np.testing.assert_allclose(moved.offsets[:-1], one.offsets[:-1], atol=1e-6)
    assert moved.late == 0
    assert in_time(one) is one


def test_the_clip_that_is_late_is_told_from_the_others():
    own = clips(12)
    own[5] = late(own[5], 1.0)

    found = measure_lags(own)

    others = np.delete(found, 5)
    assert found[5] - np.median(others) > 0.5
    assert np.abs(others).max() < 0.5


def test_lags_are_stored_beside_movements_that_stay_as_they_were(tmp_path: Path):
    own = clips(9)
    own[2] = late(own[2], 1.0)
    for one in own:
        write_stretch(tmp_path, one)

    count = store_lags(tmp_path)

    again = [read_stretch(path) for path in sorted(tmp_path.glob("*.npz"))]
    assert count == sum(one.late != 0 for one in again)
    assert again[2].late > 0.4
    np.testing.assert_allclose(again[2].offsets, own[2].offsets, atol=1e-3)
