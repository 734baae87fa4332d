"""`speech2face finetune`: the shipped network gets used to one speaker, and is used afterwards."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from spoken import TINY_LIPS, stretch

from speech2face.__main__ import main
from speech2face.checkpoints.store import pretrained_folder, read_weights, write_weights
from speech2face.evaluation.speech.finetuned import finetuned_table
from speech2face.models.speech2landmarks import Speech2LandmarksNetwork
from speech2face.stages.speech2landmarks import Speech2Landmarks
from speech2face.timing import MOTION_FPS
from speech2face.training.speech.data import write_stretch
from speech2face.training.speech.recipe import Recipe, for_material
from speech2face.training.speech.talking_videos import CORPUS, Prepared, identity
from speech2face.types import LandmarkTrack, Speech


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Write a tiny network that has learnt nothing."""
    network = Speech2LandmarksNetwork(TINY_LIPS)
    path = tmp_path / "tiny.safetensors"
    write_weights(path, network.state_dict(), asdict(network.config))
    return path


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return a folder in which a speaker's video has been prepared already."""
    folder, video = tmp_path / "work", tmp_path / "me.mp4"
    video.write_bytes(b"prepared before")
    name = identity(video)
    for number in range(4):
        piece = stretch(f"{name}_{number:06d}", "own-me", 50, seed=number)
        write_stretch(folder / CORPUS, piece)
    facts = Prepared(
        video=str(video), size=video.stat().st_size, speaker="own-me", pieces=4, seconds=8.0,
        left_out=0.0, late=0.0,
    )  # fmt: skip
    (folder / CORPUS / f"{name}.json").write_text(json.dumps(asdict(facts)))
    return folder


@pytest.fixture
def recipe(tmp_path: Path, weights: Path) -> Path:
    """Write a recipe of two steps that begins with the tiny network."""
    path = tmp_path / "short.toml"
    path.write_text(
        f'system = "speech2landmarks"\nstart = "{weights}"\nsteps = 2\nheld_out_end = 0.25\n'
        "held_out_speakers = []\nheld_out_every = {}\nshares = { own = 1.0 }\n"
        "heard = 4\nhearing = 'random'\ntrust = {}\n[batch]\nsize = 2\nframes = 30\n"
    )
    return path


def finetune(work: Path, recipe: Path, output: Path) -> int:
    video = work.with_name("me.mp4")
    return main([
        "finetune", str(video), "-o", str(output), "--keep", str(work), "--recipe", str(recipe),
        "--device", "cpu", "--threads", "1", "--progress", "none",
    ])  # fmt: skip


def test_finetuning_writes_weights_and_tells_what_they_gain(
    work: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    output = tmp_path / "mine.safetensors"

    assert finetune(work, recipe, output) == 0

    told = capsys.readouterr().out
    assert "there already, 8.0 s in 4 pieces" in told
    for row in ("shipped", "fine-tuned", "fine-tuned, wrong audio", "rest", "ground truth"):
        assert f"| {row} |" in told
    assert told.splitlines()[-1] == str(output)
    assert "2 s" in told, "a quarter of eight seconds is held out"
    assert read_weights(output)[1]["hidden"] == 12
    assert finetune(work, recipe, output) == 7, "an output that exists is kept"


def test_finetuning_without_a_usable_video_ends_with_4(
    tmp_path: Path, recipe: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "me.mp4").write_bytes(b"no video")

    assert finetune(tmp_path / "work", recipe, tmp_path / "mine.safetensors") == 4

    first, last = capsys.readouterr().err.splitlines()
    assert first.endswith("passed over")
    assert last.startswith("speech2face: no video can be used; ")
    assert not (tmp_path / "mine.safetensors").exists()


def test_the_table_tells_a_better_network_from_a_worse_one(weights: Path):
    clips = [stretch(f"a_{i}", "me", seed=i) for i in range(2)]
    tiny = Speech2Landmarks.from_file(weights)

    class Knowing(Speech2Landmarks):
        """Knows the clips by their sound."""

        def __call__(
            self, speech: Speech, rest: np.ndarray, emotion: np.ndarray | None = None
        ) -> LandmarkTrack:
            del emotion
            clip = next(one for one in clips if np.array_equal(one.samples, speech.samples))
            return LandmarkTrack(points=rest + clip.offsets, fps=MOTION_FPS)

    table = finetuned_table(tiny, Knowing(tiny.network), clips)

    rows = {row["row"]: row for row in table.rows}
    assert rows["fine-tuned"]["r"] == pytest.approx(1.0, abs=1e-3)
    assert rows["fine-tuned"]["error / rest"] == pytest.approx(0.0, abs=1e-3)
    assert rows["rest"]["error / rest"] == pytest.approx(1.0)
    assert rows["ground truth"]["r"] == pytest.approx(1.0)
    assert rows["fine-tuned, wrong audio"]["r"] < 0.9


def test_more_material_gets_more_steps_up_to_five_times():
    plan = Recipe(steps=60, cooldown=40)

    assert [for_material(plan, seconds).steps for seconds in (20.0, 60.0, 150.0, 3600.0)] == [
        60, 60, 150, 300,
    ]  # fmt: skip
    assert for_material(plan, 120.0).cooldown == 80


def test_animate_uses_weights_of_ones_own_and_says_so(
    portrait: Path, speech: Path, weights: Path, tmp_path: Path
):
    output = tmp_path / "talk.mp4"
    options = ["--size", "64", "--crop", "--preview", "2", "--progress", "none"]

    status = main([
        "animate", str(portrait), str(speech), "-o", str(output), *options,
        "--speech2landmarks", str(weights),
    ])  # fmt: skip

    assert status == 0
    said = output.with_suffix(".json").read_text(encoding="utf-8")
    assert weights.name in said
    assert "speech2landmarks.safetensors" not in said


def test_the_stage_landmarks_uses_weights_of_ones_own(speech: Path, weights: Path, tmp_path: Path):
    shipped, own = tmp_path / "shipped.npz", tmp_path / "own.npz"

    assert main(["landmarks", str(speech), "-o", str(shipped)]) == 0
    assert main(["landmarks", str(speech), "-o", str(own), "--speech2landmarks", str(weights)]) == 0

    with np.load(shipped) as one, np.load(own) as other:
        assert one["points"].shape == other["points"].shape
        assert not np.array_equal(one["points"], other["points"])


def test_weights_of_another_network_are_refused(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    other = pretrained_folder() / "tracker.safetensors"
    command = ["landmarks", str(speech), "-o", str(tmp_path / "a.npz")]

    assert main([*command, "--speech2landmarks", str(other)]) == 6
    assert main([*command, "--speech2landmarks", str(tmp_path / "nobody.safetensors")]) == 6

    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"speech2face: {other} holds no weights of Speech2Landmarks (")
    assert "nobody.safetensors" in second
