import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from toy_task import CONFIG, Game, Line

import speech2face
from speech2face.errors import DeviceError, InputError, Speech2FaceError, WeightsError
from speech2face.training.loop.log import read_log
from speech2face.training.loop.loop import LoopConfig, Report, run
from speech2face.training.loop.ranks import Ranks

PACKAGE = Path(speech2face.__file__).parent


class _KilledError(Exception):
    """A run is struck down."""


def strike_at(step: int):
    def report(progress: Report) -> None:
        if progress.step == step:
            raise _KilledError

    return report


def state_of(folder: Path) -> dict:
    return torch.load(folder / "checkpoint.pt", weights_only=True)


def flat(state: dict, prefix: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in state.items():
        name = f"{prefix}{key}/"
        found |= flat(value, name) if isinstance(value, dict) else {name: value}
    return found


@pytest.mark.parametrize("killed_at", [4, 6, 11])
def test_a_resumed_run_gives_the_bytes_of_an_uninterrupted_one(tmp_path: Path, killed_at: int):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run(Line(), CONFIG, whole, device="cpu")
    with pytest.raises(_KilledError):
        run(Line(), CONFIG, broken, device="cpu", report=strike_at(killed_at))

    run(Line(), CONFIG, broken, device="cpu")

    one, other = flat(state_of(whole)), flat(state_of(broken))
    assert one.keys() == other.keys()
    for name, value in one.items():
        if isinstance(value, Tensor):
            assert torch.equal(value, other[name]), name
    weights = (whole / "line.safetensors").read_bytes()
    assert weights == (broken / "line.safetensors").read_bytes()
    rows = [{**row, "seconds": 0} for row in read_log(whole / "log.jsonl")]
    assert rows == [{**row, "seconds": 0} for row in read_log(broken / "log.jsonl")]
    assert [row["step"] for row in rows] == [4, 8, 12]


def test_a_run_whose_time_is_up_ends_with_a_checkpoint_and_goes_on_from_it(tmp_path: Path):
    whole, pieces = tmp_path / "whole", tmp_path / "pieces"
    run(Line(), CONFIG, whole, device="cpu")

    for done in range(1, CONFIG.steps + 1):
        run(Line(), CONFIG, pieces, device="cpu", minutes=0.0)
        assert state_of(pieces)["step"] == done

    assert (whole / "line.safetensors").read_bytes() == (pieces / "line.safetensors").read_bytes()
    seen = [{**row, "seconds": 0} for row in read_log(pieces / "log.jsonl")]
    assert seen == [{**row, "seconds": 0} for row in read_log(whole / "log.jsonl")]


def test_a_run_learns_and_shows_it(tmp_path: Path):
    config = replace(CONFIG, steps=200, every=50, preview_every=100)
    task = Line()

    weights = run(task, config, tmp_path, device="cpu")

    rows = read_log(tmp_path / "log.jsonl")
    assert rows[-1]["error"] < 0.5 * rows[0]["error"]
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in sorted((tmp_path / "previews").iterdir())] == [
        "0000100", "0000200"
    ]  # fmt: skip
    assert task.previewed == [False, False], "previews run in evaluation mode"
    assert rows[1]["held out/one"] == 1.0
    raw, averaged = task.network.state_dict(), load_file(weights)
    assert any((raw[name] != averaged[name]).any() for name in raw), "the mean is written"
    assert task.network.training


def test_curves_go_to_tensorboard_where_it_is_installed(tmp_path: Path):
    pytest.importorskip("tensorboard", reason="comes with the extra train")

    run(Line(), replace(CONFIG, steps=4), tmp_path, device="cpu")

    (events,) = (tmp_path / "tensorboard").iterdir()
    assert b"error" in events.read_bytes()


def test_without_resuming_a_run_begins_anew(tmp_path: Path):
    run(Line(), CONFIG, tmp_path, device="cpu")
    task = Line()

    run(task, replace(CONFIG, steps=4), tmp_path, device="cpu", resume=False)

    assert len(task.drawn) == 4
    assert [row["step"] for row in read_log(tmp_path / "log.jsonl")] == [4]


def test_a_run_that_is_over_learns_nothing_more(tmp_path: Path):
    first = run(Line(), CONFIG, tmp_path, device="cpu").read_bytes()
    task = Line()

    again = run(task, CONFIG, tmp_path, device="cpu").read_bytes()

    assert task.drawn == []
    assert again == first


def test_networks_play_in_turns_and_only_those_whose_turn_it_is_learn(tmp_path: Path):
    task = Game()

    run(task, CONFIG, tmp_path, device="cpu")

    assert all(task.seen)
    assert {"fool", "judge", "gradient/judge"} <= read_log(tmp_path / "log.jsonl")[0].keys()


def test_a_module_with_rate_factor_0_stands_still(tmp_path: Path):
    task = Game()
    before = task.judge.weight.detach().clone()

    run(task, replace(CONFIG, rates={"judge": 0.0}), tmp_path, device="cpu")

    assert torch.equal(task.judge.weight, before)


def test_a_frozen_module_has_no_optimizer(tmp_path: Path):
    task = Game()
    task.generator.requires_grad_(requires_grad=False)
    task.turns = lambda *_: iter(())

    run(task, replace(CONFIG, steps=1), tmp_path, device="cpu")

    assert list(state_of(tmp_path)["optimizers"]) == ["judge"]


@pytest.mark.parametrize("kind", [(), ("cpu",)])
def test_mixed_precision_is_used_where_it_is_asked_for(tmp_path: Path, kind: tuple[str, ...]):
    task = Line()
    seen = []
    task.network.register_forward_hook(lambda *answer: seen.append(answer[2].dtype))

    run(task, replace(CONFIG, steps=1, bfloat16=kind), tmp_path, device="cpu")

    assert seen == [torch.bfloat16 if kind else torch.float32]


def test_two_processes_draw_apart_average_their_gradients_and_write_once(tmp_path: Path):
    script = Path(__file__).parents[1] / "toy_task.py"
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        str(script), str(tmp_path),
    ]  # fmt: skip

    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PACKAGE.parent)}
    subprocess.run(command, check=True, env=environment, timeout=1800)

    first, second = (json.loads((tmp_path / f"rank{i}.json").read_text()) for i in range(2))
    assert set(first["drawn"]).isdisjoint(second["drawn"])
    assert first["weights"] == second["weights"]
    assert [row["step"] for row in read_log(tmp_path / "log.jsonl")] == [4, 8, 12]
    alone = Line()
    run(alone, CONFIG, tmp_path / "alone", device="cpu")
    assert alone.drawn == first["drawn"], "rank 0 draws what a single process draws"
    assert alone.network[0].weight.tolist() != first["weights"]["0.weight"]


def test_a_rank_without_a_gpu_of_its_own_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr("speech2face.devices._computes", bool)

    assert Ranks(rank=0, world=2, local=0).device("cuda") == torch.device("cuda", 0)
    with pytest.raises(DeviceError, match="as many processes"):
        Ranks(rank=1, world=2, local=1).device("cuda")


def test_losses_that_are_not_finite_end_the_run_and_keep_the_checkpoint(tmp_path: Path):
    run(Line(), replace(CONFIG, steps=4), tmp_path, device="cpu")
    task = Line()
    task.losses = lambda *_: {"error": task.network[0].weight.sum() * float("nan")}

    with pytest.raises(Speech2FaceError, match="lower the recipe's rate"):
        run(task, CONFIG, tmp_path, device="cpu")

    assert state_of(tmp_path)["step"] == 4


@pytest.mark.parametrize("content", [b"", b"no checkpoint"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, content: bytes):
    (tmp_path / "checkpoint.pt").write_bytes(content)

    with pytest.raises(WeightsError, match="delete it or give another --output"):
        run(Line(), CONFIG, tmp_path, device="cpu")


def test_a_checkpoint_of_other_networks_is_refused(tmp_path: Path):
    run(Game(), replace(CONFIG, steps=1), tmp_path, device="cpu")

    with pytest.raises(WeightsError, match="same recipe"):
        run(Line(), CONFIG, tmp_path, device="cpu")


def test_the_rate_rises_stays_and_falls():
    config = LoopConfig(steps=100, rate=1.0, warmup=10, cooldown=50)
    cosine = replace(config, fall="cosine")

    assert config.rate_at(0) == pytest.approx(0.1)
    assert config.rate_at(30) == 1.0
    assert config.rate_at(75) == pytest.approx(0.51)
    assert config.rate_at(99) == pytest.approx(0.03)
    assert cosine.rate_at(75) == pytest.approx(0.51)
    assert cosine.rate_at(99) < config.rate_at(99)


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"rate": 0.0}, {"average": 1.0}, {"fall": "cliff"}, {"clip": -1.0}]
)
def test_a_config_out_of_range_is_refused(wrong: dict):
    with pytest.raises(InputError, match=next(iter(wrong))):
        replace(CONFIG, **wrong)
