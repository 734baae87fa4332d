import json
from pathlib import Path

from speech2face.evaluation.tables import Table

TABLE = Table(
    name="t",
    title="A table",
    rows=[{"row": "a", "r": 0.81234, "n": 3}, {"row": "b", "worst": float("inf")}],
    note="Read this.",
)


def test_markdown_holds_every_column_and_dashes_for_what_is_unknown():
    lines = TABLE.markdown().splitlines()

    assert lines[0] == "## A table"
    assert lines[2] == "| row | r | n | worst |"
    assert lines[4] == "| a | 0.812 | 3 | – |"
    assert lines[5] == "| b | – | – | – |"
    assert lines[-1] == "Read this."


def test_a_table_is_kept_for_people_and_for_programs(tmp_path: Path):
    TABLE.write(tmp_path / "new")

    assert (tmp_path / "new" / "t.md").read_text(encoding="utf-8") == TABLE.markdown()
    assert json.loads((tmp_path / "new" / "t.json").read_text())["title"] == "A table"


def test_json_is_strict_and_keeps_full_precision():
    value = json.loads(TABLE.json())

    assert value["rows"] == [{"row": "a", "r": 0.81234, "n": 3}, {"row": "b", "worst": None}]
    assert value["note"] == "Read this."
