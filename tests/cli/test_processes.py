"""What happens around a command: signals, full disks, closed pipes, odd names, files in its way."""

import os
import shutil
import signal
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from clips import video
from forked import Commands, Running

from speech2face.__main__ import main
from speech2face.stages.artifacts import Origin, load_track, save_track
from speech2face.types import LatentTrack

SMALL = ("--crop", "--size", "64", "--progress", "none")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, portrait: Path, speech: Path) -> Path:
    """Give a folder with inputs, and what the stages make of them."""
    folder = tmp_path_factory.mktemp("made")
    shutil.copy(portrait, folder / "me.png")
    shutil.copy(speech, folder / "s.wav")
    video(folder / "v.mp4")
    points, values = str(folder / "a.npz"), str(folder / "l.npz")
    assert main(["landmarks", str(speech), "--portrait", str(portrait), "-o", points]) == 0
    assert main(["latents", str(portrait), points, "-o", values]) == 0
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder with a copy of all that."""
    for path in made.iterdir():
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@contextmanager
def speaking(commands: Commands, portrait: Path, speech: Path, folder: Path) -> Iterator[Running]:
    """Animate sound of which more may always come, until the video is being written."""
    entrance, exit_ = os.pipe()
    with (folder.parent / "said").open("wb") as said:
        running = commands.start(
            "animate", portrait, "-", "-o", "z.mp4", *SMALL, cwd=folder, stdin=entrance, stderr=said
        )
    os.close(entrance)
    with os.fdopen(exit_, "wb") as pipe:
        pipe.write(speech.read_bytes())
        pipe.flush()
        while not list(folder.glob(".z*.mp4")):
            time.sleep(0.01)
        yield running


@pytest.mark.parametrize("name", ["SIGHUP", "SIGTERM", "SIGINT", "SIGQUIT"])
def test_a_command_that_a_signal_ends_leaves_nothing_behind(
    commands: Commands, portrait: Path, cut_speech: Callable, tmp_path: Path, name: str
) -> None:
    folder, number = tmp_path / "out", signal.Signals[name]
    folder.mkdir()

    with speaking(commands, portrait, cut_speech(3), folder) as running:
        running.send_signal(number)
        status = running.wait()

    assert status == 128 + number
    assert list(folder.iterdir()) == []
    assert "Traceback" not in (tmp_path / "said").read_text()


def test_a_video_whose_sidecar_cannot_be_written_does_not_appear(
    commands: Commands, portrait: Path, speech: Path, cut_speech: Callable, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()

    with speaking(commands, portrait, cut_speech(3), folder) as running:
        (folder / "z.json").mkdir()  # somebody takes the name while frames are drawn
    assert running.wait() == 7
    assert [path.name for path in folder.iterdir()] == ["z.json"]

    (folder / "z.mp4.json").mkdir()
    done = commands.run("animate", portrait, speech, "-o", "z.mp4", *SMALL, cwd=folder)
    assert done.returncode == 7
    assert "warp on" not in done.stderr.decode()  # before any work
    assert sorted(path.name for path in folder.iterdir()) == ["z.json", "z.mp4.json"]


WRITING = {
    "animate": ("animate", "me.png", "s.wav", "-o", "x.mp4", *SMALL),
    "landmarks": ("landmarks", "s.wav", "-o", "x.npz"),
    "plot": ("landmarks", "s.wav", "-o", "x.npz", "--plot", "x.png"),
    "latents": ("latents", "me.png", "a.npz", "-o", "x.npz"),
    "render": ("render", "me.png", "l.npz", "-o", "x.mp4", *SMALL),
    "mux": ("mux", "v.mp4", "s.wav", "-o", "x.mp4"),
    "gif": ("gif", "v.mp4", "-o", "x.gif"),
}


@pytest.mark.parametrize("command", WRITING)
def test_a_disk_that_fills_up_leaves_no_part(commands: Commands, here: Path, command: str) -> None:
    before = contents(here)
    room = 40_000 if command == "plot" else 1500  # the stage file fits, its plot does not

    done = commands.run(*WRITING[command], cwd=here, largest_file=room)

    said = done.stderr.decode().splitlines()
    assert (done.returncode, done.stdout) == (7, b""), said
    assert "the disk is full" in said[-1]
    assert contents(here) == before


def test_names_that_are_no_text_go_through_every_command(commands: Commands, here: Path) -> None:
    for name in ("me.png", "s.wav"):
        (here / name).rename(here / os.fsdecode(b"\xff\xfe" + name.encode()))
    steps = (
        (b"animate", b"\xff\xfeme.png", b"\xff\xfes.wav", b"-o", b"z\xff.mp4", *SMALL),
        (b"landmarks", b"\xff\xfes.wav", b"--portrait", b"\xff\xfeme.png", b"-o", b"a\xff.npz"),
        (b"latents", b"\xff\xfeme.png", b"a\xff.npz", b"-o", b"l\xff.npz"),
        (b"render", b"\xff\xfeme.png", b"l\xff.npz", b"-o", b"r\xff.mp4", *SMALL),
        (b"mux", b"r\xff.mp4", b"\xff\xfes.wav", b"-o", b"m\xff.mp4"),
        (b"gif", b"m\xff.mp4", b"-o", b"g\xff.gif"),
    )
    for words in steps:
        done = commands.run(*words, cwd=here)
        assert done.returncode == 0, done.stderr.decode()
        output = words[words.index(b"-o") + 1]
        assert done.stdout == output + b"\n"
        assert (here / os.fsdecode(output)).is_file()
    assert (here / os.fsdecode(b"z\xff.json")).is_file()


@pytest.mark.parametrize("words", [("--help",), ("doctor",), ("weights", "list")], ids="-".join)
def test_what_nobody_reads_ends_with_141_and_a_word(
    commands: Commands, tmp_path: Path, words: tuple[str, ...]
) -> None:
    entrance, exit_ = os.pipe()
    os.close(entrance)
    with (tmp_path / "said").open("wb") as said:
        running = commands.start(*words, stdout=exit_, stderr=said)
    os.close(exit_)

    assert running.wait() == 141
    (line,) = (tmp_path / "said").read_text().splitlines()
    assert "what reads the output has ended" in line


def gsm(blocks: int) -> bytes:
    """A WAV as telephone systems write it: GSM 6.10, 320 samples in 65 bytes."""
    form = struct.pack("<HHIIHHHH", 0x31, 1, 8000, 1625, 65, 0, 2, 320)
    data = np.random.default_rng(0).bytes(65 * blocks)
    chunks = [(b"fmt ", form), (b"fact", struct.pack("<I", 320 * blocks)), (b"data", data)]
    body = b"WAVE" + b"".join(name + struct.pack("<I", len(part)) + part for name, part in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("fps", ["30", "29.97"])
def test_gsm_at_any_rate_becomes_a_video(here: Path, probe: Callable, fps: str) -> None:
    (here / "gsm.wav").write_bytes(gsm(10))  # 0.4 s

    assert main(["animate", "me.png", "gsm.wav", "-o", "z.mp4", "--fps", fps, *SMALL]) == 0

    assert probe(here / "z.mp4").frames == 12
    assert "aac" in probe(here / "z.mp4").audio


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"values": np.zeros((3, 5), np.float32)}, "holds 5 values a frame, warp draws"),
        ({"space": "facevid2vid"}, "values a frame, facevid2vid draws"),
        ({"space": "nowhere"}, "no generator named 'nowhere'"),
        ({"space": "facevid2vid:gone"}, "no weights named 'gone'"),
    ],
)
def test_latents_of_a_wrong_width_or_space_are_refused(
    here: Path, capsys: pytest.CaptureFixture[str], change: dict[str, object], said: str
) -> None:
    arrays = dict(np.load("l.npz"))
    np.savez("wrong.npz", **{**arrays, **change})

    assert main(["render", "me.png", "wrong.npz", "-o", "x.mp4", *SMALL]) in {4, 6}
    assert said in capsys.readouterr().err
    assert not (here / "x.mp4").exists()


@pytest.mark.parametrize("wanted", ["results", "results/", "~/results"])
def test_a_folder_that_is_not_there_is_said_to_be_missing(
    here: Path, capsys: pytest.CaptureFixture[str], wanted: str
) -> None:
    assert main(["animate", "me.png", "s.wav", "--result_dir", wanted, *SMALL]) == 7

    said = capsys.readouterr().err
    assert "home folder" in said if wanted.startswith("~") else "create the folder" in said
    assert not (here / "results").exists()


@pytest.mark.parametrize(
    ("name", "hint"),
    [("'s'", "quotes"), ("file:///s", "file://"), ("~/s", "the shell left ~"), ("s ", "a space")],
)
def test_every_command_says_what_is_wrong_with_a_name(
    here: Path, capsys: pytest.CaptureFixture[str], name: str, hint: str
) -> None:
    inputs = ("me.png", "s.wav", "-o", "x.mp4")
    for words in (
        ("landmarks", name, "-o", "x.npz"), ("latents", "me.png", name, "-o", "x.npz"),
        ("render", "me.png", name, "-o", "x.mp4"), ("mux", name, "s.wav", "-o", "x.mp4"),
        ("gif", name, "-o", "x.gif"), ("animate", *inputs, f"--timeline={name}"),
        ("animate", *inputs, f"--pose={name}"), ("animate", *inputs, f"--speech2landmarks={name}"),
        ("weights", "import", name, "--name", "x"),
    ):  # fmt: skip
        assert main(words) == 4, words
        assert hint in capsys.readouterr().err, words
    assert not list(here.glob("x.*"))


@pytest.mark.parametrize("command", ["landmarks", "latents", "render", "mux", "gif"])
def test_only_animate_writes_to_standard_output(
    here: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    words = list(WRITING[command])
    words[words.index("-o") + 1] = "-"

    assert main(words) in {4, 7}
    capsys.readouterr()
    assert not (here / "-").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("benchmark", "me.png", "s.wav", "--seconds", "nan"),
        ("benchmark", "me.png", "s.wav", "--live", "--seconds", "0"),
        ("gif", "v.mp4", "-o", "x.gif", "--width", "999999999"),
        ("pairs", "pack", ".", "-o", "s.wav"), ("pairs", "pack", ".", "-o", "x"),
        ("animate", "me.png", "s.wav", "-o", "o" * 251 + ".mp4"),
    ],
)  # fmt: skip
def test_what_no_command_can_do_is_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    before = contents(here)

    assert main(words) in {4, 7}

    assert capsys.readouterr().err.count("\n") == 1
    assert contents(here) == before


@pytest.mark.parametrize("content", [b'{"error": "404"}', b"RIFF....WAVEfmt ", b"PK\x05\x06", b"?"])
def test_what_is_no_checkpoint_is_not_called_code(
    here: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    (here / "x.pth").write_bytes(content)

    assert main(["weights", "import", "x.pth", "--name", "x"]) == 6
    assert "is no checkpoint by its first bytes" in capsys.readouterr().err


def test_a_stage_file_made_before_origins_were_kept_is_taken_with_a_word(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_track(Path("old.npz"), load_track(Path("l.npz"), LatentTrack))
    save_track(Path("you.npz"), load_track(Path("l.npz"), LatentTrack), origin=Origin(portrait="x"))
    drawn = ("--preview", "1", *SMALL)

    assert main(["render", "me.png", "old.npz", "-o", "x.mp4", *drawn]) == 0
    assert "does not say what it was made from" in capsys.readouterr().err
    assert main(["render", "me.png", "you.npz", "-o", "y.mp4", *drawn]) == 4
    assert not (here / "y.mp4").exists()


KILLS = int(os.environ.get("SPEECH2FACE_KILLS", "0"))


@pytest.mark.skipif(not KILLS, reason="on demand: SPEECH2FACE_KILLS=30")
@pytest.mark.parametrize("command", WRITING)
def test_killed_at_any_moment_a_command_harms_nothing(
    commands: Commands, here: Path, command: str
) -> None:
    started = time.perf_counter()
    assert commands.run(*WRITING[command], cwd=here).returncode == 0
    whole = time.perf_counter() - started
    before = contents(here)  # the inputs, and what an earlier run has made

    for share in np.random.default_rng(0).uniform(0, 1.1, KILLS):
        running = commands.start(*WRITING[command], "-y", cwd=here)
        time.sleep(share * whole)
        running.send_signal(signal.SIGKILL)
        running.wait()
        now = contents(here)
        assert {name: now.get(name) for name in before if not name.startswith("x")} == {
            name: before[name] for name in before if not name.startswith("x")
        }
        for name in before:  # as it was, or as the run has finished it
            assert name in now, name
            assert abs(len(now[name]) - len(before[name])) < 200, name
    assert commands.run(*WRITING[command], "-y", cwd=here).returncode == 0
