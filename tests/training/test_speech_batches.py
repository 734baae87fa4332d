import numpy as np
import pytest
from spoken import rest_face, stretch

from speech2face.models.mel import CONTEXT, MelConfig
from speech2face.training.speech.augment import AugmentConfig
from speech2face.training.speech.batches import BatchConfig, Sampler
from speech2face.training.speech.data import STEP


def sampler(**changes) -> Sampler:
    corpora = {
        "grid": [stretch(f"a{i}", f"grid-s{i % 2}", seed=i) for i in range(6)],
        "other": [stretch("o", "other", 100, seed=9)],
    }
    shares = changes.pop("shares", {"grid": 0.8, "other": 0.2})
    settings = {
        "mel": MelConfig(), "batch": BatchConfig(size=4, frames=100), "augment": AugmentConfig(),
        "delay": 4,
    } | changes  # fmt: skip
    return Sampler(corpora, shares, rest_face()[None], **settings)


def test_sound_runs_on_for_the_delay():
    batch = sampler().draw(np.random.default_rng(0))

    assert batch.offsets.shape == (4, 100, 70, 3)
    assert batch.samples.shape == (4, CONTEXT + 104 * STEP)
    assert batch.speech.shape == batch.phones.shape == batch.weight.shape == (4, 100)


def test_the_seed_decides_everything():
    one, other = (sampler().draw(np.random.default_rng(5)) for _ in range(2))
    third = sampler().draw(np.random.default_rng(6))

    assert all((a == b).all() for a, b in zip(one, other, strict=True))
    assert (one.samples != third.samples).any()


def test_speed_moves_the_lips_with_the_sound():
    quiet = dict.fromkeys(("noise", "room", "voice", "telephone", "colour", "bands", "face"), 0.0)
    for slowest, fastest in ((1.2, 1.2), (0.85, 0.85)):
        augment = AugmentConfig(**quiet, speed=1.0, slowest=slowest, fastest=fastest)
        batch = sampler(
            augment=augment, batch=BatchConfig(size=6, frames=60, nothing=0.0, pause=0.0)
        ).draw(np.random.default_rng(0))

        sound = batch.samples[:, CONTEXT:].reshape(6, -1, STEP)[:, :60].square().mean(-1).sqrt()
        lips = batch.offsets[:, :, 66, 1]
        for heard, seen in zip(sound, lips, strict=True):
            assert np.corrcoef(heard, seen)[0, 1] > 0.9


def test_joints_between_clips_count_for_nothing():
    batch = sampler(batch=BatchConfig(size=8, frames=150, nothing=0.0)).draw(
        np.random.default_rng(0)
    )

    ignored = (batch.weight == 0).sum(1)
    assert ((ignored >= 8) & (ignored < 60)).all()


def test_examples_of_nothing_rest():
    batch = sampler(batch=BatchConfig(size=4, frames=50, nothing=1.0)).draw(
        np.random.default_rng(0)
    )

    assert not batch.offsets.any()
    assert not batch.speech.any()


def test_a_corpus_without_a_share_is_not_drawn_and_trust_weighs():
    most = {
        name: sampler(
            shares={name: 1.0}, trust={"other": 0.5}, batch=BatchConfig(size=12, frames=50)
        ).draw(np.random.default_rng(0)).weight.max()
        for name in ("other", "grid")
    }  # fmt: skip

    assert most == {"other": pytest.approx(0.5), "grid": 1}
