import json
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from spoken import TINY_LIPS, corpora, stretch

from speech2face.__main__ import main
from speech2face.checkpoints.store import load, write_weights
from speech2face.errors import InputError
from speech2face.evaluation.speech import speech2landmarks as evaluation
from speech2face.evaluation.speech.conditions import CONDITIONS, conditions_table, noisy, telephone
from speech2face.evaluation.speech.criteria import criteria_table, sanity_table
from speech2face.evaluation.speech.rows import HABIT, OURS, UNSEEN, FromEnergy, Rowmaker
from speech2face.evaluation.speech.scores import (
    closure_frames,
    open_vowels,
    opening,
    punctual,
    row_of,
    score,
)
from speech2face.evaluation.speech.sheet import ROWS, Triple, choose, render, sheet
from speech2face.evaluation.speech.streaming import pieces, streaming_table
from speech2face.evaluation.speech.sync_network import SyncScorer, sync_table
from speech2face.face.choose import prepare_view
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.settings import Settings
from speech2face.media.image import read_image
from speech2face.media.video.encode import VideoWriter
from speech2face.models.speech2landmarks import Speech2LandmarksNetwork
from speech2face.models.sync import SyncConfig, SyncNetwork
from speech2face.stages.speech2landmarks import Speech2Landmarks
from speech2face.training.speech.data import write_stretch
from speech2face.training.speech.recipe import Recipe


@pytest.fixture(scope="module")
def stage() -> Speech2Landmarks:
    torch.manual_seed(0)
    return Speech2Landmarks(Speech2LandmarksNetwork(TINY_LIPS).eval())


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

    moved = FromEnergy(clips)(clips[0])

    assert score(clips[0], moved, []).r > 0.6


def test_a_known_habit_takes_out_what_all_clips_of_a_person_have_in_common(
    stage: Speech2Landmarks,
):
    clips = [stretch(f"s31_{i}", "grid-s31", seed=i) for i in range(3)]
    wide = [replace(clip, offsets=clip.offsets + np.float32(0.3)) for clip in clips]
    rowmaker = Rowmaker(stage, FromEnergy(clips), lambda _: [])

    rowmaker.add(wide)

    rows = rowmaker.rows(wide)
    assert float(str(rows[OURS]["error"])) > 0.3
    assert float(str(rows[HABIT]["error"])) < 0.1


def test_conditions_do_what_they_say():
    tone = np.sin(2 * np.pi * 5000 * np.arange(16_000) / 16_000).astype(np.float32)

    assert telephone(tone)[4000:12_000].std() < 0.05, "5 kHz does not pass"
    added = noisy(tone, 10.0) - tone
    assert 10 * np.log10((tone**2).mean() / (added**2).mean()) == pytest.approx(10, abs=0.3)


def test_the_table_of_conditions_starts_without_change(stage: Speech2Landmarks):
    table = conditions_table([stretch("a", "grid-s1")], stage)

    assert [row["sound"] for row in table.rows] == list(CONDITIONS)
    assert table.rows[0]["change of the movement, %"] == 0


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory, stage: Speech2Landmarks) -> Path:
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    write_weights(path, stage.network.state_dict(), asdict(stage.network.config))
    return path


@pytest.fixture(scope="module")
def sync_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = SyncNetwork(SyncConfig(channels=8, blocks=1, size=8))
    path = tmp_path_factory.mktemp("sync") / "sync.safetensors"
    write_weights(path, network.state_dict(), asdict(network.config))
    return path


def test_the_command_writes_tables_and_a_plot(tmp_path: Path, weights: Path, sync_weights: Path):
    prepared, out = corpora(tmp_path / "prepared"), tmp_path / "out"

    status = main([
        "evaluate", "speech2landmarks", "--prepared", str(prepared), "--weights", str(weights),
        "-o", str(out), "--sync-weights", str(sync_weights), "--other", str(weights),
    ])  # fmt: skip

    assert status == 0

    text = (out / "speech2landmarks.md").read_text(encoding="utf-8")
    rows = json.loads((out / "speech2landmarks.json").read_text(encoding="utf-8"))["rows"]
    assert {row["clips of"] for row in rows} == {
        "s1 (new clips)", "s31 (new person)", "new clips", "new people",
    }  # fmt: skip
    by_row = {row["row"]: row for row in rows if row["clips of"].startswith("s31")}
    assert {row["n"] for row in by_row.values()} == {8}
    assert by_row["ground truth"]["r"] == pytest.approx(1)
    assert by_row["ground truth"]["error / energy"] == pytest.approx(0)
    assert by_row["rest"]["error / rest"] == pytest.approx(1)
    assert by_row["real, 5 frames late"]["best lag"] == 5
    assert by_row["real, 5 frames late"]["lag within ±1, over 10"] == 0
    assert all(abs(row["sync"]) <= 1 for row in rows)
    for title in ("other conditions", "be believed", "streaming", "sync network", "asked for"):
        assert title in text
    checks = json.loads((out / "speech2landmarks_sanity.json").read_text(encoding="utf-8"))["rows"]
    assert checks[0]["new people"] == "yes"
    assert (out / "speech2landmarks.png").stat().st_size > 10_000


def test_a_folder_without_clips_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="held out"):
        evaluation.tables(evaluation.Case(prepared=tmp_path))


def test_lips_that_follow_their_sound_late_are_held_against_it_in_time_when_asked(tmp_path: Path):
    late = replace(stretch("s31_a", "grid-s31"), late=2.0)
    write_stretch(tmp_path / "grid", late)

    _, (as_filmed,) = evaluation.material(evaluation.Case(prepared=tmp_path), Recipe())
    _, (moved,) = evaluation.material(evaluation.Case(prepared=tmp_path, in_time=True), Recipe())

    assert moved.offsets[:-2] == pytest.approx(as_filmed.offsets[2:])


def test_sheets_without_recordings_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="--data and --output"):
        evaluation.draw(evaluation.Case(prepared=tmp_path), 2, "warp", None)


def test_an_open_vowel_that_stays_shut_counts_and_a_short_one_does_not():
    clip = stretch("a", "grid-s1")
    phones = np.zeros(75, np.int8)
    phones[20:25] = phones[40:42] = 13
    clip = replace(clip, phones=phones)
    gaping = np.zeros_like(clip.offsets)
    gaping[:, 65:68, 1] = 0.1

    assert open_vowels(clip) == [(20, 25)]
    assert (score(clip, 0 * gaping, []).swallowed, score(clip, gaping, []).swallowed) == (1, 0)


def test_groups_of_ten_are_late_when_their_movements_are():
    clips = [stretch(f"a{i}", "grid-s1", seed=i) for i in range(12)]

    def late(lag: int) -> float | None:
        return punctual([score(one, np.roll(one.offsets, lag, 0), []) for one in clips])

    assert (late(0), late(1), late(3)) == (1, 1, 0)
    assert punctual([score(one, 0 * one.offsets, []) for one in clips]) is None


def test_criteria_hold_figures_against_their_limits():
    rows = {
        OURS: {"error / rest": 0.5, "r": 0.9, "amplitude": 1.3, "closures met": None},
        "wrong audio": {"r": 0.4},
    }

    table = criteria_table({UNSEEN: rows})

    met = {row["what"]: row["met"] for row in table.rows}
    assert met["lip error over that of rest"] == "yes"
    assert met["r above wrong audio"] == "yes"
    assert met["amplitude"] == "no"
    assert met["closures met"] is None
    assert {row["of"] for row in table.rows} == {UNSEEN}


def test_rows_in_the_wrong_order_are_called_out():
    names = (OURS, "ground truth", "rest", "from energy", "wrong audio", "real, 5 frames late")
    same = {name: {"error": 0.1, "r": 0.5, "error / rest": 0.5, "best lag": 0} for name in names}

    table = sanity_table({"all": same})

    assert sum(row["all"] == "NO" for row in table.rows) == 10


def test_streaming_gives_what_one_piece_gives(stage: Speech2Landmarks):
    table = streaming_table([stretch("a", "grid-s1")], stage, [stage])

    assert [row["largest difference"] for row in table.rows[:4]] == pytest.approx([0] * 4, abs=1e-5)
    assert table.rows[4]["look-ahead, ms"] == 120
    assert table.rows[5]["lost by the scored, %"] == pytest.approx(0)
    assert [len(piece) for piece in pieces(np.zeros(10), 4)] == [4, 4, 2]


def test_the_sync_table_moves_sound_and_lips_against_each_other(sync_weights: Path):
    class Remembering(SyncScorer):
        def window(self, samples: np.ndarray, offsets: np.ndarray, sound: int, lips: int) -> float:
            seen.append((sound - lips, bool(offsets.any())))
            return super().window(samples, offsets, sound, lips)

    seen: list[tuple[int, bool]] = []
    clips = [stretch(f"a{i}", "grid-s1", seed=i) for i in range(2)]

    table = sync_table(clips, Remembering(sync_weights))

    assert seen[:4] == [(0, True), (-5, True), (5, True), (0, True)]
    assert seen[5] == (0, False)
    assert [row["windows"] for row in table.rows if row["clips of"] == "all"] == [8] * 6
    assert all(abs(row["sync"]) <= 1 for row in table.rows)


def test_clips_for_sheets_come_from_all_speakers_in_turn():
    clips = [stretch(f"{who}_{i}", f"grid-{who}") for who in ("s1", "s31") for i in range(9)]

    chosen = choose(clips, 4)

    assert [clip.name for clip in chosen] == ["s1_0", "s31_0", "s1_8", "s31_8"]


def test_a_sheet_shows_every_frame_three_times(portrait: Path, engine: Speech2Face):
    picture = prepare_view(read_image(portrait), engine.parts(Settings()).tracker, size=64)
    frames = np.zeros((17, 64, 64, 3), np.uint8)

    drawn = sheet(Triple(rows=(frames, frames, frames), portrait=picture))

    assert drawn.shape[0] % (2 * len(ROWS)) == 0, "two bands of three rows"
    assert drawn.shape[1] % 15 == 0


def test_a_recording_is_drawn_from_its_sound_and_from_its_landmarks(
    portrait: Path, engine: Speech2Face, stage: Speech2Landmarks, tmp_path: Path
):
    picture = read_image(portrait)
    video = tmp_path / "clip.mp4"
    with VideoWriter(
        video, size=(picture.shape[1], picture.shape[0]), fps=Fraction(25), sound=None,
        overwrite=False, tags={},
    ) as writer:  # fmt: skip
        for _ in range(26):
            writer.write(picture)
    clip = stretch("s1_clip", "grid-s1", 26)
    opened = np.sin(np.arange(26) / 3).clip(0)
    clip.offsets[:, [*range(55, 60), 65, 66, 67], 1] = 0.15 * opened[:, None]

    parts = engine.parts(Settings())
    triple = render(parts, stage, clip, video)

    real, _, truth = triple.rows
    assert real.shape == truth.shape == (26, 256, 256, 3)
    moved = np.abs(truth.astype(int) - truth[:1]).mean((1, 2, 3))
    assert np.corrcoef(moved, opened)[0, 1] > 0.8
    assert np.abs(real.astype(int) - real[:1]).mean() < 2
    with pytest.raises(InputError, match="prepare the corpus again"):
        render(parts, stage, stretch("s1_clip", "grid-s1", 40), video)


def test_the_shipped_network_is_scored_where_no_file_is_named():
    _, shipped = load("speech2landmarks")
    network = evaluation.load_stage(None).network
    assert json.loads(json.dumps(asdict(network.config))) == shipped
    assert Recipe().held_out_every == {"grid-s1": 10}
