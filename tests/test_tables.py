import json

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


def test_json_is_strict_and_keeps_full_precision():
    value = json.loads(TABLE.json())

    assert value["rows"] == [{"row": "a", "r": 0.81234, "n": 3}, {"row": "b", "worst": None}]
    assert value["note"] == "Read this."
