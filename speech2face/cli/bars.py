"""Progress of work that is counted: steps of a training, frames of a video. All of it on stderr."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from speech2face.cli.options import ProgressKind

Counted = Callable[[int, int, str], None]
"""Told how much of how much is done, and words about it."""

_OFTEN = 1.0
"""Seconds between two lines of JSON."""


@contextmanager
def counting(kind: ProgressKind, what: str) -> Iterator[Counted]:
    """Give the callable that counted work reports to."""
    if kind is ProgressKind.BAR:
        with _bar(what) as report:
            yield report
    else:
        yield _lines(what) if kind is ProgressKind.JSON else _nothing


@contextmanager
def _bar(what: str) -> Iterator[Counted]:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(elapsed_when_finished=False),
        TextColumn("{task.fields[words]}"),
    )  # fmt: skip
    # Away from a terminal a bar would only fill logs.
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        task = bars.add_task(what, total=None, words="")

        def report(done: int, total: int, words: str) -> None:
            bars.update(task, completed=done, total=total, words=words)

        yield report


def _lines(what: str) -> Counted:
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
        line = {"doing": what, "done": done, "total": total, "left": round(left, 1), "at": words}
        sys.stderr.write(json.dumps(line) + "\n")
        sys.stderr.flush()

    return report


def _nothing(done: int, total: int, words: str) -> None:
    del done, total, words
