"""Many videos by one engine: what rows say, what becomes of them, and what a second run keeps."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import soundfile
from PIL import Image

from speech2face.errors import InputError, OutputError
from speech2face.jobs.batch.batch import FAILED, KEPT, MADE, Outcome, run_batch
from speech2face.jobs.batch.report import report_paths, write_report
from speech2face.jobs.batch.rows import Row, read_rows
from speech2face.jobs.settings import Settings

SMALL = Settings(size=256, full=False, fps=10.0)


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory, portrait: Path, speech: Path) -> Path:
    """Return a folder with a portrait and half a second of speech."""
    folder = tmp_path_factory.mktemp("stock")
    shutil.copy(portrait, folder / "a.png")
    samples, rate = soundfile.read(speech)
    soundfile.write(folder / "one.wav", samples[: rate // 2], rate)
    return folder


def table(folder: Path, text: str, name: str = "jobs.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_names_inputs_beside_itself_and_settings(tmp_path: Path) -> None:
    (tmp_path / "head.mp4").touch()
    jobs = table(
        tmp_path,
        "portrait, audio, output, emotion, pose, speech2landmarks\n"
        "a.png, one.wav, x.mp4, happy:0.5, head.mp4, me.safetensors\n"
        "b.png, two.wav, , , still,\n",
    )

    first, second = read_rows(jobs)

    assert (first.portrait, first.audio) == (tmp_path / "a.png", tmp_path / "one.wav")
    assert first.output == Path("x.mp4")
    assert first.settings == {
        "emotion": "happy:0.5",
        "pose": str(tmp_path / "head.mp4"),
        "speech2landmarks": str(tmp_path / "me.safetensors"),
    }
    assert (second.output, second.settings) == (None, {"pose": "still"})


def test_rows_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    lines = [
        '{"portrait": "a.png", "audio": "one.wav", "blink": [0.5, 1.2]}',
        "{",
        '["a.png", "one.wav"]',
        '{"portrait": "a.png"}',
    ]
    rows = read_rows(table(tmp_path, "\n".join(lines), "jobs.jsonl"))

    assert [bool(row.fault) for row in rows] == [False, True, True, True]
    assert rows[0].settings == {"blink": [0.5, 1.2]}
    assert "no audio" in rows[3].fault

    (row,) = read_rows(table(tmp_path, "portrait,audio\na.png,one.wav,surplus\n"))
    assert "more cells than the 2 columns" in row.fault


@pytest.mark.parametrize(
    ("files", "pairs"),
    [
        (["a.png", "b.jpg", "a.wav", "b.mp3", "c.wav"], [("a.png", "a.wav"), ("b.jpg", "b.mp3")]),
        (["a.png", "x.wav", "y.wav"], [("a.png", "x.wav"), ("a.png", "y.wav")]),
        (["a.png", "b.png", "x.wav"], [("a.png", "x.wav"), ("b.png", "x.wav")]),
    ],
)
def test_a_folder_is_paired_by_names(
    tmp_path: Path, files: list[str], pairs: list[tuple[str, str]]
) -> None:
    for name in files:
        (tmp_path / name).touch()

    assert [(row.portrait.name, row.audio.name) for row in read_rows(tmp_path)] == pairs


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("jobs.csv", "portrait,audio,colour\na,b,c\n", "unknown column 'colour'"),
        ("jobs.csv", "portrait,audio\n", "holds no job"),
        ("jobs.txt", "a.png one.wav\n", "neither a folder nor"),
        ("jobs.jsonl", "\n\n", "holds no job"),
    ],
)
def test_jobs_that_are_none_are_refused(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_rows(table(tmp_path, text, name))


def test_a_bad_row_harms_no_other_and_a_second_run_keeps_what_is_finished(
    tmp_path: Path, stock: Path
) -> None:
    picture, sound = stock / "a.png", stock / "one.wav"
    rows = [
        Row(number=1, portrait=picture, audio=sound),
        Row(number=2, portrait=picture, audio=tmp_path / "none.wav"),
        Row(number=3, portrait=picture, audio=sound),
        Row(number=4, portrait=picture, audio=sound, output=sound),
        Row(number=5, portrait=picture, audio=sound, output=Path("b.mp4"),
            settings={"emotion": "grumpy"}),
    ]  # fmt: skip
    before = sound.read_bytes()

    first = list(run_batch(rows, tmp_path / "out", settings=SMALL, device="cpu"))

    assert [one.status for one in first] == [MADE, FAILED, FAILED, FAILED, FAILED]
    assert [one.exit_code for one in first] == [0, 4, 4, 4, 4]
    said = [one.reason for one in first[1:]]
    assert all(
        word in reason
        for word, reason in zip(
            ("none.wav", "that of row 1", "an input of the batch", "grumpy"), said, strict=True
        )
    )
    assert sound.read_bytes() == before
    video = (tmp_path / "out" / "a_one.mp4").read_bytes()

    again = list(run_batch(rows[:1], tmp_path / "out", settings=SMALL, device="cpu"))
    assert [one.status for one in again] == [KEPT]
    other = Settings(size=256, full=False, fps=10.0, seed=3)
    (refused,) = run_batch(rows[:1], tmp_path / "out", settings=other, device="cpu")
    assert (refused.status, refused.exit_code) == (FAILED, OutputError.exit_code)
    assert (tmp_path / "out" / "a_one.mp4").read_bytes() == video


def test_rows_side_by_side_are_those_of_one_engine(tmp_path: Path, stock: Path) -> None:
    rows = [
        Row(number=1, portrait=stock / "a.png", audio=stock / "one.wav"),
        Row(number=2, portrait=stock / "none.png", audio=stock / "one.wav"),
    ]
    made = run_batch(rows, tmp_path, settings=SMALL, device="cpu", workers=2)

    assert {one.row: one.status for one in made} == {1: MADE, 2: FAILED}
    assert (tmp_path / "a_one.mp4").stat().st_size > 0


def test_the_report_tells_of_every_row_in_order(tmp_path: Path) -> None:
    outcomes = [
        Outcome(row=number, portrait=Path("a.png"), audio=Path("b.wav"),
                output=tmp_path / f"{number}.mp4", status=FAILED, exit_code=3, reason="no face")
        for number in (2, 1)
    ]  # fmt: skip
    paths = report_paths(tmp_path, overwrite=False)
    write_report(outcomes, paths)

    with paths[0].open(encoding="utf-8", newline="") as file:
        assert [row["row"] for row in csv.DictReader(file)] == ["1", "2"]
    listing = json.loads(paths[1].read_text(encoding="utf-8"))
    assert [row["reason"] for row in listing["rows"]] == ["no face", "no face"]
    assert Image.open(paths[2]).width > 0
    # An earlier report of ours is replaced, any other file is not.
    assert report_paths(tmp_path, overwrite=False) == paths
    paths[1].write_text('{"mine": 1}', encoding="utf-8")
    with pytest.raises(OutputError, match="exists already"):
        report_paths(tmp_path, overwrite=False)
