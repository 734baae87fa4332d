"""The hearing learns to answer in time what it would answer with all of a sound at hand."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from spoken import TINY_HEARING, stretch

from speech2face.checkpoints.store import manifest, write_weights
from speech2face.errors import InputError
from speech2face.models.hearing import HearingNetwork
from speech2face.models.mel import CONTEXT
from speech2face.training.loop.log import read_log
from speech2face.training.loop.loop import run
from speech2face.training.speech.augment import AugmentConfig
from speech2face.training.speech.hearing import (
    VOICES,
    HearingRecipe,
    HearingTask,
    open_task,
    prepare_voices,
    ship,
)

WIDE = replace(TINY_HEARING, span=100, behind=20)
CLEAN = AugmentConfig(noise=0.0, room=0.0)


@pytest.fixture
def recipe(tmp_path: Path) -> HearingRecipe:
    torch.manual_seed(1)
    network = HearingNetwork(WIDE)
    torch.nn.init.normal_(network.places)
    path = tmp_path / "start.safetensors"
    write_weights(path, network.state_dict(), asdict(WIDE))
    return HearingRecipe(
        start=str(path), steps=60, rate=3e-3, warmup=2, cooldown=0, every=20, average=0.5, size=2,
        seconds=1.5, quietest=0.0, network=WIDE, augment=CLEAN,
    )  # fmt: skip


def voices() -> np.ndarray:
    sound = np.concatenate([stretch(f"v{i}", "v", seed=i).samples for i in range(3)])
    return np.round(sound * 32767).astype(np.int16)


def test_the_student_comes_nearer_to_its_teacher(recipe: HearingRecipe, tmp_path: Path):
    run(HearingTask(recipe, voices()), recipe, tmp_path / "run", device="cpu")

    rows = read_log(tmp_path / "run" / "log.jsonl")
    assert rows[-1]["features"] < 0.8 * rows[0]["features"]


def test_the_teacher_hears_what_the_student_does_and_the_student_hears_on(recipe: HearingRecipe):
    task = HearingTask(recipe, voices())

    clean, heard = task.draw(np.random.default_rng(0))

    assert clean.shape == (2, CONTEXT + task.length)
    assert heard.shape == (2, CONTEXT + task.length + WIDE.late * 320)
    heard = heard[:, : clean.shape[1]]
    assert np.corrcoef(clean[0], heard[0])[0, 1] > 0.99


def test_recordings_that_are_not_held_out_are_gathered_at_one_loudness(tmp_path: Path):
    folder = tmp_path / "speech_natural"
    folder.mkdir()
    (folder / "manifest.csv").write_text("file,split\na.wav,train\nb.wav,heldout\nc.wav,train\n")
    for name, level in (("a.wav", 0.01), ("b.wav", 0.1), ("c.wav", 0.2)):
        noise = np.random.default_rng(0).standard_normal(8000) * level
        soundfile.write(folder / name, noise, 16_000)

    assert prepare_voices(folder, tmp_path) == 2

    sound = np.load(tmp_path / VOICES) / 32767
    assert len(sound) == 16_000
    assert sound[:8000].std() == pytest.approx(sound[8000:].std(), rel=0.05)


def test_voices_that_are_missing_or_too_short_are_named(recipe: HearingRecipe, tmp_path: Path):
    with pytest.raises(InputError, match="only voices"):
        open_task(recipe, tmp_path)
    with pytest.raises(InputError, match="prepare more"):
        HearingTask(recipe, np.zeros(100, np.int16))


def test_a_trained_hearing_ships(recipe: HearingRecipe, tmp_path: Path):
    short = replace(recipe, steps=1)
    weights = run(HearingTask(short, voices()), short, tmp_path / "run", device="cpu")
    (tmp_path / "pretrained").mkdir()

    file = ship(weights, tmp_path / "pretrained")

    assert manifest(tmp_path / "pretrained")["hearing"].bytes == file.stat().st_size
