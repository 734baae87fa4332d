"""`speech2face evaluate`: the words lead to the measurements."""

from pathlib import Path

import pytest

from speech2face.__main__ import main


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["speech2landmarks"], "--prepared"),
        (["video"], "Mouth opening against"),
        (["video", "sync"], "--sanity-only"),
        (["generators"], "side by side"),
        (["generators", "table"], "--identity"),
        (["tracker"], "teacher"),
        (["learning-curve"], "look-ahead"),
    ],
)
def test_every_measurement_explains_itself(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["evaluate", *words, "--help"]) == 0

    shown = capsys.readouterr().out
    assert f"speech2face evaluate {' '.join(words)}" in shown
    assert told in shown


@pytest.mark.parametrize(
    "words", [["speech2landmarks"], ["video", "dance"], ["video", "sync"], ["video", "--wheels"]]
)
def test_a_measurement_that_is_asked_wrongly_is_a_usage_error(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.delenv("SPEECH2FACE_DATA", raising=False)

    assert main(["evaluate", *words]) == 2
    assert "usage" in capsys.readouterr().err.lower()


def test_a_measurement_without_its_data_ends_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    places = ["--data", str(tmp_path), "-o", str(tmp_path / "work")]

    status = main(["evaluate", "video", "sync", *places])

    (line,) = capsys.readouterr().err.splitlines()
    assert status in {4, 6}
    assert line.startswith("speech2face: ")
