"""No command ever writes over what it reads, however that is spelled."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from clips import video
from PIL import Image

from speech2face.__main__ import main
from speech2face.media.output import check_outputs
from speech2face.stages.artifacts import save_track
from speech2face.types import LandmarkTrack, LatentTrack

FPS = 25


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Write one input of every kind into the current folder."""
    from fractions import Fraction

    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 64)).save("me.png")
    soundfile.write("s.wav", np.zeros(1600), 16_000)
    video(Path("v.mp4"))
    Path("t.json").write_text('{"blink": "off"}')
    points = np.zeros((3, 70, 3), np.float32)
    save_track(Path("a.npz"), LandmarkTrack(points=points, fps=Fraction(FPS)))
    values = np.zeros((3, 4), np.float32)
    save_track(Path("l.npz"), LatentTrack(values=values, space="warp", fps=Fraction(FPS)))
    return {path.name: path.read_bytes() for path in tmp_path.iterdir()}


SPELLINGS: list[Callable[[str], str]] = [
    lambda name: name, lambda name: f"./{name}", lambda name: f"../{Path.cwd().name}/{name}",
    lambda name: str(Path.cwd() / name), lambda name: f"link-{name}", lambda name: f"hard-{name}",
]  # fmt: skip
COMMANDS = [
    ("landmarks", "s.wav", "-o", "{s.wav}"),
    ("landmarks", "s.wav", "--portrait", "me.png", "-o", "x.npz", "--plot", "{me.png}"),
    ("latents", "me.png", "a.npz", "-o", "{a.npz}"),
    ("latents", "me.png", "a.npz", "--audio", "s.wav", "-o", "{s.wav}"),
    ("latents", "me.png", "a.npz", "--timeline", "t.json", "-o", "{t.json}"),
    ("render", "me.png", "l.npz", "-o", "x.mp4", "--plot", "{l.npz}"),
    ("mux", "v.mp4", "s.wav", "-o", "{v.mp4}"),
    ("gif", "v.mp4", "-o", "{v.mp4}"),
    ("finetune", "v.mp4", "-o", "{v.mp4}"),
    ("animate", "me.png", "v.mp4", "-o", "{v.mp4}"),
    ("animate", "me.png", "s.wav", "--timeline", "t.json", "-o", "{t.json}"),
]


@pytest.mark.parametrize("spelling", range(len(SPELLINGS)))
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: "-".join(command)[:40])
def test_an_output_is_never_an_input(
    files: dict[str, bytes],
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
    spelling: int,
) -> None:
    for name in files:
        Path(f"link-{name}").symlink_to(name)
        os.link(name, f"hard-{name}")
    words = [SPELLINGS[spelling](word[1:-1]) if word.startswith("{") else word for word in command]

    status = main([*words, "-y"])

    assert status == 4
    assert "is an input, and inputs are never written to" in capsys.readouterr().err
    assert {name: Path(name).read_bytes() for name in files} == files


def test_two_outputs_are_two_files(
    files: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["landmarks", "s.wav", "-o", "x.npz", "--plot", "./x.npz"]) == 4
    assert "named for two outputs" in capsys.readouterr().err
    assert set(files) == {path.name for path in Path.cwd().iterdir()}


def test_a_timeline_named_like_the_sidecar_is_kept(
    files: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("z.json", "z.mp4.json"):
        Path(name).write_bytes(files["t.json"])

    command = ["animate", "me.png", "s.wav", "--timeline", "z.mp4.json", "-o", "z.mp4"]
    assert main(command) == 4
    assert "is an input" in capsys.readouterr().err
    assert Path("z.mp4.json").read_bytes() == files["t.json"]


@pytest.mark.parametrize("name", ["x" * 260 + ".mp4", "日" * 90 + ".mp4", "a/b/c.mp4", "x.avi"])
def test_a_name_that_cannot_be_written_is_refused_before_the_work(
    files: dict[str, bytes], name: str
) -> None:
    assert main(["animate", "me.png", "s.wav", "-o", name]) == 7
    assert set(files) == {path.name for path in Path.cwd().iterdir()}


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf"])
def test_a_length_that_is_none_is_refused(files: dict[str, bytes], seconds: str) -> None:
    assert main(["render", "me.png", "l.npz", "-o", "x.mp4", "--seconds", seconds]) == 4
    assert set(files) == {path.name for path in Path.cwd().iterdir()}


@pytest.mark.parametrize("device", ["meta", "nonsense", "cuda:99"])
def test_a_device_that_computes_nothing_is_refused(files: dict[str, bytes], device: str) -> None:
    del files
    assert main(["landmarks", "s.wav", "-o", "x.npz", "--device", device]) == 8


def test_a_web_page_is_no_checkpoint(
    files: dict[str, bytes], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPEECH2FACE_WEIGHTS", str(Path.cwd() / "weights"))
    Path("page.pth").write_text("<!DOCTYPE html><html>404</html>")

    assert main(["weights", "import", "page.pth", "--name", "x"]) == 6
    assert "is a web page" in capsys.readouterr().err
    del files


def test_inputs_that_are_no_paths_are_passed_over(tmp_path: Path) -> None:
    wanted = check_outputs(tmp_path / "a", None, inputs=[b"bytes", None, 3], overwrite=False)

    assert wanted == (tmp_path / "a",)
