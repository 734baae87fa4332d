"""How far the work is: a bar with the time left, JSON lines, or silence. All of it on stderr."""

import json
import sys
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from speech2face.cli.options import ProgressKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from speech2face.pipeline import Progress

_DOING = {
    "portrait": "listening", "sound": "finding the lips' motion", "landmarks": "directing",
    "controls": "steering", "latents": "looking at the portrait", "encode": "drawing",
}  # fmt: skip
"""What comes after each stage that has ended."""

_LAST = "write"


@contextmanager
def reporter(kind: ProgressKind) -> "Iterator[Callable[[Progress], None]]":
    """Give the callable that a job reports to."""
    if kind is ProgressKind.BAR:
        with _bars() as report:
            yield report
    else:
        yield _json_lines() if kind is ProgressKind.JSON else _nothing


@contextmanager
def _bars() -> "Iterator[Callable[[Progress], None]]":
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    # Away from a terminal a bar would only fill logs.
    console = Console(stderr=True)
    with Bars(*columns, console=console, disable=not console.is_terminal, transient=True) as bars:
        task = bars.add_task("finding the face", total=None)

        def report(progress: "Progress") -> None:
            if progress.stage == _LAST:
                bars.update(task, completed=progress.done, total=progress.total)
            elif progress.stage in _DOING:
                bars.update(task, description=_DOING[progress.stage])

        yield report


def _json_lines() -> "Callable[[Progress], None]":
    started = perf_counter()
    drawing_since = started

    def report(progress: "Progress") -> None:
        nonlocal drawing_since
        now = perf_counter()
        if progress.stage == "encode":
            drawing_since = now
        line = {
            "stage": progress.stage,
            "done": progress.done,
            "total": progress.total,
            "seconds": round(now - started, 3),
        }
        if progress.stage == _LAST:
            pace = (now - drawing_since) / progress.done
            line["left"] = round(pace * (progress.total - progress.done), 3)
        sys.stderr.write(json.dumps(line) + "\n")
        sys.stderr.flush()

    return report


def _nothing(progress: "Progress") -> None:
    del progress
