"""Somebody's videos become training material: `speech2face prepare`."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import ffmpeg, video
from spoken import stretch
from talking import talking_video, with_late_sound, without_sound

from speech2face import landmarks
from speech2face.__main__ import main
from speech2face.errors import MediaError, NoFaceError
from speech2face.face.rig import load_rig
from speech2face.face.track import FaceTracker
from speech2face.training.speech.data import Stretch, read_stretch
from speech2face.training.speech.lateness import Lateness
from speech2face.training.speech.preview import correlation, say
from speech2face.training.speech.talking_videos import (
    CORPUS,
    follow_face,
    identity,
    known,
    moved_in_time,
    prepare_video,
    usable_runs,
)


@pytest.fixture(scope="module")
def lateness() -> Lateness:
    return Lateness()


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return talking_video(tmp_path_factory.mktemp("talking"))


@pytest.fixture(scope="module")
def prepared(talking: Path, tracker: FaceTracker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("prepared")
    prepare_video(talking, out, tracker, speaker="me")
    return out


def pieces(out: Path) -> list[Stretch]:
    return [read_stretch(path) for path in sorted((out / CORPUS).glob("*.npz"))]


def test_a_talking_video_becomes_lips_that_move_with_its_sound(
    prepared: Path, talking: Path, lateness: Lateness
):
    (piece,) = pieces(prepared)

    heard = say(lateness._network, lateness._mel, piece)
    seen = landmarks.mouth_opening(piece.rest + piece.offsets)
    assert correlation(landmarks.mouth_opening(piece.rest + heard), seen) > 0.7
    assert piece.speaker == "own-me"
    assert len(piece) == 110
    assert len(piece.samples) == 110 * 640
    assert landmarks.mouth_opening(piece.rest[None])[0] < 0.03, "at rest the mouth is closed"
    facts = known(talking, prepared)
    assert facts is not None
    assert (facts.pieces, facts.seconds, facts.left_out, facts.late) == (1, 4.4, 0.0, 0.0)


@pytest.mark.parametrize("frames", [-3, 3])
def test_sound_that_is_late_is_noticed_and_lips_are_moved_to_it(
    prepared: Path, lateness: Lateness, frames: int
):
    (piece,) = pieces(prepared)
    own = lateness([piece])
    delayed = replace(piece, samples=np.roll(piece.samples, frames * 640))

    late = lateness([delayed])
    mended = moved_in_time(delayed, late)

    assert own == 0
    assert late == pytest.approx(frames, abs=0.7)
    inner = slice(8, -8)
    wanted = np.roll(piece.offsets, frames, 0)[inner]
    assert np.abs(mended.offsets[inner] - wanted).mean() < 0.4 * np.abs(wanted).mean()


def test_lips_stay_where_nothing_can_be_said_about_their_sound(lateness: Lateness):
    silent = replace(stretch("a", "b"), samples=np.zeros(75 * 640, np.float32))

    assert lateness([silent]) == 0
    assert moved_in_time(silent, 0.0) is silent


def test_of_fast_videos_every_second_frame_is_looked_at(talking: Path, tracker: FaceTracker):
    fast = talking.with_name("fast.mp4")
    ffmpeg("-i", str(talking), "-t", "0.4", "-r", "50", str(fast))
    told = []

    meshes, fps = follow_face(fast, tracker, lambda *done: told.append(done))

    assert (len(meshes), fps) == (10, 25)
    assert told[-1] == (20, 20)


def faces(frames: int) -> np.ndarray:
    """Return a still face in pixels."""
    mesh = load_rig().neutral * 100 + np.array([200, 200, 0])
    return np.repeat(mesh[None], frames, 0).astype(np.float32)


def test_runs_end_where_the_face_is_lost_cut_or_turned_away():
    meshes = faces(400)
    meshes[60] = np.nan
    meshes[150:, :, 0] += 90  # another shot
    angle = np.deg2rad(50)
    turn = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    middle = meshes[300].mean(0)
    meshes[300:340] = ((meshes[300:340] - middle) @ turn.T + middle).astype(np.float32)

    assert usable_runs(meshes) == [(0, 60), (61, 150), (150, 300), (340, 400)]
    assert usable_runs(faces(49)) == [], "too short to keep"
    assert usable_runs(np.full((60, 478, 3), np.nan, np.float32)) == []


def test_a_long_video_is_cut_into_pieces_and_keeps_its_clock(
    tracker: FaceTracker, talking: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    long = tmp_path / "long.mov"
    ffmpeg("-stream_loop", "5", "-i", str(talking), "-c:v", "copy", "-c:a", "pcm_s16le", str(long))
    meshes = faces(600)
    meshes[200] = np.nan
    monkeypatch.setattr(
        "speech2face.training.speech.talking_videos.follow_face", lambda *_: (meshes, Fraction(30))
    )

    facts = prepare_video(long, tmp_path, tracker)

    found = pieces(tmp_path)
    starts = [int(piece.name.rsplit("_", 1)[1]) for piece in found]
    assert starts == [0, 168, 334]
    assert [len(piece) for piece in found] == [166, 166, 166]
    assert facts.seconds == pytest.approx(sum(map(len, found)) / 25)
    whole = pieces(tmp_path)[1].samples
    assert np.abs(whole).max() > 0.05


def test_a_video_without_a_face_or_without_sound_is_refused(
    tracker: FaceTracker, talking: Path, tmp_path: Path
):
    card = video(
        tmp_path / "card.mp4", "-f", "lavfi", "-i", "sine=d=3", source="testsrc=s=96x96:r=5:d=3"
    )

    with pytest.raises(NoFaceError, match="shows no face from the front"):
        prepare_video(card, tmp_path, tracker)
    with pytest.raises(MediaError):
        prepare_video(without_sound(talking), tmp_path, tracker)
    assert not list((tmp_path / CORPUS).glob("*"))


def test_prepare_passes_over_bad_files_and_makes_nothing_twice(
    talking: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    late = with_late_sound(talking, 0.2)
    out = tmp_path / "prepared"
    command = ["prepare", str(broken), str(late), "-o", str(out), "--speaker", "me"]

    status = main([*command, "--progress", "json", "--threads", "1"])

    told = capsys.readouterr()
    lines = [line for line in told.err.splitlines() if not line.startswith("{")]
    assert status == 9
    assert len(lines) == 1
    assert lines[0].startswith(f"speech2face: {broken.name} ")
    assert lines[0].endswith("passed over")
    assert "1 pieces" in told.out
    assert "ms late" in told.out
    assert known(late, out).late == pytest.approx(5, abs=0.7)
    progress = [json.loads(line) for line in told.err.splitlines() if line.startswith("{")]
    assert progress[-1]["done"] == progress[-1]["total"] >= 110

    assert main(["prepare", str(late), "-o", str(out), "--progress", "none"]) == 0
    assert "there already" in capsys.readouterr().out


def test_two_videos_of_one_name_do_not_mix(tmp_path: Path):
    one, other = tmp_path / "a" / "me.mp4", tmp_path / "b" / "me.mp4"

    assert identity(one) != identity(other)
    assert identity(one) == identity(one)
    assert known(one, tmp_path) is None


def test_a_damaged_note_on_a_video_is_no_note(talking: Path, tmp_path: Path):
    (tmp_path / CORPUS).mkdir()
    (tmp_path / CORPUS / f"{identity(talking)}.json").write_text("{")

    assert known(talking, tmp_path) is None


@pytest.mark.parametrize("arguments", [[], ["--only", "grid"]])
def test_prepare_without_anything_to_prepare_is_a_usage_error(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["prepare", *arguments, "-o", str(tmp_path)]) == 2
    assert "Usage: speech2face prepare" in capsys.readouterr().err


@pytest.mark.parametrize("corpus", ["grid", "facegood", "synthetic", "faces"])
def test_a_corpus_that_is_not_there_is_named(
    corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    command = ["prepare", "--corpora", str(tmp_path), "--only", corpus, "-o", str(tmp_path / "out")]

    assert main(command) == 4
    assert capsys.readouterr().err.startswith(f"speech2face: {tmp_path}")
