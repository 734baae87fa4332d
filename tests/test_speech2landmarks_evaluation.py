import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from spoken import corpora, stretch

from speech2face.evaluation import speech2landmarks as evaluation
from speech2face.evaluation.speech_conditions import CONDITIONS, conditions_table, noisy, telephone
from speech2face.evaluation.speech_scores import closure_frames, opening, row_of, score
from speech2face.models.speech2landmarks import Speech2LandmarksConfig, Speech2LandmarksNetwork
from speech2face.stages.speech2landmarks import Speech2Landmarks
from speech2face.training.speech2landmarks import Recipe


@pytest.fixture(scope="module")
def stage() -> Speech2Landmarks:
    torch.manual_seed(0)
    config = Speech2LandmarksConfig(channels=8, hidden=12, condition=4)
    return Speech2Landmarks(Speech2LandmarksNetwork(config).eval())


def test_the_truth_scores_fully_and_rest_scores_nothing():
    clip = stretch("a", "grid-s1")

    truth, rest = score(clip, clip.offsets, [0]), score(clip, np.zeros_like(clip.offsets), [0])

    assert (truth.error, truth.r, truth.amplitude) == pytest.approx((0, 1, 1))
    assert (rest.error, rest.r, rest.silence) == pytest.approx((rest.rest_error, 0, 0), abs=1e-6)


@pytest.mark.parametrize("lag", [-3, 0, 5])
def test_a_lag_is_read_back(lag: int):
    clip = stretch("a", "grid-s1")

    row = row_of([score(clip, np.roll(clip.offsets, lag, 0), [])])

    assert row["best lag"] == lag
    assert row["closures met"] is None


def test_a_mouth_that_never_closes_misses_closures():
    clip = stretch("a", "grid-s1")
    gaping = np.zeros_like(clip.offsets)
    gaping[:, 65:68, 1] = 0.1

    assert score(clip, gaping, [20, 40]).closed == 0
    assert score(clip, clip.offsets, [1]).closed == 1
    assert opening(clip, gaping).min() > 0.05


def test_lips_that_move_in_silence_are_noticed():
    clip = stretch("a", "grid-s1")
    restless = clip.offsets + 0.05 * np.random.default_rng(0).standard_normal(clip.offsets.shape)

    assert score(clip, clip.offsets, []).silence < 0.05
    assert score(clip, restless.astype(np.float32), []).silence > 0.5


def test_closures_are_read_from_word_times(tmp_path: Path):
    path = tmp_path / "x.align"
    path.write_text(
        "0 10000 sil\n10000 20000 bin\n20000 30000 at\n30000 40000 m\n40000 50000 sil\n"
    )

    assert closure_frames(path) == [10, 39]
    assert closure_frames(tmp_path / "absent.align") == []


def test_energy_alone_opens_a_mouth_that_follows_loudness():
    clips = [stretch(f"a{i}", "grid-s1", seed=i) for i in range(4)]

    moved = evaluation.FromEnergy(clips)(clips[0])

    assert score(clips[0], moved, []).r > 0.6


def test_conditions_do_what_they_say():
    tone = np.sin(2 * np.pi * 5000 * np.arange(16_000) / 16_000).astype(np.float32)

    assert telephone(tone)[4000:12_000].std() < 0.05, "5 kHz does not pass"
    added = noisy(tone, 10.0) - tone
    assert 10 * np.log10((tone**2).mean() / (added**2).mean()) == pytest.approx(10, abs=0.3)


def test_the_table_of_conditions_starts_without_change(stage: Speech2Landmarks):
    table = conditions_table([stretch("a", "grid-s1")], stage)

    assert [row["sound"] for row in table.rows] == list(CONDITIONS)
    assert table.rows[0]["change of the movement, %"] == 0


def test_the_command_writes_tables_and_a_plot(
    tmp_path: Path, stage: Speech2Landmarks, monkeypatch: pytest.MonkeyPatch
):
    from dataclasses import asdict

    from speech2face.checkpoints.store import write_weights

    prepared, weights, out = (
        corpora(tmp_path / "prepared"),
        tmp_path / "w.safetensors",
        tmp_path / "out",
    )
    write_weights(weights, stage.network.state_dict(), asdict(stage.network.config))
    monkeypatch.setattr(
        sys,
        "argv",
        ["evaluate", "--prepared", str(prepared), "--weights", str(weights), "--out", str(out)],
    )

    evaluation.main()

    text = (out / "speech2landmarks.md").read_text(encoding="utf-8")
    rows = json.loads((out / "speech2landmarks.json").read_text(encoding="utf-8"))["rows"]
    assert {row["clips of"] for row in rows} == {"s1 (new clips)", "s31 (new person)"}
    by_row = {row["row"]: row for row in rows if row["clips of"].startswith("s31")}
    assert by_row["ground truth"]["r"] == pytest.approx(1)
    assert by_row["rest"]["error / rest"] == pytest.approx(1)
    assert by_row["real, 5 frames late"]["best lag"] == 5
    assert "other conditions" in text
    assert (out / "speech2landmarks.png").stat().st_size > 10_000


def test_the_shipped_network_is_scored_where_no_file_is_named():
    assert evaluation.load_stage(None).network.config == Speech2LandmarksConfig()
    assert Recipe().held_out_every == {"grid-s1": 10}
