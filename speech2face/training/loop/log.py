"""What a training run tells: log.jsonl, curves.png, and TensorBoard where it is installed."""

import json
import logging
import math
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)

Row = dict[str, Any]
"""A row of the log: the step, a whole number, and figures by name."""

_APART = {"step", "seconds", "rate"}
"""Columns of a row that are no curve."""

_SELDOM = 60.0
"""Seconds between two drawings of the curves: one takes a second."""


class RunLog:
    """The rows of a run; a resumed run goes on with the rows up to its checkpoint."""

    def __init__(self, folder: Path, step: int) -> None:
        """Open the log of a run that has come to `step`."""
        self.path: Path = folder / "log.jsonl"
        self.rows: list[Row] = [row for row in read_log(self.path) if row["step"] <= step]
        text = "".join(json.dumps(row) + "\n" for row in self.rows)
        if self.path.exists() and self.path.read_text(encoding="utf-8") != text:
            self.path.write_text(text, encoding="utf-8")
        self._drawn: float = time.monotonic()
        self._board: Any = _board(folder / "tensorboard", step)

    def add(self, row: Row) -> None:
        """Write a row: step, seconds, rate, means of losses; now and then draw the curves."""
        self.rows.append(row)
        with self.path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(row) + "\n")
        _log.info(" ".join(f"{name} {value:.4g}" for name, value in row.items()))
        if self._board is not None:
            for name, value in row.items():
                if name != "step":
                    self._board.add_scalar(name, value, int(row["step"]))
        if time.monotonic() - self._drawn > _SELDOM:
            self._draw()

    def close(self) -> None:
        """Draw the curves for the last time and let go of the files."""
        self._draw()
        if self._board is not None:
            self._board.close()

    def _draw(self) -> None:
        if self.rows and find_spec("matplotlib") is not None:
            plot_log(self.rows, self.path.with_name("curves.png"))
        self._drawn = time.monotonic()


def read_log(path: Path) -> list[Row]:
    """Read the rows of a log; a last row that was cut off is left out."""
    rows: list[Row] = []
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                break
    return rows


def plot_log(rows: list[Row], path: Path) -> None:
    """Draw one panel a curve over the steps; positive curves on a logarithmic axis."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an optional extra

    names = list(dict.fromkeys(name for row in rows for name in row if name not in _APART))
    across = min(4, max(1, len(names)))
    down = -(-max(1, len(names)) // across)
    figure = Figure(figsize=(3.6 * across, 2.4 * down))
    figure.subplots_adjust(0.08, 0.08, 0.98, 0.94, wspace=0.35, hspace=0.4)
    panels = figure.subplots(down, across, squeeze=False).flat
    for panel, name in zip(panels, names, strict=False):
        points = [
            (row["step"], row[name])
            for row in rows
            if name in row and math.isfinite(row[name])
        ]  # fmt: skip
        steps, values = zip(*points, strict=True) if points else ((), ())
        panel.plot(steps, values, marker="." if len(points) < 20 else "")  # noqa: PLR2004
        if values and min(values) > 0 and max(values) > 3 * min(values):
            panel.set_yscale("log")
        panel.set_title(name, fontsize=9)
        panel.tick_params(labelsize=7)
        panel.grid(visible=True, alpha=0.3)
    for panel in panels:
        panel.axis("off")
    partial = path.with_name(path.name + ".part")
    figure.savefig(partial, dpi=90, format="png")
    partial.replace(path)


def _board(folder: Path, step: int) -> Any:  # noqa: ANN401 - of a package that may be absent
    """Open TensorBoard's writer, or nothing where tensorboard is not installed."""
    if find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - an optional extra

    return SummaryWriter(str(folder), purge_step=step + 1 if step else None)
