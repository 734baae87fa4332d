"""The words a user types: aliases, options, errors and exit statuses."""

import inspect
import json
import pickle
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import av
import numpy as np
import pytest

from speech2face.__main__ import main
from speech2face.cli.aliases import ALIASES, REFUSED, AliasError, translate
from speech2face.cli.animate import animate
from speech2face.configs import settings_of
from speech2face.errors import (
    DeviceError,
    InputError,
    MediaError,
    NoFaceError,
    OutputError,
    WeightsError,
)
from speech2face.jobs.settings import Settings
from speech2face.media.video.video import VideoReader

REPOSITORY = Path(__file__).parents[2]
QUICK = ["--size", "64", "--crop", "--preview", "2", "--progress", "none"]


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


@pytest.mark.parametrize(
    ("written", "new"),
    [
        ("train sync.toml --out run", "--output"),
        ("synthesize heads --out=pairs", "--output"),
        ("evaluate video sync --work w", "--output"),
        ("finetune me.mp4 --work w", "--keep"),
    ],
)
def test_an_earlier_spelling_is_refused_with_the_new_one(written: str, new: str) -> None:
    with pytest.raises(AliasError, match=f"is written {new}"):
        translate(written.split())


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


def test_the_options_are_those_that_the_settings_declare(
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = inspect.signature(animate).parameters

    for name, one in settings_of(Settings).items():
        assert options[name].default == one.default

    assert main(["animate", "--help"]) == 0
    assert "--full" in capsys.readouterr().out


def test_a_video_named_after_its_inputs_lies_in_the_current_folder(
    portrait: Path,
    speech: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["animate", "--face", str(portrait), "--audio", str(speech), *QUICK]) == 0

    told = capsys.readouterr()
    name = f"{portrait.stem}_{speech.stem}"
    assert told.out == f"{name}.mp4\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}.json", f"{name}.mp4"]
    assert "speech2face: warp on cpu" in told.err


def test_an_output_folder_is_filled_and_never_made(
    portrait: Path, speech: Path, tmp_path: Path
) -> None:
    inputs = [str(portrait), str(speech), *QUICK]

    assert main(["animate", *inputs, "--result_dir", str(tmp_path)]) == 0
    assert (tmp_path / f"{portrait.stem}_{speech.stem}.mp4").exists()
    assert main(["animate", *inputs, "-o", str(tmp_path / "no" / "a.mp4")]) == 7
    assert not (tmp_path / "no").exists()


def test_progress_can_be_read_by_a_program(
    portrait: Path, speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["-o", str(tmp_path / "a.mp4"), *QUICK, "--progress", "json", "--batch-size", "1"]

    assert main(["animate", str(portrait), str(speech), *options]) == 0

    lines = capsys.readouterr().err.splitlines()
    told = [json.loads(line) for line in lines if line.startswith("{")]
    assert told[0].keys() == {"stage", "done", "total", "seconds"}
    assert [line["done"] for line in told if line["stage"] == "write"] == [1, 2]
    assert told[-1]["stage"] == "write"
    assert told[-1]["left"] == 0
    assert [line["seconds"] for line in told] == sorted(line["seconds"] for line in told)


def test_the_stages_one_by_one_give_what_animate_gives(
    portrait: Path, speech: Path, tmp_path: Path, probe: Callable
) -> None:
    names = ("a.landmarks.npz", "a.latents.npz", "silent.mp4", "talk.mp4")
    points, values, silent, talk = (str(tmp_path / name) for name in names)
    plots = [str(tmp_path / f"{name}.png") for name in ("1", "2", "3")]
    person, sound = str(portrait), str(speech)
    drawn = ["--size", "128", "--crop"]

    assert main(["landmarks", sound, "-o", points, "--portrait", person, "--plot", plots[0]]) == 0
    steered = ["--audio", sound, "--emotion", "happy", "--plot", plots[1]]
    assert main(["latents", person, points, "-o", values, *steered]) == 0
    assert main(["render", person, values, "-o", silent, *drawn, "--plot", plots[2]]) == 0
    assert main(["mux", silent, sound, "-o", talk]) == 0
    whole = str(tmp_path / "whole.mp4")
    assert main(["animate", person, sound, "-o", whole, "--emotion", "happy", *drawn]) == 0

    one_by_one, at_once = (
        np.stack(list(VideoReader(Path(path)))).astype(int) for path in (talk, whole)
    )
    np.testing.assert_array_equal(one_by_one, at_once)
    assert "aac" in probe(Path(talk)).audio
    assert all(Path(plot).stat().st_size > 5000 for plot in plots)


def test_a_file_of_another_stage_is_refused(
    portrait: Path, speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points, output = tmp_path / "points.npz", tmp_path / "a.mp4"
    assert main(["landmarks", str(speech), "-o", str(points)]) == 0
    pickled = tmp_path / "latents.pkl"
    pickled.write_bytes(pickle.dumps({"values": [1, 2]}))

    for wrong in (points, pickled, speech):
        assert main(["render", str(portrait), str(wrong), "-o", str(output)]) == 4
        assert wrong.name in capsys.readouterr().err
    assert not output.exists()


def test_doctor_finds_everything_that_a_video_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0

    told = capsys.readouterr().out
    assert "FAIL" not in told
    for needed in ("python", "torch", "encoders", "weights", "threads", "free"):
        assert needed in told


def test_doctor_fails_with_the_status_of_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(name: str, mode: str) -> NoReturn:
        raise ValueError(name, mode)

    monkeypatch.setattr(av, "Codec", without)

    assert main(["doctor"]) == 5
    assert "FAIL  encoders" in capsys.readouterr().out


def test_weights_are_listed_with_their_licence_and_verified(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["weights", "list"]) == 0
    listed = capsys.readouterr().out
    assert main(["weights", "verify"]) == 0
    verified = capsys.readouterr().out
    assert main(["weights", "verify", "no-such-weights"]) == 6

    for name in ("tracker", "speech2landmarks", "rig"):
        assert name in listed
        assert f"{name}: whole" in verified
    assert "licence" in listed


def test_benchmark_tells_what_every_stage_costs(
    portrait: Path, speech: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = [str(portrait), str(speech), "--seconds", "1.2", "--size", "64"]

    assert main(["benchmark", *inputs, "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["frames"] == 30
    assert told["sound_seconds"] == 1.2
    assert {"load", "landmarks", "render", "write", "finish"} <= told["stages"].keys()
    assert abs(sum(told["stages"].values()) - told["total_seconds"]) < 0.05
    assert 0 < told["first_frames_seconds"] < told["total_seconds"]
    assert told["real_time_factor"] == pytest.approx(told["total_seconds"] / 1.2, abs=0.01)
    assert told["peak_memory_mb"] > 50

    assert main(["benchmark", *inputs]) == 0
    printed = capsys.readouterr().out
    assert "real time factor" in printed
    assert "landmarks" in printed


def test_what_is_not_foreseen_keeps_its_traceback(
    portrait: Path, speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("speech2face.jobs.preflight.check", fail)

    with pytest.raises(ZeroDivisionError):
        main(["animate", str(portrait), str(speech), "-o", str(tmp_path / "a.mp4")])


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130)])  # others: test_processes
def test_an_interrupted_command_leaves_nothing_behind(
    portrait: Path, cut_speech: Callable, tmp_path: Path, sent: signal.Signals, status: int
) -> None:
    inputs = [str(portrait), str(cut_speech(11)), "-o", str(tmp_path / "a.mp4")]
    command = [sys.executable, "-m", "speech2face", "animate", *inputs]
    options = ["--progress", "json", "--batch-size", "1"]

    with subprocess.Popen(
        [*command, *options], stderr=subprocess.PIPE, text=True, cwd=REPOSITORY
    ) as running:
        assert running.stderr is not None
        told = [next(line for line in running.stderr if '"write"' in line)]
        hidden = [path.name for path in tmp_path.iterdir()]
        running.send_signal(sent)
        told += running.stderr.readlines()

    assert len(hidden) == 2  # the temporary files of video and sidecar were there
    assert running.returncode == status
    assert list(tmp_path.iterdir()) == []
    assert not any("Traceback" in line for line in told)


def test_a_signal_that_a_callback_swallows_comes_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Doomed:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)  # nobody can catch here what it raises

    def verify(_name: str) -> NoReturn:
        Doomed()
        time.sleep(60)
        raise AssertionError

    monkeypatch.setattr("speech2face.checkpoints.store.verified_path", verify)

    assert main(["weights", "verify"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_an_error_of_a_real_process_is_one_line_and_its_status(tmp_path: Path) -> None:
    done = run("animate", "nobody.png", "nothing.wav", "-o", str(tmp_path / "a.mp4"))

    assert done.returncode == 4
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("speech2face: the portrait nobody.png does not exist; ")


def blocks(language: str) -> list[str]:
    """Return the README's code blocks of a language."""
    parts = (REPOSITORY / "README.md").read_text(encoding="utf-8").split("```")[1::2]
    return [text.partition("\n")[2] for text in parts if text.partition("\n")[0] == language]


@pytest.fixture
def beside_examples(
    portrait: Path, speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Go to a folder with small examples of the README's names."""
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "portrait.png").write_bytes(portrait.read_bytes())
    (tmp_path / "examples" / "speech.wav").write_bytes(speech.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_of_the_readme_run(beside_examples: Path) -> None:
    lines = [line for block in blocks("") for line in block.splitlines() if "speech2face" in line]
    commands = [line.partition("speech2face ")[2] for line in lines if "OUT.mp4" not in line]

    for command in commands:
        assert main([*shlex.split(command), "-y"]) == 0

    assert [command.split()[0] for command in commands] == [
        "animate", "landmarks", "latents", "render", "mux",
    ]  # fmt: skip
    assert (beside_examples / "talk.mp4").stat().st_size > 1000


def test_the_python_of_the_readme_runs(beside_examples: Path) -> None:
    files, live = blocks("python")
    names: dict[str, object] = {}

    exec(compile(files, "README.md", "exec"), names)  # noqa: S102 - our own README

    assert (beside_examples / "talk.mp4").exists()
    assert np.shape(names["frame"])[2] == 3

    shown: list[tuple[np.ndarray, np.ndarray]] = []
    names["microphone"] = [np.zeros(4_800, np.float32)] * 8
    names["show"] = lambda frames, samples: shown.append((frames, samples))
    exec(compile(live, "README.md", "exec"), names)  # noqa: S102

    frames, samples = (sum(map(len, kind)) for kind in zip(*shown, strict=True))
    assert frames >= 50
    assert samples == frames * 48_000 // 25


def test_the_readme_names_every_option_that_a_user_may_give() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    left_to_the_help = {"overwrite", "output", "batch_size", "portrait", "audio"}

    names = inspect.signature(animate).parameters.keys() - left_to_the_help
    options = {f"--{name.replace('_', '-')}" for name in names if not name.endswith("_option")}

    assert {option for option in options if f"`{option}`" not in readme} == set()


def test_the_readme_lists_the_exit_statuses() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    classes = (
        NoFaceError, InputError, MediaError, WeightsError, OutputError, DeviceError,
    )  # fmt: skip

    for status in {0, 1, 2, 130, 141, *(error.exit_code for error in classes)}:
        assert f"\n| {status} |" in readme
