"""The table of exact speed-ups, at toy size, in Python and on the command line."""

import json
from pathlib import Path

import pytest
import torch

from speech2face.__main__ import main
from speech2face.errors import InputError
from speech2face.evaluation.generators.steps import compare_steps
from speech2face.generators.facevid2vid.exact.exact import STEPS
from speech2face.generators.fomm import exact as fomm
from speech2face.generators.x2face import exact as x2face

STEPS_OF = {
    "tiny": STEPS,
    "tiny-original": tuple(step for step in STEPS if step != "spade"),
    "fomm-tiny": fomm.STEPS,
    "dagan-tiny": fomm.STEPS,
    "dagan-tiny-spade": fomm.STEPS,
    "x2face-tiny": x2face.STEPS,
}


@pytest.mark.parametrize("preset", STEPS_OF)
def test_each_step_has_a_row_that_draws_the_plain_picture(preset: str) -> None:
    state = torch.random.get_rng_state()

    table = compare_steps(preset, torch.device("cpu"), frames=2, repeats=1)

    steps = [f"+ {step}" for step in STEPS_OF[preset]]
    assert [row["way"] for row in table.rows] == ["plain, frame by frame", "encode once", *steps]
    assert table.rows[0]["times as fast"] == 1
    for row in table.rows:
        assert float(str(row["largest difference"])) <= 1e-4
        assert int(str(row["ms a frame"])) >= 0
    assert float(table.note.split("deviation of ")[1].split(". ")[0]) > 0.05
    assert torch.equal(torch.random.get_rng_state(), state)


def test_an_unknown_preset_is_named() -> None:
    with pytest.raises(InputError, match="no preset named 'huge'; choose one of 256"):
        compare_steps("huge", torch.device("cpu"))


def test_the_command_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "--steps", "tiny", "--device", "cpu"]) == 0
    assert "| + winograd |" in capsys.readouterr().out

    assert main(["benchmark", "--steps", "tiny", "--device", "cpu", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "steps-tiny"


def test_without_steps_a_portrait_and_a_sound_are_needed(
    portrait: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["benchmark", str(portrait)]) == 2
    assert "PORTRAIT and AUDIO are missing" in capsys.readouterr().err
