"""The words a user types: aliases, options, errors and exit statuses."""

import subprocess
import sys
from pathlib import Path

import pytest

from speech2face.__main__ import main
from speech2face.cli.aliases import ALIASES, REFUSED, AliasError, translate

REPOSITORY = Path(__file__).parents[1]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "speech2face", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("--source_image a.png --driven_audio b.wav", "--portrait a.png --audio b.wav"),
        ("--driven-audio=b.wav -s a.png", "--audio b.wav --portrait a.png"),
        (
            "--face a.png --audio b.wav --outfile c.mp4",
            "--portrait a.png --audio b.wav --output c.mp4",
        ),
        ("a.png b.wav --result_dir out", "a.png b.wav --output out"),
        ("--still", "--pose still"),
        ("--preprocess full", "--full"),
        ("--preprocess extcrop", "--crop"),
        ("--no_flag_pasteback", "--crop"),
        ("--flag_stitching", ""),
        ("--animation_region exp", "--pose still"),
        ("--driving_multiplier 1.3", "--expression-scale 1.3"),
        ("--expression_scale 1.3", "--expression-scale 1.3"),
        ("--batch_size 4 --size 256 --fps 30", "--batch-size 4 --size 256 --fps 30"),
        ("--exp_img smile", "--emotion happy"),
        ("--up_face surprise", "--emotion surprised"),
        ("--emo fear", "--emotion fearful"),
        ("--cpu", "--device cpu"),
        ("--device_id 1", "--device cuda:1"),
        ("--face_select 2 --gaze -5,3", "--face-select 2 --gaze -5,3"),
        ("-- --cpu", "-- --cpu"),
    ],
)
def test_a_flag_of_another_tool_means_what_it_did_there(written: str, meant: str) -> None:
    assert translate(["animate", *written.split()]) == ["animate", *meant.split()]


@pytest.mark.parametrize("flag", sorted(REFUSED))
def test_a_flag_that_means_nothing_here_is_refused_by_name(flag: str) -> None:
    with pytest.raises(AliasError, match=f"^{flag} is not supported: "):
        translate(["animate", "a.png", "b.wav", flag, "1"])


def test_no_flag_is_both_understood_and_refused() -> None:
    assert not ALIASES.keys() & REFUSED.keys()


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("--preprocess resize", "--preprocess resize is not supported"),
        ("--exp_img me.png", "--exp-img me.png is not supported"),
        ("--source_image", "--source-image needs a value"),
        ("--still=yes", "--still takes no value"),
        ("--old_version", "--old-version is not supported"),
    ],
)
def test_a_habit_that_cannot_be_honoured_is_a_usage_error(
    written: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["animate", "a.png", "b.wav", *written.split()])

    assert status == 2
    assert capsys.readouterr().err.startswith(f"speech2face: {problem}")


def test_other_commands_know_no_flags_of_other_tools() -> None:
    assert translate(["mux", "--still", "--over_write"]) == ["mux", "--still", "--over-write"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["animate", "a.png"],
        ["animate", "a.png", "b.wav", "--face", "c.png"],
        ["animate", "a.png", "b.wav", "--no-such-option"],
        ["animate", "a.png", "b.wav", "--seed", "many"],
        ["animate", "a.png", "b.wav", "--progress", "loud"],
        ["dance"],
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "Usage: speech2face" in capsys.readouterr().err


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("animate", "landmarks", "latents", "render", "mux", "benchmark", "doctor"):
        assert main([command, "--help"]) == 0
        assert f"speech2face {command}" in capsys.readouterr().out
