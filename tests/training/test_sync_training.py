"""The sync network learns which sound belongs to which lips, and says so to others."""

from pathlib import Path

import numpy as np
import pytest
import torch
from spoken import TINY_LIPS, corpora, stretch

from speech2face.checkpoints.store import manifest, read_weights
from speech2face.errors import InputError
from speech2face.models.mel import CONTEXT, LogMel, MelConfig
from speech2face.models.sync import SyncConfig, SyncNetwork, agreement
from speech2face.training.loop.loop import run
from speech2face.training.speech.augment import AugmentConfig
from speech2face.training.speech.batches import BatchConfig
from speech2face.training.speech.corpora import read_corpora
from speech2face.training.speech.losses import Losses
from speech2face.training.speech.recipe import Recipe
from speech2face.training.speech.speech2landmarks import SpeechTask
from speech2face.training.speech.sync import (
    LipNoise,
    SyncBatch,
    SyncRecipe,
    SyncTask,
    contrast,
    disturbed,
    load_network,
    scores,
    ship,
    sync_loss,
)
from speech2face.training.systems import RECIPES, read_training

CLEAN = AugmentConfig(
    speed=0.0, noise=0.0, room=0.0, voice=0.0, telephone=0.0, colour=0.0, bands=0.0, face=0.0
)
TINY = SyncRecipe(
    steps=4, rate=3e-3, warmup=0, cooldown=0, every=2, average=0.0, preview_every=4,
    network=SyncConfig(channels=16, blocks=1, size=8, dropout=0.0),
    batch=SyncBatch(size=3, shortest=30, longest=40), augment=CLEAN,
)  # fmt: skip


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpora(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="module")
def network() -> SyncNetwork:
    torch.manual_seed(0)
    return SyncNetwork(TINY.network).eval()


def test_the_shipped_recipe_is_one_of_this_network():
    training = read_training(RECIPES / "sync.toml")

    assert isinstance(training.config, SyncRecipe)
    assert training.config.held_out_speakers == ("grid-s31", "grid-s32")
    assert training.config.split.held_out_every == {"grid-s1": 10}


@pytest.mark.parametrize("sizes", [{"size": 1}, {"shortest": 9, "longest": 8}])
def test_a_batch_without_contrast_or_length_is_refused(sizes: dict[str, int]):
    with pytest.raises(InputError, match="correct the recipe"):
        SyncBatch(**sizes)


def test_a_run_gives_weights_that_load_ship_and_do_not_learn(prepared: Path, tmp_path: Path):
    task = SyncTask.prepared(TINY, prepared)

    written = run(task, TINY, tmp_path / "run", device="cpu")
    network = load_network(ship(written, tmp_path))

    assert manifest(tmp_path)["sync"].file == "sync.safetensors"
    assert read_weights(written)[1]["size"] == 8
    assert network.scale.min() >= 0.005
    assert not any(value.requires_grad for value in network.parameters())
    assert not network.training


def test_training_makes_the_right_moment_win(prepared: Path):
    torch.manual_seed(0)
    task = SyncTask.prepared(TINY, prepared)
    optimizer = torch.optim.AdamW(task.network.parameters(), 3e-3)
    device, first = torch.device("cpu"), None

    for step in range(60):
        losses = task.losses(step, np.random.default_rng(step), device)
        optimizer.zero_grad()
        sum(losses.values(), torch.zeros(())).backward()
        optimizer.step()
        first = first or losses["contrast"].item()

    assert losses["contrast"].item() < 0.6 * first


def test_every_lag_is_scored_with_the_sound_of_that_lag():
    torch.manual_seed(1)
    seen = torch.randn(2, 20, 8)
    heard = torch.randn(2, 26, 8)
    heard[0, 5:25] = seen[0]  # two steps later than the middle, which is 3

    lags, others = scores(heard, seen, torch.ones(2, 26), 3)

    assert lags.shape == (2, 7)
    assert lags[0].argmax() == 5
    assert lags[0, 5] == pytest.approx(1, abs=1e-4)
    torch.testing.assert_close(others.diagonal(), lags[:, 3])
    torch.testing.assert_close(others[0, 1], agreement(heard[1, 3:23], seen[0]))


def test_steps_that_do_not_count_change_neither_score_nor_gradient():
    seen = torch.randn(1, 20, 8, requires_grad=True)
    heard = torch.randn(1, 26, 8)

    lags, _ = scores(heard, seen, torch.zeros(1, 26), 3)
    lags.sum().backward()

    assert not lags.any()
    assert seen.grad is not None
    assert torch.isfinite(seen.grad).all()


def test_contrast_falls_when_the_right_moment_wins_and_asks_for_the_order():
    flat, strange = torch.zeros(2, 25), torch.zeros(2, 2)
    right = flat.clone()
    right[:, 12] = 1
    ordered = right.clone()
    ordered[:, [7, 17]] = 0.5
    weight, factor = torch.ones(2), torch.tensor(10.0)

    losses = [contrast(lags, strange, weight, factor, TINY) for lags in (flat, right, ordered)]

    assert losses[1]["contrast"] < 0.1 * losses[0]["contrast"]
    assert losses[1]["order"] == pytest.approx(TINY.margin)
    assert losses[2]["order"] == 0


def test_noise_on_lips_keeps_their_shape_and_is_drawn_anew():
    lips = torch.zeros(4, 30, 70, 3)
    noise = LipNoise(still=0.1, moving=0.01)

    moved = disturbed(lips, noise, np.random.default_rng(0))

    assert moved.shape == lips.shape
    assert moved.mean(1).std() == pytest.approx(0.1, rel=0.1)
    assert (moved - moved.mean(1, keepdim=True)).std() == pytest.approx(0.01, rel=0.1)
    assert not torch.equal(moved, disturbed(lips, noise, np.random.default_rng(1)))
    steady = LipNoise(still=0.0, moving=0.0, least=1.0, smooth=0.0)
    torch.testing.assert_close(disturbed(lips + 1, steady, np.random.default_rng(0)), lips + 1)


def test_the_loss_moves_lips_and_not_the_network(network: SyncNetwork):
    clip = stretch("a", "grid-s1")
    samples = np.concatenate([np.zeros(CONTEXT, np.float32), clip.samples])
    mel = LogMel(MelConfig())(torch.from_numpy(samples)[None])
    lips = torch.from_numpy(clip.offsets)[None].requires_grad_()

    loss = sync_loss(network.requires_grad_(requires_grad=False), mel, lips, torch.ones(1, 75))
    loss.backward()

    assert loss > 0
    assert lips.grad is not None
    moving = lips.grad.abs().sum((0, 1, 3)) > 0
    assert moving[48:68].all()
    assert not moving[:48].any()
    nothing = sync_loss(network, mel, lips, torch.zeros(1, 75))
    assert torch.isfinite(nothing)


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_speech2landmarks_is_asked_for_sync_where_the_recipe_says_so(prepared: Path, weight: float):
    recipe = Recipe(
        shares={"grid": 1.0}, losses=Losses(sync=weight), heard=4, hearing="random",
        network=TINY_LIPS,
        batch=BatchConfig(size=2, frames=40),
    )  # fmt: skip
    task = SpeechTask(recipe, read_corpora(prepared, recipe), np.load(prepared / "faces.npy"))

    parts = task.losses(0, np.random.default_rng(0), torch.device("cpu"))

    assert set(task.modules()) == {"network"}
    assert ("sync" in parts) == bool(weight)
    if weight:
        parts["sync"].backward()
        slopes = [value.grad for value in task.network.lips[0].movement.parameters()]
        assert all(slope is not None and slope.abs().sum() > 0 for slope in slopes)
