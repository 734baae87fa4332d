import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from spoken import corpora, rest_face, stretch

from speech2face.checkpoints.store import manifest, read_weights
from speech2face.errors import InputError
from speech2face.models.speech2landmarks import Answer, Speech2LandmarksConfig
from speech2face.stages.speech2landmarks import Speech2Landmarks
from speech2face.training.speech2landmarks import (
    Recipe,
    Trainer,
    read_corpora,
    read_recipe,
    ship,
    split,
    train,
)
from speech2face.training.speech_augment import AugmentConfig
from speech2face.training.speech_batches import BatchConfig
from speech2face.training.speech_losses import Losses, losses
from speech2face.types import Speech

RECIPES = Path(__file__).parents[1] / "speech2face" / "training" / "recipes"
TINY = Recipe(
    steps=6, warmup=2, cooldown=2, shares={"grid": 0.8, "other": 0.2}, joins={"other": 3}, trust={},
    network=Speech2LandmarksConfig(channels=8, hidden=12, condition=4),
    batch=BatchConfig(size=2, frames=40),
)  # fmt: skip


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpora(tmp_path_factory.mktemp("prepared"))


def trainer(prepared: Path, recipe: Recipe = TINY) -> Trainer:
    return Trainer(recipe, read_corpora(prepared, recipe), np.load(prepared / "faces.npy"))


def test_held_out_people_and_clips_are_not_learnt_from(prepared: Path):
    learnt = read_corpora(prepared, TINY)["grid"]

    assert "grid-s31" not in {one.speaker for one in learnt}
    assert len(learnt) == 15, "24 less 8 of s31 less the first of the 8 of s1"


def test_what_is_held_out_is_every_nth_from_the_first():
    clips = [stretch(f"s1_{i:02d}", "grid-s1") for i in range(21)]

    learnt, held = split(Recipe(), clips)

    assert [one.name for one in held] == ["s1_00", "s1_10", "s1_20"]
    assert len(learnt) == 18


def test_a_resumed_run_equals_an_uninterrupted_one(prepared: Path, tmp_path: Path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(TINY, prepared, whole, every=2)
    half = trainer(prepared)
    for _ in range(4):
        half.train_step()
    broken.mkdir()
    half.save(broken / "checkpoint.pt")

    train(TINY, prepared, broken, every=2)

    one, _ = read_weights(whole / "speech2landmarks.safetensors")
    other, _ = read_weights(broken / "speech2landmarks.safetensors")
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, atol=1e-6, rtol=1e-5)
    steps = [json.loads(line)["step"] for line in (whole / "log.jsonl").read_text().splitlines()]
    assert steps == [2, 4, 6]


def test_one_batch_is_learnt_by_heart(prepared: Path):
    calm = AugmentConfig(
        speed=0.0, noise=0.0, room=0.0, voice=0.0, telephone=0.0, colour=0.0, bands=0.0, face=0.0
    )
    recipe = replace(
        TINY, steps=10_000, rate=1e-2, augment=calm,
        network=Speech2LandmarksConfig(channels=24, hidden=32, condition=4, dropout=0.0),
    )  # fmt: skip
    run = trainer(prepared, recipe)
    batch = run.sampler.draw(np.random.default_rng(0))
    optimizer = torch.optim.Adam(run.network.parameters(), 5e-3)

    found = []
    for _ in range(60):
        parts = losses(run.answer(batch), batch, run.network.offset_scale, recipe.losses)
        total = sum(parts.values(), torch.zeros(()))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        found.append(parts["position"].item())

    assert found[-1] < 0.25 * found[0]


def test_the_truth_has_no_loss_but_those_of_naming(prepared: Path):
    run = trainer(prepared)
    batch = run.sampler.draw(np.random.default_rng(0))
    empty = run.answer(batch)

    parts = losses(
        Answer(batch.offsets, empty.speech, empty.phones), batch, run.network.offset_scale, Losses()
    )

    assert {name for name, part in parts.items() if part > 1e-6} <= {"speech", "phones"}


def test_lips_apart_where_they_should_meet_cost(prepared: Path):
    run = trainer(prepared)
    batch = run.sampler.draw(np.random.default_rng(0))
    answer = run.answer(batch)
    apart = batch.offsets.clone()
    apart[:, :, 65:68, 1] += 0.05

    parts = losses(answer._replace(offsets=apart), batch, run.network.offset_scale, Losses())

    assert parts["closure"] > 0.3


def test_trained_weights_ship_and_run(prepared: Path, tmp_path: Path):
    weights = train(replace(TINY, steps=1), prepared, tmp_path / "run", every=1)
    pretrained = tmp_path / "pretrained"
    pretrained.mkdir()

    file = ship(weights, pretrained)

    row = manifest(pretrained)["speech2landmarks"]
    assert row.bytes == file.stat().st_size
    points = Speech2Landmarks.from_file(file)(
        Speech(samples=np.zeros(6400, np.float32)), rest_face()
    ).points
    assert points.shape == (10, 70, 3)


def test_the_shipped_recipe_is_read():
    recipe = read_recipe(RECIPES / "speech2landmarks.toml")

    assert recipe.held_out_speakers == ("grid-s31", "grid-s32")
    assert recipe.network == Speech2LandmarksConfig()


@pytest.mark.parametrize("text", ["steps = ", "colour = 1", "[network]\nwheels = 4"])
def test_a_recipe_with_unknown_words_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "recipe.toml"
    path.write_text(text)

    with pytest.raises(InputError, match="not a recipe"):
        read_recipe(path)


def test_a_corpus_that_is_not_prepared_is_named(prepared: Path):
    with pytest.raises(InputError, match="synthetic"):
        read_corpora(prepared, Recipe(shares={"synthetic": 1.0}))
