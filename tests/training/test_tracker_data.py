"""Labels, animated portraits and the tracker's report, on a few real files where there are some."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from speech2face.evaluation.tracker import evaluate
from speech2face.face.rig import load_rig
from speech2face.generators.warp.latents import unpack
from speech2face.training.tracker.animate import (
    animate_portraits,
    animated_samples,
    draw_latents,
)
from speech2face.training.tracker.labels import clip_samples, label_folder, portrait_samples

DATA = os.environ.get("SPEECH2FACE_DATA")


def test_drawn_faces_blink_speak_and_turn_but_not_beyond_what_the_rig_can() -> None:
    rig = load_rig()

    latents = unpack(draw_latents(rig, 200, np.random.default_rng(0)))

    assert latents.weights.min() >= 0
    assert latents.weights.max() <= 1
    for channel in ("eyeBlink_L", "eyeBlink_R", "jawOpen", "mouthSmile_L"):
        moved = latents.weights[:, rig.index(channel)] > 0
        assert 0.15 < moved.mean() < 0.85
    assert 3 < latents.pose.std() < 7


def test_without_animated_portraits_there_are_no_samples_of_them(tmp_path: Path) -> None:
    assert animated_samples(tmp_path) == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two portraits and two clips, one of each held out, with the teacher's labels."""
    if DATA is None:
        pytest.skip("set SPEECH2FACE_DATA to a folder with portraits/, grid/ and models/")
    pytest.importorskip("ai_edge_litert", reason="the teacher needs LiteRT (extra train)")
    data = tmp_path_factory.mktemp("tracker")
    (data / "portraits").mkdir()
    for number in ("0011", "0009"):
        shutil.copy(Path(DATA) / "portraits" / f"p{number}.jpg", data / "portraits")
    for speaker in ("s2", "s31"):
        (data / "grid" / speaker).mkdir(parents=True)
        clip = min((Path(DATA) / "grid" / speaker).glob("*.mp4"))
        shutil.copy(clip, data / "grid" / speaker)
    (data / "models").symlink_to(Path(DATA) / "models")
    task = next((data / "models").glob("face_landmarker*.task"))
    label_folder(data, data / "labels", task)
    return data


def test_labels_are_made_once(folder: Path) -> None:
    files = sorted((folder / "labels").rglob("*.npz"))
    before = [file.stat().st_mtime_ns for file in files]

    label_folder(folder, folder / "labels", next((folder / "models").glob("*.task")))

    assert len(files) == 3
    assert [file.stat().st_mtime_ns for file in files] == before


def test_the_split_keeps_people_apart(folder: Path) -> None:
    labels = folder / "labels"

    assert len(portrait_samples(folder, labels, held_out=False)) == 1
    assert len(portrait_samples(folder, labels, held_out=True)) == 1
    seen = clip_samples(folder, labels, frames=5, held_out=False)
    assert {sample.group for sample in seen} == {"s2"}
    assert len(seen) == 5


@pytest.mark.slow
def test_animated_portraits_are_labelled_by_what_they_show(folder: Path) -> None:
    labels = folder / "labels"
    portraits = portrait_samples(folder, labels, held_out=False)

    animate_portraits(portraits, labels, next((folder / "models").glob("*.task")), count=1)

    samples = animated_samples(labels)
    assert len(samples) >= 3
    openings = [float(s.mesh[14, 1] - s.mesh[13, 1]) for s in samples]
    assert np.ptp(openings) > 2


@pytest.mark.slow
def test_the_tracker_beats_the_mean_face_on_people_it_never_saw(folder: Path) -> None:
    report = evaluate(folder, folder / "labels", next((folder / "models").glob("*.task")))

    portraits = report.split("**")[2].splitlines()
    cells = [row.split("|") for row in portraits if row.count("|") > 5]
    lips = {row[1].strip(): float(row[3]) for row in cells[2:]}
    assert lips["tracker"] < min(2, lips["mean face on the detector's points"])
    assert "tracker, following" in report
