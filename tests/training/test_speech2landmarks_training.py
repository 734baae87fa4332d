from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from spoken import TINY_LIPS, corpora, rest_face, stretch

from speech2face.checkpoints.store import manifest, read_weights
from speech2face.errors import InputError
from speech2face.models.speech2landmarks import Answer, Speech2LandmarksConfig
from speech2face.stages.speech2landmarks import Speech2Landmarks
from speech2face.training.loop.log import read_log
from speech2face.training.loop.loop import run
from speech2face.training.speech.augment import AugmentConfig
from speech2face.training.speech.batches import BatchConfig
from speech2face.training.speech.heard import Heard
from speech2face.training.speech.losses import Losses, losses
from speech2face.training.speech.speech2landmarks import (
    Recipe,
    SpeechTask,
    open_task,
    read_corpora,
    read_recipe,
    ship,
    split,
)
from speech2face.types import Speech

RECIPES = Path(__file__).parents[2] / "speech2face" / "training" / "recipes"
TINY = Recipe(
    steps=4, warmup=2, cooldown=2, shares={"grid": 0.8, "other": 0.2}, trust={}, heard=8,
    hearing="random", network=TINY_LIPS, batch=BatchConfig(size=2, frames=40), every=2,
    preview_every=4,
)  # fmt: skip

ODD = replace(TINY_LIPS, channels=10, hidden=14)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpora(tmp_path_factory.mktemp("prepared"))


def train(recipe: Recipe, prepared: Path, out: Path, minutes: float | None = None) -> Path:
    return run(open_task(recipe, prepared), recipe, out, device="cpu", minutes=minutes)


def drawn(task: SpeechTask) -> Heard:
    task.prepare()
    return task.pool.draw(np.random.default_rng(0), 2)


def test_held_out_people_and_clips_are_not_learnt_from(prepared: Path):
    learnt = read_corpora(prepared, TINY)["grid"]

    assert "grid-s31" not in {one.speaker for one in learnt}
    assert len(learnt) == 15, "24 less 8 of s31 less the first of the 8 of s1"


def test_what_is_held_out_is_every_nth_from_the_first():
    clips = [stretch(f"s1_{i:02d}", "grid-s1") for i in range(21)]

    learnt, held = split(Recipe(), clips)

    assert [one.name for one in held] == ["s1_00", "s1_10", "s1_20"]
    assert len(learnt) == 18


def test_a_resumed_run_gives_the_bytes_of_an_uninterrupted_one(prepared: Path, tmp_path: Path):
    weights = train(TINY, prepared, tmp_path / "whole")

    for _ in range(TINY.steps):
        train(TINY, prepared, tmp_path / "pieces", minutes=0.0)

    resumed = tmp_path / "pieces" / weights.name
    assert resumed.read_bytes() == weights.read_bytes()
    rows = read_log(tmp_path / "pieces" / "log.jsonl")
    assert [row["step"] for row in rows] == [2, 4]
    assert {"position", "closure", "held out/r", "held out/error"} <= rows[-1].keys()
    assert list((tmp_path / "pieces" / "previews").rglob("opening.png"))


def test_one_batch_is_learnt_by_heart(prepared: Path, tmp_path: Path):
    calm = AugmentConfig(
        speed=0.0, noise=0.0, room=0.0, voice=0.0, telephone=0.0, colour=0.0, bands=0.0, face=0.0
    )
    recipe = replace(
        TINY, steps=60, rate=5e-3, decay=0.0, cooldown=0, augment=calm, every=20, noise=0.0,
        network=replace(TINY_LIPS, channels=24, hidden=32, dropout=0.0),
    )  # fmt: skip
    task = open_task(recipe, prepared)
    task.prepare()
    batch = task.pool.draw(np.random.default_rng(0), 2)
    task.pool.draw = lambda rng, count: batch  # noqa: ARG005

    run(task, recipe, tmp_path, device="cpu")

    rows = read_log(tmp_path / "log.jsonl")
    assert rows[-1]["position"] < 0.4 * rows[0]["position"], "means of 20 steps each"


def test_a_pool_is_heard_once_and_read_afterwards(prepared: Path, tmp_path: Path):
    (tmp_path / "grid").symlink_to(prepared / "grid")
    recipe = replace(TINY, shares={"grid": 1.0})
    first, second = open_task(recipe, tmp_path), open_task(recipe, tmp_path)
    one = drawn(first)
    second.sampler.draw = lambda rng, count: pytest.fail("nothing is left to hear")  # noqa: ARG005

    other = drawn(second)

    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert len(list((tmp_path / "heard").iterdir())) == 1
    third = open_task(replace(recipe, seed=5), tmp_path)
    third.prepare()
    assert len(list((tmp_path / "heard").iterdir())) == 2, "another recipe, another pool"


def test_training_may_begin_with_weights_and_freeze_parts_of_them(prepared: Path, tmp_path: Path):
    weights = train(TINY, prepared, tmp_path / "first")
    recipe = replace(TINY, start=str(weights), frozen=("features", "recurrent"), network=ODD)

    again = train(recipe, prepared, tmp_path / "second")

    (one, sizes), (other, same) = read_weights(weights), read_weights(again)
    assert same == sizes, "the sizes are those of the weights"
    moved = {name for name in one if not torch.equal(one[name], other[name])}
    parts = {name.split(".")[2] for name in moved if name.startswith("lips.")}
    assert all(name.startswith("lips.") for name in moved), "nothing else learns"
    assert not parts & {"features", "recurrent"}
    assert "movement" in parts


def test_a_part_to_freeze_that_is_not_there_is_refused(prepared: Path):
    with pytest.raises(InputError, match="wheels"):
        open_task(replace(TINY, frozen=("wheels",)), prepared)


def test_the_truth_has_no_loss_but_those_of_naming(prepared: Path):
    task = open_task(TINY, prepared)
    batch = drawn(task)
    empty = task.answer(batch)

    parts = losses(
        Answer(batch.offsets, empty.speech, empty.phones),
        batch,
        task.network.offset_scale,
        Losses(),
    )

    assert {name for name, part in parts.items() if part > 1e-6} <= {"speech", "phones"}


def test_the_distance_grows_with_it_and_not_with_its_square(prepared: Path):
    task = open_task(TINY, prepared)
    batch = drawn(task)
    empty = task.answer(batch)

    costs = []
    for wrong in (0.0, 0.02, 0.04):
        answer = Answer(batch.offsets + wrong, empty.speech, empty.phones)
        parts = losses(answer, batch, task.network.offset_scale, Losses(distance=1.0))
        costs.append(float(parts["distance"]))

    assert costs[0] == pytest.approx(0, abs=1e-4)
    assert costs[2] == pytest.approx(2 * costs[1], rel=0.1)


def test_lips_apart_where_they_should_meet_cost(prepared: Path):
    task = open_task(TINY, prepared)
    batch = drawn(task)
    answer = task.answer(batch)
    apart = batch.offsets.clone()
    apart[:, :, 65:68, 1] += 0.05

    parts = losses(answer._replace(offsets=apart), batch, task.network.offset_scale, Losses())

    assert parts["closure"] > 0.3


def test_trained_weights_ship_and_run(prepared: Path, tmp_path: Path):
    weights = train(replace(TINY, steps=1), prepared, tmp_path / "run")
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
    assert recipe.network.delay == Speech2LandmarksConfig().delay
    assert recipe.hearing == "shipped"
    assert recipe.heard > recipe.batch.size
    assert recipe.batch.size >= recipe.network.members


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("steps = ", "not a recipe"),
        ("colour = 1", "unknown key 'colour'"),
        ("[network]\nwheels = 4", "unknown key 'wheels'"),
        ("steps = 2.5", "expected int"),
        ("steps = true", "expected int"),
        ("steps = 0", "expected 1 or more"),
        ("network = 4", "expected a table"),
        ("shares = 4", "expected a table"),
        ("held_out_speakers = 'me'", "expected a list"),
        ("betas = [0.9]", "expected a list"),
        ("[shares]\ngrid = 'all'", "expected float"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(tmp_path: Path, text: str, told: str):
    path = tmp_path / "recipe.toml"
    path.write_text(text)

    with pytest.raises(InputError, match=told):
        read_recipe(path)


def test_a_corpus_that_is_not_prepared_is_named(prepared: Path):
    with pytest.raises(InputError, match="synthetic"):
        read_corpora(prepared, Recipe(shares={"synthetic": 1.0}))


def test_a_corpus_of_which_nothing_is_left_to_learn_from_is_named(prepared: Path):
    with pytest.raises(InputError, match="held out"):
        read_corpora(prepared, Recipe(shares={"other": 1.0}, held_out_speakers=("other",)))


def test_the_end_of_what_everybody_says_can_be_held_out():
    clips = [stretch(f"me_{i:02d}", "me") for i in range(10)]

    learnt, held = split(Recipe(held_out_end=0.2), clips)

    assert [one.name for one in held] == ["me_08", "me_09"]
    assert len(learnt) == 8


def test_without_prepared_faces_there_is_the_rigs(prepared: Path, tmp_path: Path):
    (tmp_path / "grid").symlink_to(prepared / "grid")

    task = open_task(replace(TINY, shares={"grid": 1.0}), tmp_path)

    assert task.sampler.faces.shape == (1, 70, 3)
