import json
from pathlib import Path

import pytest
from spoken import corpora, stretch

from speech2face.__main__ import main
from speech2face.evaluation.speech import learning_curve as curve
from speech2face.evaluation.tables import Cell
from speech2face.training.speech.recipe import Recipe

TINY = """
shares = {grid = 0.8, other = 0.2}
heard = 8
hearing = "random"
trust = {}
[network]
members = 2
channels = 8
hidden = 12
condition = 4
[batch]
size = 4
frames = 40
"""
PEOPLE = ("s1", "s2", "s3", "s4", "s5")


def trials(recipe: Recipe | None = None) -> list[curve.Trial]:
    clips = [stretch(f"{who}_{i}", f"grid-{who}") for who in PEOPLE for i in range(2)]
    clips.append(stretch("s1_2", "grid-s1"))
    return curve.trials(recipe or Recipe(), clips, 30)


def row(people: int, error: float, r: float = 0.7) -> dict[str, Cell]:
    return {
        "study": "people", "people": people, "error / rest, new people": error, "r, new people": r,
    }  # fmt: skip


def test_fewer_people_are_among_more_and_the_one_who_says_most_is_always_there():
    chosen = [set(one.people) for one in trials() if one.study == "people"]

    assert [len(people) for people in chosen] == [1, 2, 4, 2, 4]
    assert all("grid-s1" in people for people in chosen)
    assert chosen[1] < chosen[2]
    assert chosen[3] < chosen[4]
    assert chosen[1] != chosen[3]


def test_trainings_differ_from_the_one_with_everybody_in_one_thing_only():
    planned = {one.name: one.recipe for one in trials()}
    base = planned["everybody"]

    assert base.network.members == 1
    assert base.cooldown + base.warmup <= base.steps == 30
    assert planned["people 1"] == planned["clips 25"] == base
    assert planned["delay 8"].network.delay == 8
    assert (planned["sync 0.3"].losses.sync, base.losses.sync) == (0.3, 0)
    assert planned["another seed"].seed != base.seed


def test_a_trial_learns_from_its_people_and_no_more_of_their_clips_than_it_may():
    few = curve.Trial(study="clips", name="x", people=("a", "b"), recipe=Recipe(), clips=2)
    real = [stretch(f"{who}{i}", who) for who in ("a", "b", "c") for i in range(3)]

    material = few.material({"grid": real, "synthetic": real[:1]})

    assert [one.name for one in material["grid"]] == ["a0", "a1", "b0", "b1"]
    assert len(material["synthetic"]) == 1


def test_lines_say_how_many_people_the_targets_ask_for():
    told = curve.conclusion([row(1, 0.78, 0.73), row(2, 0.73, 0.76), row(4, 0.68, 0.79)])

    assert "by -0.050" in told
    assert "reaches 0.58 at 16 people" in told
    assert "by +0.030" in told
    assert "reaches 0.85 at 16 people" in told


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([row(1, 0.6, 0.8), row(2, 0.7, 0.79)], "meets 0.58 nowhere beyond"),
        ([row(1, 0.7, 0.8), row(2, 0.699, 0.82)], "0.58 lies beyond 4096 people"),
        ([row(1, 0.6)], "Too few"),
    ],
)
def test_lines_that_lead_nowhere_promise_nothing(found: list[dict[str, Cell]], told: str):
    assert told in curve.conclusion(found)


def test_the_command_writes_the_curve_and_goes_on_where_it_was(tmp_path: Path):
    recipe, out = tmp_path / "tiny.toml", tmp_path / "out"
    recipe.write_text(TINY, encoding="utf-8")
    command = [
        "evaluate", "learning-curve", "--prepared", str(corpora(tmp_path / "prepared")),
        "-o", str(out), "--recipe", str(recipe), "--steps", "2", "--only", "people",
    ]  # fmt: skip

    assert main(command) == 0
    first = {path: path.read_bytes() for path in out.rglob("*.safetensors")}
    assert main(command) == 0

    rows = json.loads((out / "learning_curve.json").read_text(encoding="utf-8"))["rows"]
    assert [(one["trial"], one["people"]) for one in rows] == [("everybody", 2), ("people 1", 1)]
    assert all(0 < one["error / rest, new people"] < 10 for one in rows)
    assert len(first) == 2
    assert {path: path.read_bytes() for path in out.rglob("*.safetensors")} == first
    assert (out / "learning_curve.png").stat().st_size > 5000
    assert "every doubling" in (out / "learning_curve.md").read_text(encoding="utf-8").lower()
