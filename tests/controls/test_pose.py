import numpy as np
import pytest
from babble import babble, silence
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2face.controls.pose import POSE_LIMITS, natural_brow, natural_pose
from speech2face.controls.prosody import Prosody, analyse

TALK = analyse(babble(60.0))
QUIET = analyse(silence(60.0))
SECONDS = np.arange(1500) / 25


def pose_of(prosody: Prosody, seed: int = 0) -> np.ndarray:
    return natural_pose(prosody, SECONDS, np.random.default_rng(seed))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_a_talking_head_moves_a_few_degrees_smoothly_and_comes_back(seed: int) -> None:
    pose = pose_of(TALK, seed)

    assert (np.abs(pose).max(0) <= POSE_LIMITS).all()
    assert (np.ptp(pose, axis=0) > 2.0).all()
    assert np.ptp(pose[:, 0]) < 9.0
    assert (np.abs(pose.mean(0)) < 1.0).all()
    assert np.abs(np.diff(pose, n=2, axis=0)).max() < 0.7  # degrees a frame and frame
    np.testing.assert_allclose(pose[0], 0, atol=1e-12)


def test_a_listening_head_moves_less_but_lives() -> None:
    talking, listening = (
        np.mean([np.abs(np.diff(pose_of(prosody, seed), axis=0)).mean() for seed in range(5)])
        for prosody in (TALK, QUIET)
    )

    assert 0.05 * talking < listening < 0.6 * talking
    assert np.ptp(pose_of(QUIET), axis=0).min() > 0.5


def test_the_head_nods_on_stresses() -> None:
    pitches = [pose_of(TALK, seed)[:, 1] for seed in range(10)]
    frames = (TALK.accents[:, 0] * 25).astype(int)
    frames = frames[(frames > 30) & (frames < 1480)]

    down = np.mean([pitch[frames + 1] - (pitch[frames - 6] + pitch[frames + 12]) / 2
                    for pitch in pitches])  # fmt: skip

    assert down < -0.2


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_clips_have_a_pose(frames: int) -> None:
    pose = natural_pose(TALK, SECONDS[:frames], np.random.default_rng(0))

    assert pose.shape == (frames, 3)
    assert np.abs(pose).max() < 0.1


def test_brows_rise_on_strong_stresses_only() -> None:
    brow = natural_brow(TALK, SECONDS, np.random.default_rng(0))
    strong = TALK.accents[TALK.accents[:, 1] > 0.6, 0]
    near = (np.abs(SECONDS[:, None] - strong[None]) < 0.3).any(1)

    assert brow.min() >= 0
    assert brow.max() <= 1
    assert brow.max() > 0.3
    assert brow[near].mean() > 1.5 * brow[~near].mean()
    assert np.median(brow) < 0.2


def test_brows_rest_in_silence() -> None:
    assert (natural_brow(QUIET, SECONDS, np.random.default_rng(0)) == 0).all()
