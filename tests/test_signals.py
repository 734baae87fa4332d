import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2face.signals import STREAMS, bump, bumps, smoothstep, stream, wander

SECONDS = np.arange(500) / 25


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), waves=st.integers(1, 5))
def test_wandering_stays_inside_its_bounds_and_is_smooth(seed: int, waves: int) -> None:
    path = wander(SECONDS, np.random.default_rng(seed), shortest=2.0, longest=9.0, waves=waves)

    assert np.abs(path).max() <= 1.0
    assert np.abs(np.diff(path)).max() * 25 <= 2 * np.pi / 2.0 + 1e-9


def test_wandering_starts_alike_however_long_the_clip_is() -> None:
    short, long = (
        wander(SECONDS[:count], np.random.default_rng(3), shortest=1.0, longest=5.0)
        for count in (50, 500)
    )

    np.testing.assert_array_equal(short, long[:50])


def test_a_bump_is_one_while_it_holds_and_zero_outside() -> None:
    offset = np.array([-0.3, -0.2, -0.1, 0.0, 0.05, 0.25, 0.46, 1.0])

    shape = bump(offset, rise=0.2, fall=0.4, hold=0.05)

    np.testing.assert_allclose(shape, [0, 0, 0.5, 1, 1, 0.5, 0, 0], atol=2e-3)


def test_bumps_that_overlap_add_up() -> None:
    both = bumps(SECONDS, np.array([2.0, 2.1]), np.array([1.0, 0.5]), rise=0.3, fall=0.3)
    each = [
        bumps(SECONDS, np.array([time]), np.array([height]), rise=0.3, fall=0.3)
        for time, height in ((2.0, 1.0), (2.1, 0.5))
    ]

    np.testing.assert_allclose(both, each[0] + each[1], atol=1e-12)


def test_a_smooth_step_holds_beyond_its_ends() -> None:
    np.testing.assert_allclose(smoothstep(np.array([-1.0, 0.0, 0.5, 1.0, 2.0])), [0, 0, 0.5, 1, 1])


def test_each_control_draws_from_a_stream_of_its_own() -> None:
    first = {stream(5, name).uniform() for name in STREAMS} | {stream(6, "pose").uniform()}

    assert len(first) == len(STREAMS) + 1
