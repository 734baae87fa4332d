"""Training the fast generator: true pairs in any window, phases, resume, previews, shipping."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fast_material import TOY, people, recipe

from speech2face.__main__ import main
from speech2face.checkpoints.store import read_weights
from speech2face.errors import InputError
from speech2face.generators.fast.flow import sample
from speech2face.generators.fast.network import FastGenerator
from speech2face.synthesis.pairs import list_identities, read_identity, write_identity
from speech2face.training.fast.losses import FastLosses, importance, losses
from speech2face.training.fast.open import open_task, ship
from speech2face.training.fast.pack import pack
from speech2face.training.fast.pairs import PairSampler, whole
from speech2face.training.fast.task import FILE, FastTask, Phase, draw, start_network
from speech2face.training.loop.loop import CHECKPOINT, run
from speech2face.training.systems import find_recipe, read_training

HEADS = {"heads": 1.0}


def test_the_flow_of_a_window_leads_from_the_driving_picture_to_the_source() -> None:
    sampler = PairSampler(people(), HEADS)
    batch = sampler.draw(np.random.default_rng(3), 16, 64)
    flow = torch.nn.functional.interpolate(batch.flow, size=(64, 64), mode="bilinear")

    moved = sample(batch.source, flow)

    inner = (..., slice(16, 48), slice(16, 48))
    left, still = (batch.driving - moved)[inner].abs(), (batch.driving - batch.source)[inner].abs()
    assert batch.known.all()
    assert left.mean() < 0.3 * still.mean()


def test_keypoints_of_a_window_move_as_its_flow_says() -> None:
    sampler = PairSampler(people(frames=2), HEADS)
    batch = sampler.draw(np.random.default_rng(4), 16, 64)
    rigid = [20, 21]  # points of the nose's bridge, which no jaw moves
    shift = (batch.source_keypoints - batch.driving_keypoints)[:, rigid, 0].mean(1)

    torch.testing.assert_close(shift, batch.flow[:, 0].mean((1, 2)), rtol=0.05, atol=2e-3)


def test_people_are_drawn_by_the_shares_of_their_kinds() -> None:
    sampler = PairSampler(people(4), {"heads": 0.25, "grid": 0.75})
    known = sampler.draw(np.random.default_rng(0), 200, 16).known

    assert 0.15 < known.mean() < 0.35


def test_the_same_seed_draws_the_same_batch() -> None:
    sampler = PairSampler(people(), HEADS)
    first, second = (sampler.draw(np.random.default_rng(1), 2, 32) for _ in range(2))

    assert all(
        torch.equal(a, b) for a, b in zip(vars(first).values(), vars(second).values(), strict=True)
    )


def test_a_whole_pair_is_shown_as_it_is() -> None:
    one = people(1)[0]
    batch = whole(one, 0, [1, 2])

    wanted = torch.from_numpy(one.frames[1:]).permute(0, 3, 1, 2).float() / 255
    torch.testing.assert_close(batch.driving, wanted)


def test_mouth_and_eyes_count_more() -> None:
    batch = whole(people(1)[0], 0, [1])
    weight = importance(batch.driving_keypoints, batch.driving.shape[2:], 5.0)

    mouth = batch.driving_keypoints[0, 80, :2]
    column, row = ((mouth + 1) * 128).long().tolist()
    assert weight.mean() == pytest.approx(1)
    assert weight[0, 0, row, column] == pytest.approx(5 * float(weight.min()), rel=1e-3)


def test_a_hidden_place_asks_for_the_networks_picture() -> None:
    batch = PairSampler(people(), HEADS).draw(np.random.default_rng(0), 1, 64)
    blind = replace(batch, visible=torch.zeros_like(batch.visible))
    network = FastGenerator(TOY)
    made = draw(network, batch)
    weight = torch.ones_like(batch.driving[:, :1])

    hidden = [losses(made, one, FastLosses(), weight)["hidden"].item() for one in (batch, blind)]

    assert hidden[0] == 0 < hidden[1]


def test_phases_follow_each_other() -> None:
    made = recipe(50)

    assert [made.phase_at(step).side for step in (0, 39, 40, 49, 50)] == [32, 32, 64, 64, 64]


def test_nothing_to_learn_from_is_said() -> None:
    with pytest.raises(InputError, match="none of 3 identities"):
        FastTask(replace(recipe(), shares={"portraits": 1.0}), people())


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    for one in people(4):
        away = one.identity in {"p2", "p3"}
        (folder / one.kind).mkdir(exist_ok=True)
        write_identity(folder / one.kind / f"{one.identity}.npz", replace(one, held_out=away))
    return folder


def test_fifty_steps_in_two_parts_give_the_weights_of_fifty_in_one(
    pairs: Path, tmp_path: Path
) -> None:
    whole_run = run(open_task(recipe(50), pairs), recipe(50), tmp_path / "one", device="cpu")
    short = replace(recipe(50), every=25)
    with pytest.raises(KeyboardInterrupt):
        run(open_task(short, pairs), short, tmp_path / "two", device="cpu", report=_stop_at(30))
    assert (tmp_path / "two" / CHECKPOINT).exists()

    resumed = run(open_task(short, pairs), short, tmp_path / "two", device="cpu")

    one, two = read_weights(whole_run)[0], read_weights(resumed)[0]
    assert all(torch.equal(one[name], two[name]) for name in one)


def _stop_at(step: int):  # noqa: ANN202 - a callback
    def report(progress: object) -> None:
        if progress.step >= step:  # pyright: ignore[reportAttributeAccessIssue]
            raise KeyboardInterrupt

    return report


def test_previews_score_held_out_people_beside_their_baselines(pairs: Path, tmp_path: Path) -> None:
    task = open_task(recipe(), pairs)
    figures = task.preview(tmp_path)

    rows = {f"{kind} {row}" for kind in ("heads", "grid") for row in ("still", "warped", "drawn")}
    assert set(figures) == rows
    assert figures["heads drawn"] == figures["heads warped"]  # nothing has been learnt
    assert {path.name for path in tmp_path.iterdir()} == {"heads.png", "grid.png"}


def test_weights_are_shipped_as_half_floats_and_start_another_run(
    pairs: Path, tmp_path: Path
) -> None:
    task = open_task(recipe(), pairs)
    written = task.write(tmp_path)
    (tmp_path / "pretrained").mkdir()
    shipped = ship(written, tmp_path / "pretrained")

    tensors, config = read_weights(shipped)
    again = start_network(replace(recipe(), start=str(shipped)))
    assert shipped.name == FILE
    assert all(value.dtype == torch.float16 for value in tensors.values())
    assert json.loads((tmp_path / "pretrained" / "manifest.json").read_text())["fast"]
    assert again.config == TOY
    assert config["size"] == TOY.size


def test_threads_that_draw_ahead_change_nothing() -> None:
    plain, ahead = (FastTask(replace(recipe(), workers=count), people()) for count in (0, 2))
    for step in (0, 1, 2, 30):
        one, other = (
            task.losses(step, np.random.default_rng((5, step, 0)), torch.device("cpu"))
            for task in (plain, ahead)
        )
        assert one["pixel"].item() == other["pixel"].item()


def test_a_game_against_a_judge_runs_and_moves_both(pairs: Path, tmp_path: Path) -> None:
    short = replace(recipe(4), adversarial=0.1, every=2, preview_every=4)
    short = replace(short, phases=(Phase(side=64, batch=1),))
    task = open_task(short, pairs)
    before = {name: one.state_dict() for name, one in task.modules().items()}
    before = {name: {k: v.clone() for k, v in one.items()} for name, one in before.items()}

    run(task, short, tmp_path, device="cpu")

    for name, module in task.modules().items():
        assert any(not torch.equal(v, before[name][k]) for k, v in module.state_dict().items())
    row = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[0])
    assert {"fooled", "matched", "judged"} <= set(row)


def test_pairs_travel_in_one_small_file(pairs: Path, tmp_path: Path) -> None:
    packed, found = tmp_path / "pairs.pack", tmp_path / "pairs"
    assert main(["pairs", "pack", str(pairs), "-o", str(packed)]) == 0
    assert main(["pairs", "unpack", str(packed), "-o", str(found)]) == 0

    for kind in ("heads", "grid"):
        old = {one.identity: one for one in map(read_identity, list_identities(pairs / kind))}
        new = {one.identity: one for one in map(read_identity, list_identities(found / kind))}
        assert old.keys() == new.keys()
        for name, one in new.items():
            assert one.held_out == old[name].held_out
            np.testing.assert_allclose(one.meshes, old[name].meshes, atol=0.13)
            assert np.abs(one.frames.astype(int) - old[name].frames).mean() < 4


def test_a_packed_file_keeps_to_its_size(pairs: Path, tmp_path: Path) -> None:
    packed = tmp_path / "pairs.pack"

    assert pack(pairs, packed, megabytes=0.05) == packed.stat().st_size < 0.06 * 2**20


@pytest.mark.parametrize("name", ["facevid2vid-fast", "facevid2vid-fast-gpu"])
def test_the_shipped_recipes_are_read(name: str) -> None:
    training = read_training(find_recipe(name), {"steps": 7})

    assert training.config.steps == 7
