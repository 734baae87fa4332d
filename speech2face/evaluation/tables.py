"""A table of results: Markdown for people, JSON for programs."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Cell = str | float | int | None


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of named values with a title, and what a reader must know about them."""

    name: str
    """One word, for file names and JSON."""
    title: str
    rows: Sequence[Mapping[str, Cell]]
    """Each row has the columns it knows; a missing one is shown as a dash."""
    note: str = ""
    """What a reader must know: one paragraph."""

    def markdown(self) -> str:
        """Write the table as Markdown."""
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        lines = [f"## {self.title}", "", _line(columns), _line(["---"] * len(columns))]
        lines += [_line([_text(row.get(name)) for name in columns]) for row in self.rows]
        if self.note:
            lines += ["", self.note]
        return "\n".join(lines) + "\n"

    def json(self) -> str:
        """Write the table as JSON; numbers that are not finite become null."""
        rows = [{name: _plain(value) for name, value in row.items()} for row in self.rows]
        value = {"name": self.name, "title": self.title, "rows": rows, "note": self.note}
        return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def write(self, folder: Path) -> None:
        """Keep the table as NAME.md and NAME.json in a folder, which is made if it is absent."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.name}.md").write_text(self.markdown(), encoding="utf-8")
        (folder / f"{self.name}.json").write_text(self.json(), encoding="utf-8")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _text(value: Cell) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3g}" if math.isfinite(value) else "–"
    return str(value)


def _plain(value: Cell) -> Cell:
    return None if isinstance(value, float) and not math.isfinite(value) else value
