"""The comparison of generators: the truth is perfect, the still picture is not, order is hidden."""

import json
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from speech2face.errors import InputError
from speech2face.evaluation.generators import report as generators
from speech2face.evaluation.generators import side_by_side
from speech2face.evaluation.generators.cases import Case, animated_cases, head_cases, real_cases
from speech2face.evaluation.generators.identity import IdentityJudge
from speech2face.evaluation.generators.measures import COLUMNS, Bench, paired_table, score_table
from speech2face.evaluation.generators.rows import GeneratorRow, StillRow, TruthRow
from speech2face.evaluation.generators.stage import Stage, kept_identity
from speech2face.evaluation.material import GridClip
from speech2face.face.rig import load_rig
from speech2face.face.teacher import TeacherFace
from speech2face.face.track import FaceTracker
from speech2face.face.view import cut_view
from speech2face.generators.warp.generator import WarpGenerator
from speech2face.generators.warp.latents import pack
from speech2face.media.image import read_image
from speech2face.media.video.encode import VideoWriter
from speech2face.models.identity import IdentityNetwork
from speech2face.motion.motion import Motion
from speech2face.synthesis.pairs import IdentityFrames, write_identity
from speech2face.types import joined

EXAMPLE = Path(__file__).parents[2] / "examples" / "portrait.png"
CPU = torch.device("cpu")
RIG = load_rig()


@pytest.fixture(scope="module")
def motion() -> Motion:
    weights = np.zeros((9, len(RIG.names)), np.float32)
    weights[:, RIG.index("jawOpen")] = np.linspace(0.1, 0.5, 9)
    weights[4, [RIG.index("eyeBlink_L"), RIG.index("eyeBlink_R")]] = 1
    pose = np.zeros((9, 3), np.float32)
    pose[:, 0] = np.linspace(0, 6, 9)
    return Motion.of(weights, pose=pose)


@pytest.fixture(scope="module")
def heads(tmp_path_factory, tracker: FaceTracker, motion: Motion) -> Path:
    """Write the example's portrait, animated, as if it were a rendered head that is held out."""
    image = read_image(EXAMPLE)
    portrait = cut_view(image, tracker.find(image)[0], 256)
    generator = WarpGenerator(CPU)
    state = generator.encode([portrait])
    shown = joined([Motion.of(motion.weights[:1] * 0), motion])
    folder = tmp_path_factory.mktemp("heads")
    write_identity(
        folder / "head_0009.npz",
        IdentityFrames(
            kind="heads", identity="head 9", held_out=True,
            frames=generator.render(state, pack(shown)), meshes=state.points.meshes(shown),
        ),
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def case(heads: Path) -> Case:
    return next(head_cases(list(heads.glob("*.npz"))))


class TrackerJudge:
    """Our own tracker as a judge: the real one needs a file that a user brings."""

    def __init__(self, tracker: FaceTracker) -> None:
        self._tracker = tracker
        self.reset()

    def reset(self) -> None:
        """Forget the last face."""
        self._last = None

    def __call__(self, image: np.ndarray) -> TeacherFace | None:
        """Follow the face."""
        self._last = self._tracker.follow(image, self._last)
        if self._last is None:
            return None
        scores = np.zeros(52, np.float32)
        return TeacherFace(mesh=self._last.mesh, presence=1.0, blendshapes=scores)


@pytest.fixture(scope="module")
def bench(tracker: FaceTracker) -> Bench:
    torch.manual_seed(0)
    return Bench(TrackerJudge(tracker), IdentityJudge(IdentityNetwork()))


def test_the_truth_is_perfect_and_a_generator_beats_the_still_picture(bench, case):
    scores = {
        row.name: bench(case, row(case))
        for row in (TruthRow(), StillRow(), GeneratorRow("warp", CPU))
    }

    assert scores["truth"]["L1"] == 0
    assert scores["truth"]["lips %"] == pytest.approx(0, abs=1e-6)
    for column in ("L1", "mouth L1", "landmarks %", "lips %"):
        assert scores["warp"][column] < 0.5 * scores["still"][column]
    assert scores["warp"]["PSNR"] > scores["still"]["PSNR"] + 3
    assert scores["still"]["identity cosine"] > 0.999
    assert set(scores["warp"]) == set(COLUMNS) - {"jitter x1000"}


def test_frames_without_a_face_are_counted_and_do_not_break_the_means(bench, case):
    black = np.zeros_like(case.truth)
    black[0] = case.truth[0]

    scores = bench(case, black)

    assert scores["found %"] < 100
    assert np.isfinite(list(scores.values())).all()


def _scores(offset: float) -> list[dict[str, float]]:
    return [{"L1": 0.02 + 0.001 * i + offset, "sharpness": 1.0 - 10 * offset} for i in range(12)]


def test_the_paired_table_says_who_is_better_and_how_sure():
    scores = {
        "truth": _scores(0),
        "warp": _scores(0.02),
        "fast": _scores(0.01),
        "same": _scores(0.02),
    }

    better, even = paired_table("real", scores, "warp").rows

    assert str(better["L1"]).startswith("better +0.01 ")
    assert str(better["sharpness"]).startswith("better +0.1 ")
    assert str(even["L1"]).startswith("even")


def test_the_plain_table_keeps_the_interval_as_numbers():
    table = score_table("real", {"warp": _scores(0)}, "", plain=True)

    row = table.rows[0]
    assert row["L1 low"] < row["L1"] < row["L1 high"]
    assert "PSNR" not in row


def test_a_recording_becomes_a_case_even_if_it_begins_grey(tmp_path, tracker, case):
    frames = np.concatenate([case.truth[:1].repeat(12, 0), case.truth.repeat(4, 0)])
    frames[:3] = 130
    frames = np.ascontiguousarray(frames[:, 36:])  # the crop will reach beyond it
    path = tmp_path / "clip.mp4"
    with VideoWriter(
        path, size=(256, 220), fps=Fraction(25), sound=None, overwrite=True, tags={}
    ) as video:
        for frame in frames:
            video.write(frame)
    clip = GridClip(video=path, speaker="s31", words=())

    first = next(real_cases([clip], tracker, tmp_path))
    again = next(real_cases([clip], tracker, tmp_path))

    assert len(first.truth) == len(first.meshes) == len(first.motion) == 9
    opening = first.motion.weights[:, RIG.index("jawOpen")]
    assert opening[-1] > opening[0] + 0.1
    np.testing.assert_array_equal(first.truth, again.truth)
    assert 0.5 < first.mask.mean() < 1


def test_a_recording_without_a_face_is_refused(tmp_path, tracker):
    path = tmp_path / "grey.mp4"
    with VideoWriter(
        path, size=(128, 96), fps=Fraction(25), sound=None, overwrite=True, tags={}
    ) as video:
        for _ in range(20):
            video.write(np.full((96, 128, 3), 120, np.uint8))

    with pytest.raises(InputError, match="lost the face"):
        next(real_cases([GridClip(video=path, speaker="s31", words=())], tracker, tmp_path))


def test_an_animated_portrait_is_drawn_by_warp_as_it_is(tmp_path, tracker):
    case = next(animated_cases([EXAMPLE], tracker, tmp_path, frames=3))

    drawn = GeneratorRow("warp", CPU)(case)

    np.testing.assert_array_equal(drawn, case.truth)
    assert np.ptp(case.meshes[:, 14, 1]) > 1


def test_compare_publishes_markdown_and_numbers(tmp_path, heads, bench):
    cases = generators.cases_of("heads", tmp_path, tmp_path, 5, heads)

    tables = generators.compare("heads", cases, ["warp"], bench, identified=True, tell=print)
    generators.keep(tmp_path, *tables)

    rows = json.loads((tmp_path / "generators-heads.json").read_text())["rows"]
    assert [row["row"] for row in rows] == ["truth", "still", "warp"]
    assert rows[2]["L1"] < rows[1]["L1"]
    assert "still against warp" in (tmp_path / "generators-heads.md").read_text()


@pytest.mark.parametrize("group", ["heads", "cartoons"])
def test_cases_that_cannot_be_made_are_refused(tmp_path, group):
    with pytest.raises(InputError, match="choose one of real, animated, heads"):
        generators.cases_of(group, tmp_path, tmp_path, 1, None)


def test_sheets_want_two_generators():
    for names in (None, ["warp"], ["warp", "facevid2vid", "warp"]):
        with pytest.raises(InputError, match="give --generator twice"):
            generators.two(names)


def test_who_is_a_is_a_fair_coin_that_falls_the_same_every_time():
    orders = [side_by_side.shuffled(("warp", "fast"), f"p{i}", 0) for i in range(40)]

    assert orders == [side_by_side.shuffled(("warp", "fast"), f"p{i}", 0) for i in range(40)]
    assert 10 < sum(order == ("warp", "fast") for order in orders) < 30


def test_moments_show_the_blink_and_the_widest_mouth(motion):
    chosen = side_by_side.moments(motion, RIG, 4)

    assert {4, 8} <= set(chosen)


def test_a_stage_writes_a_blind_sheet_its_key_and_a_turning_head(tmp_path, cut_speech, tracker):
    stage = Stage(tmp_path, ["warp", "warp"], 128)
    small = tmp_path / "person.png"
    cv2.imwrite(str(small), cv2.resize(cv2.imread(str(EXAMPLE)), (384, 384)))

    stage.sheet(small, cut_speech(0.8), 0)
    rows = stage.turn(small, (TrackerJudge(tracker), IdentityJudge(IdentityNetwork())))

    key = json.loads((tmp_path / "sheets" / "key.json").read_text())
    assert list(key) == ["person_speech_0.8"]
    sheet = read_image(tmp_path / "sheets" / "person_speech_0.8.png")
    assert sheet.shape[1] == 6 * 256
    assert read_image(tmp_path / "turns" / "person.png").shape[1] == 5 * 256
    table = generators.turn_table(rows)
    assert table.rows[0]["yaw +20"] > 0.5


def test_identity_is_perfect_for_the_picture_itself(case, tracker):
    judge = TrackerJudge(tracker)
    frames = case.portrait.crop[None].repeat(5, 0)

    cells = kept_identity(frames, case.portrait.crop, judge, IdentityJudge(IdentityNetwork()))

    assert min(cells.values()) > 0.99
