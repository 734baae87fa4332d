"""Several people in one picture speak in turn, from end to end."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import ffmpeg
from talking import EXAMPLES

from speech2face.__main__ import main
from speech2face.errors import InputError, NoFaceError
from speech2face.face.regions import MOUTH_POINTS
from speech2face.face.view import View
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.clip import Clip
from speech2face.jobs.group.frames import GroupClip
from speech2face.jobs.group.job import check_group
from speech2face.jobs.group.speakers import Speaker, parse_speaker
from speech2face.jobs.settings import Settings

SMALL = Settings(size=96, pose="still")


@pytest.fixture(scope="module")
def person(portrait: Path) -> np.ndarray:
    picture = cv2.imread(str(portrait))
    assert picture is not None
    return cv2.resize(picture, (220, 220), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def group(person: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give three people side by side: the example's portrait, mirrored, and in other colours."""
    path = tmp_path_factory.mktemp("group") / "group.png"
    three = np.concatenate([person, person[:, ::-1], person[..., [1, 0, 2]]], 1)
    cv2.imwrite(str(path), three)
    return path


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Give two parts of the example's speech, 0.6 s each."""
    folder = tmp_path_factory.mktemp("voices")
    for name, second in (("a", "0.3"), ("b", "4")):
        part = ("-ss", second, "-i", str(EXAMPLES / "speech.wav"), "-t", "0.6")
        ffmpeg(*part, str(folder / f"{name}.wav"))
    return folder / "a.wav", folder / "b.wav"


def movements(clip: GroupClip | Clip, views: Sequence[View]) -> np.ndarray:
    """Return how much the mouth of each view has changed in each frame."""
    frames = np.stack(list(clip)).astype(float)
    columns = []
    for view in views:
        lips = view.face.mesh[MOUTH_POINTS, :2].astype(int)
        (left, top), (right, bottom) = lips.min(0), lips.max(0)
        change = frames[:, top:bottom, left:right] - view.image[top:bottom, left:right]
        columns.append(np.abs(change).mean((1, 2, 3)))
    return np.stack(columns, 1)


def test_the_right_lips_move_and_the_others_rest(
    engine: Speech2Face, group: Path, voices: tuple[Path, Path]
) -> None:
    speakers = [
        Speaker(face="left", sound=voices[0]),
        Speaker(face="right", sound=voices[1], follows=True),
    ]

    clip = engine.animate_group(group, speakers, settings=SMALL)

    views = sorted((one.view for one in clip.clips), key=lambda view: view.face.box[0])
    mouths = movements(clip, views)
    assert mouths.shape == (30, 3)
    for face, voice, rows in (("left", voices[0], slice(15)), ("right", voices[1], slice(15, 30))):
        alone = engine.animate(group, voice, settings=replace(SMALL, face_select=face))
        expected = movements(alone, [alone.view])[:, 0]
        assert np.corrcoef(mouths[rows, 0 if face == "left" else 2], expected)[0, 1] > 0.6
    left, middle, right = mouths.T
    assert middle.max() < 0.4 * min(left.max(), right.max())
    assert right[:12].max() < 0.4 * right[15:].max()
    assert left[20:].max() < 0.4 * left[:15].max()


def test_the_command_shares_one_sound_out(
    group: Path, voices: tuple[Path, Path], tmp_path: Path, probe: Callable
) -> None:
    who, out = tmp_path / "who.toml", tmp_path / "talk.mp4"
    who.write_text("left = [[0, 0.4]]\n2 = [[0.4]]\n", "utf-8")

    status = main([
        "animate", str(group), str(voices[0]), "--faces", str(who), "-o", str(out), "--size", "96",
        "--preview", "3", "--progress", "none",
    ])  # fmt: skip

    told, sidecar = probe(out), json.loads(out.with_suffix(".json").read_text("utf-8"))
    assert status == 0
    assert told.frames == 3
    assert "aac" in told.audio
    assert sidecar["inputs"].keys() == {"portrait", "audio 1", "faces"}
    assert [one["face"] for one in sidecar["settings"]["speakers"]] == ["left", "2"]
    assert sidecar["settings"]["speakers"][1]["spans"] == [[0.4, None]]


def test_the_command_gives_each_face_its_sound(
    group: Path, voices: tuple[Path, Path], tmp_path: Path, probe: Callable
) -> None:
    out = tmp_path / "talk.mp4"

    status = main([
        "animate", str(group), "--speaker", f"left={voices[0]}", "--speaker",
        f"right={voices[1]}@+0.1", "-o", str(out), "--size", "96", "--preview", "3",
        "--progress", "none",
    ])  # fmt: skip

    assert status == 0
    assert probe(out).frames == 3
    assert "aac" in probe(out).audio


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.wav", "--speaker", "left=a.wav"], "AUDIO is left out"),
        (["--faces", "who.toml"], "one picture and one sound"),
        (["a.wav", "--faces", "who.toml", "--speaker", "left=a.wav"], "write one of them"),
        (["-", "--faces", "who.toml"], "name files"),
    ],
)
def test_inputs_that_do_not_fit_together_are_refused(
    group: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["animate", str(group), *arguments]) == 2
    assert words in " ".join(capsys.readouterr().err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1=a.wav", Speaker(face="1", sound=Path("a.wav"))),
        ("10,20=a=b.wav", Speaker(face="10,20", sound=Path("a=b.wav"))),
        ("left=a.wav@3.5", Speaker(face="left", sound=Path("a.wav"), start=3.5)),
        ("left=a.wav@+0", Speaker(face="left", sound=Path("a.wav"), follows=True)),
        ("left=me@home.wav", Speaker(face="left", sound=Path("me@home.wav"))),
    ],
)
def test_speakers_are_read_as_people_write_them(text: str, expected: Speaker) -> None:
    assert parse_speaker(text) == expected


@pytest.mark.parametrize("text", ["a.wav", "=a.wav", "left="])
def test_a_speaker_has_a_face_and_a_sound(text: str) -> None:
    with pytest.raises(InputError, match="FACE=SOUND"):
        parse_speaker(text)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(full=False), "--crop shows one face"),
        (Settings(face_select="left"), "--face-select left"),
        (Settings(max_duration=0.5), "--max-duration"),
    ],
)
def test_settings_of_one_face_are_refused(
    group: Path, voices: tuple[Path, Path], settings: Settings, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        check_group(group, [Speaker(face="1", sound=voices[0])], None, settings)


def test_a_face_that_is_not_there_is_named(
    engine: Speech2Face, group: Path, voices: tuple[Path, Path]
) -> None:
    with pytest.raises(InputError, match="there is no face '4'"):
        engine.animate_group(group, [Speaker(face="4", sound=voices[0])], settings=SMALL)
    with pytest.raises(InputError, match="nobody speaks"):
        engine.animate_group(group, [], settings=SMALL)


def test_a_small_face_stays_as_it_is_unless_it_is_named(
    engine: Speech2Face, person: np.ndarray, voices: tuple[Path, Path], tmp_path: Path
) -> None:
    picture = np.full((220, 300, 3), 128, np.uint8)
    picture[:, :220] = person
    picture[:64, 228:292] = cv2.resize(person, (64, 64), interpolation=cv2.INTER_AREA)
    path = tmp_path / "two.png"
    cv2.imwrite(str(path), picture)

    with pytest.warns(UserWarning, match="stays as it is"):
        clip = engine.animate_group(path, [Speaker(face="1", sound=voices[0])], settings=SMALL)

    assert len(clip.clips) == 1
    with pytest.raises(NoFaceError, match="too small"):
        engine.animate_group(path, [Speaker(face="2", sound=voices[0])], settings=SMALL)
