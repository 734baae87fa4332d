"""How far the work is: a bar with the time left, JSON lines, or silence. All of it on stderr.

A job that makes a video tells of its stages (`reporter`); all else is counted (`counting`): steps
of a training, frames of a video that is prepared.
"""

import json
import sys
from collections.abc import Callable, Iterator
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
from speech2face.progress import Counted

if TYPE_CHECKING:
    from speech2face.jobs.clip import Progress

_DOING = {
    "track": "following the face",
    "portrait": "listening", "sound": "finding the lips' motion", "landmarks": "directing",
    "controls": "steering", "latents": "looking at the portrait", "encode": "drawing",
}  # fmt: skip
"""What comes after each stage that has ended."""
_LAST = "write"
_COUNTED = ("track", _LAST)
"""Stages that go frame by frame and are waited for."""
_OFTEN = 1.0
"""Seconds between two lines of JSON about counted work."""


@contextmanager
def reporter(kind: ProgressKind) -> "Iterator[Callable[[Progress], None]]":
    """Yield the callable that a job reports to."""
    if kind is ProgressKind.BAR:
        with _bars(transient=True) as bars:
            yield _staged_bar(bars)
    else:
        yield _staged_lines() if kind is ProgressKind.JSON else _nothing


@contextmanager
def counting(kind: ProgressKind, what: str) -> Iterator[Counted]:
    """Yield the callable that counted work reports to."""
    if kind is ProgressKind.BAR:
        with _bars(transient=False) as bars:
            yield _counted_bar(bars, what)
    else:
        yield _counted_lines(what) if kind is ProgressKind.JSON else _nothing


def _bars(*, transient: bool) -> Bars:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(),
        TextColumn("{task.fields[words]}"),
    )  # fmt: skip
    # Away from a terminal a bar would only fill logs.
    console = Console(stderr=True)
    return Bars(*columns, console=console, disable=not console.is_terminal, transient=transient)


def _staged_bar(bars: Bars) -> "Callable[[Progress], None]":
    task = bars.add_task("finding the face", total=None, words="")

    def report(progress: "Progress") -> None:
        if progress.stage in _COUNTED:
            bars.update(task, completed=progress.done, total=progress.total)
            if progress.stage != _LAST and progress.done == progress.total:
                bars.reset(task, total=None)
        elif progress.stage in _DOING:
            bars.update(task, description=_DOING[progress.stage])

    return report


def _counted_bar(bars: Bars, what: str) -> Counted:
    task = bars.add_task(what, total=None, words="")

    def report(done: int, total: int, words: str) -> None:
        bars.update(task, completed=done, total=total, words=words)

    return report


def _staged_lines() -> "Callable[[Progress], None]":
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
        _write(line)

    return report


def _counted_lines(what: str) -> Counted:
    started = told = perf_counter()
    begun: int | None = None

    def report(done: int, total: int, words: str) -> None:
        nonlocal told, begun
        now = perf_counter()
        # A resumed run has a head start, which says nothing about its pace.
        begun = done - 1 if begun is None else begun
        if now - told < _OFTEN and done != total:
            return
        told = now
        left = (now - started) / max(1, done - begun) * (total - done)
        _write({"doing": what, "done": done, "total": total, "left": round(left, 1), "at": words})

    return report


def _write(line: dict[str, object]) -> None:
    sys.stderr.write(json.dumps(line) + "\n")
    sys.stderr.flush()


def _nothing(*_: object) -> None:
    pass
