import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from speech2face.__main__ import main
from speech2face.errors import InputError, WeightsError
from speech2face.evaluation.video.report import Desk

DATA = os.environ.get("SPEECH2FACE_DATA")


def test_every_measure_is_a_command(capsys: pytest.CaptureFixture[str]):
    assert main(["evaluate", "video", "--help"]) == 0

    shown = capsys.readouterr().out

    for name in ("sync", "silence", "motion", "blinks", "emotion", "seam", "sheets", "playback"):
        assert name in shown


def test_a_judge_that_is_not_there_is_named(tmp_path: Path):
    pytest.importorskip("ai_edge_litert", reason="the judge needs LiteRT (extra train)")

    with pytest.raises(WeightsError, match=r"judge\.task"):
        Desk.load(tmp_path, tmp_path, tmp_path / "judge.task", sanity_only=True, tell=print)


def test_an_error_of_the_user_is_one_line_and_its_exit_status(tmp_path: Path):
    command = [sys.executable, "-m", "speech2face", "evaluate", "video", "sync", "--sanity-only"]

    run = subprocess.run(
        [*command, "--data", str(tmp_path), "-o", str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert run.returncode == WeightsError.exit_code
    assert run.stderr.startswith("speech2face: ")
    assert "Traceback" not in run.stderr


@pytest.mark.skipif(DATA is None, reason="SPEECH2FACE_DATA is not set")
def test_a_setting_without_a_value_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="names no value"):
        Desk.load(Path(DATA), tmp_path, None, ["emotion"], sanity_only=True, tell=print)


@pytest.mark.skipif(DATA is None, reason="SPEECH2FACE_DATA is not set")
def test_sanity_rows_are_printed_and_kept(tmp_path: Path):
    arguments = [
        "evaluate",
        "video",
        "sync",
        "--data",
        DATA,
        "-o",
        str(tmp_path),
        "--count",
        "4",
        "--sanity-only",
    ]

    assert main(arguments) == 0

    rows = {row["row"]: row for row in json.loads((tmp_path / "sync.json").read_text())["rows"]}
    truth = rows["ground truth (mirrored, judged again)"]["r"]
    assert truth > 0.95
    assert truth > rows["real, wrong audio"]["r"] + 0.25
    assert rows["real, sound shifted by 5"]["wide lag"] == 5
    assert "| still image |" in (tmp_path / "sync.md").read_text()
