"""`speech2face train`: recipes of every network, resumed, in several processes, with bad input."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from spoken import corpora

import speech2face
from speech2face.__main__ import main
from speech2face.checkpoints.store import manifest
from speech2face.errors import InputError
from speech2face.training.loop.log import read_log
from speech2face.training.systems import RECIPES, SYSTEMS, find_recipe, read_training

TINY = """
system = "speech2landmarks"
steps = {steps}
warmup = 5
cooldown = 20
every = 25
shares = {{ grid = 0.8, other = 0.2 }}
trust = {{}}
heard = 4
hearing = "random"
[network]
members = 1
channels = 8
hidden = 12
condition = 4
[network.hearing]
width = 16
heads = 2
layers = 2
ahead = [2, 1]
behind = 6
[batch]
size = 2
frames = 30
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpora(tmp_path_factory.mktemp("prepared"))


def recipe(folder: Path, steps: int = 4, more: str = "") -> Path:
    path = folder / "tiny.toml"
    path.write_text(more + TINY.format(steps=steps), encoding="utf-8")
    return path


def train(path: Path | str, prepared: Path, out: Path, *more: str) -> int:
    options = ["--data", str(prepared), "-o", str(out), "--progress", "none", "--device", "cpu"]
    return main(["train", str(path), *options, *more])


def test_fifty_steps_and_a_resumed_run_give_the_same_bytes(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    whole, pieces, pretrained = (tmp_path / name for name in ("whole", "pieces", "pretrained"))
    pretrained.mkdir()

    assert train(recipe(tmp_path, 50), prepared, whole, "--threads", "1") == 0
    weights = Path(capsys.readouterr().out.strip())
    assert train(recipe(tmp_path, 50), prepared, pieces, "--minutes", "0") == 0
    stopped = capsys.readouterr()
    assert train(recipe(tmp_path, 50), prepared, pieces, "--ship", str(pretrained)) == 0

    assert "stopped at step 1 of 50; the same command goes on" in stopped.err
    assert (pieces / weights.name).read_bytes() == weights.read_bytes()
    assert [row["step"] for row in read_log(pieces / "log.jsonl")] == [25, 50]
    shipped = Path(capsys.readouterr().out.strip())
    assert shipped == pretrained / "speech2landmarks.safetensors"
    assert manifest(pretrained)["speech2landmarks"].bytes == shipped.stat().st_size
    assert (whole / "curves.png").exists()


def test_progress_of_a_training_can_be_read_by_a_program(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    options = ["--data", str(prepared), "-o", str(tmp_path / "run"), "--progress", "json"]

    assert main(["train", str(recipe(tmp_path)), *options, "--device", "cpu"]) == 0

    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert told[-1] | {"at": ""} == {
        "doing": "train", "done": 4, "total": 4, "left": 0.0, "at": "",
    }  # fmt: skip


def test_anew_begins_from_the_first_step(prepared: Path, tmp_path: Path):
    train(recipe(tmp_path), prepared, tmp_path / "run")
    weights = tmp_path / "run" / "speech2landmarks.safetensors"
    before = weights.read_bytes()

    assert train(recipe(tmp_path, 2), prepared, tmp_path / "run", "--anew") == 0

    assert weights.read_bytes() != before
    assert [row["step"] for row in read_log(tmp_path / "run" / "log.jsonl")] == [2]


def test_two_processes_train_by_one_command(prepared: Path, tmp_path: Path):
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        "-m", "speech2face", "train", str(recipe(tmp_path)), "--data", str(prepared),
        "-o", str(tmp_path / "run"), "--progress", "none", "--device", "cpu",
    ]  # fmt: skip
    package = Path(speech2face.__file__).parents[1]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(package)}

    done = subprocess.run(
        command, check=True, env=environment, timeout=1800, capture_output=True, text=True
    )

    assert done.stdout.strip() == str(tmp_path / "run" / "speech2landmarks.safetensors")
    assert [row["step"] for row in read_log(tmp_path / "run" / "log.jsonl")] == [4]


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.name)
def test_every_shipped_recipe_is_read_by_its_system(path: Path):
    training = read_training(find_recipe(path.name))

    assert training.config.steps > 0
    assert find_recipe(path.stem) == path


def test_every_system_has_a_shipped_recipe():
    told = {path.read_text(encoding="utf-8").partition('system = "')[2].partition('"')[0]
            for path in RECIPES.glob("*.toml")}  # fmt: skip

    assert told == set(SYSTEMS)


def test_keys_of_a_recipe_can_be_replaced(tmp_path: Path):
    assert read_training(recipe(tmp_path), {"steps": 7}).config.steps == 7


def test_a_key_without_default_must_be_there():
    from dataclasses import dataclass

    from speech2face.configs import from_table

    @dataclass
    class Needy:
        wish: int

    with pytest.raises(InputError, match="lacks the key 'wish'"):
        from_table(Needy, {}, "a table")


@pytest.mark.parametrize(
    ("more", "status", "told"),
    [
        ("colour = 1\n", 4, "unknown key 'colour'"),
        ("rate = -1.0\n", 4, "expected rate and clip above 0"),
        ("rate = 'fast'\n", 4, "expected float"),
        ("start = 'nobody.safetensors'\n", 6, "nobody.safetensors"),
        ("steps", 4, "is not a recipe"),
    ],
)
def test_a_bad_recipe_ends_with_one_line(
    more: str, status: int, told: str, prepared: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    assert train(recipe(tmp_path, more=more), prepared, tmp_path / "run") == status

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("speech2face: ")
    assert told in line
    assert not (tmp_path / "run" / "log.jsonl").exists()


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        ({"recipe": "no-such-recipe"}, 4, "expected a TOML file or one of the shipped"),
        ({"data": "nowhere"}, 4, "speech2face prepare"),
        ({"data": "empty"}, 4, "holds no prepared speech"),
        ({"ship": "nowhere"}, 4, "create it first"),
        ({"device": "cuda:7"}, 8, "cuda:7"),
        ({"checkpoint": "damaged"}, 6, "delete it or give another --output"),
    ],
)
def test_bad_input_ends_with_one_line_and_its_status(
    change: dict[str, str], status: int, told: str, prepared: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    (tmp_path / "empty").mkdir()
    (tmp_path / "run").mkdir()
    if "checkpoint" in change:
        (tmp_path / "run" / "checkpoint.pt").write_text(change["checkpoint"])
    data = tmp_path / change["data"] if "data" in change else prepared
    more = ["--ship", str(tmp_path / change["ship"])] if "ship" in change else []
    more += ["--device", change["device"]] if "device" in change else []

    found = train(change.get("recipe", recipe(tmp_path)), data, tmp_path / "run", *more)

    (line,) = capsys.readouterr().err.splitlines()
    assert found == status
    assert line.startswith("speech2face: ")
    assert told in line


def test_a_recipe_of_no_known_system_is_refused(tmp_path: Path):
    path = tmp_path / "other.toml"
    path.write_text('system = "voice"')

    with pytest.raises(InputError, match="expected one of speech2landmarks, hearing, sync"):
        read_training(path)


def test_a_command_of_training_explains_itself_without_torch():
    for command in ("train", "prepare", "finetune", "evaluate"):
        program = (
            f"import sys; from speech2face.__main__ import main; main(['{command}', '--help']); "
            "sys.exit(7 if 'torch' in sys.modules else 0)"
        )
        package = Path(speech2face.__file__).parents[1]

        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=package
        )

        assert f"speech2face {command}" in done.stdout
