"""A batch is made: row by row or several rows at once; what is finished already is kept."""

import multiprocessing
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, fields, replace
from pathlib import Path
from time import perf_counter

import torch

from speech2face.configs import from_words
from speech2face.errors import InputError, OutputError, Speech2FaceError, Speech2FaceWarning, shown
from speech2face.jobs.animate import Speech2Face, sources
from speech2face.jobs.batch.rows import Row
from speech2face.jobs.ingredients import ingredients
from speech2face.jobs.preflight import check, named
from speech2face.jobs.provenance import is_made, made_of
from speech2face.jobs.settings import Settings

MADE, KEPT, FAILED = STATUSES = ("made", "kept", "failed")
_BUG = 1
"""Exit status of an error that is ours."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a row."""

    row: int
    """Its number, from 1."""
    portrait: Path
    audio: Path
    output: Path
    status: str
    """`MADE`, `KEPT` (it lay there finished, of the same inputs and settings) or `FAILED`."""
    exit_code: int
    """What `speech2face animate` would have ended with."""
    reason: str
    """Why it failed, in one line; empty where it did not."""
    notes: str = ""
    """What was warned of."""
    seconds: float = 0.0
    """Time it took."""


def run_batch(
    rows: Sequence[Row],
    folder: Path,
    *,
    settings: Settings | None = None,
    device: str = "auto",
    workers: int = 1,
    overwrite: bool = False,
) -> Iterator[Outcome]:
    """Make the videos of a batch; each outcome comes as soon as it is known.

    Args:
        rows: What to make.
        folder: Where videos go whose row names no output, and those of relative ones. It is made.
        settings: What rows leave out.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        workers: Processes side by side, each with an engine of its own; they share the cores.
        overwrite: Replace videos that exist and were made of other inputs or settings, and make
            finished ones again.

    Raises:
        OutputError: The folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"the folder {shown(folder)} cannot be made ({error.strerror}); choose another"
        raise OutputError(msg) from error
    orders = _orders(rows, folder, settings or Settings(), overwrite=overwrite)
    engine = Speech2Face.from_pretrained(device)
    if workers == 1:
        yield from (_made(engine, order) for order in orders)
        return
    yield from _side_by_side(orders, device, workers)


@dataclass(frozen=True, kw_only=True)
class _Order:
    """A row with all that is decided before anything of it is opened."""

    row: Row
    output: Path
    settings: Settings
    overwrite: bool


def _orders(
    rows: Sequence[Row], folder: Path, settings: Settings, *, overwrite: bool
) -> list[_Order]:
    """Decide where every row goes: to no place where another one goes, or comes from."""
    taken: dict[Path, int] = {}
    read = {path.resolve() for row in rows for path in (row.portrait, row.audio)}
    orders = list[_Order]()
    for row in rows:
        output = folder / row.output if row.output else named(folder, row.portrait, row.audio)
        first = taken.setdefault(output.absolute(), row.number)
        fault = row.fault
        if not fault and first != row.number:
            fault = f"its output {shown(output)} is that of row {first}; name another"
        elif not fault and output.resolve() in read:
            fault = f"its output {shown(output)} is an input of the batch; name another"
        row = replace(row, fault=fault)  # noqa: PLW2901 - the row as it is found to be
        orders.append(_Order(row=row, output=output, settings=settings, overwrite=overwrite))
    return orders


def _made(engine: Speech2Face, order: _Order) -> Outcome:
    """Make a row's video; whatever is wrong with it is its own affair."""
    row, started = order.row, perf_counter()
    if row.fault:
        return _outcome(order, FAILED, InputError.exit_code, row.fault)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", Speech2FaceWarning)
        status, code, reason = FAILED, _BUG, ""
        try:
            status, code = _make(engine, order), 0
        except Speech2FaceError as error:
            code, reason = error.exit_code, str(error)
        except Exception as error:  # noqa: BLE001 - a bug in one row must not end the others
            reason = f"{type(error).__name__}: {error}"
    seconds, notes = perf_counter() - started, "; ".join(str(one.message) for one in caught)
    return replace(_outcome(order, status, code, reason), notes=notes, seconds=seconds)


def _outcome(order: _Order, status: str, code: int, reason: str) -> Outcome:
    row = order.row
    return Outcome(
        row=row.number, portrait=row.portrait, audio=row.audio, output=order.output,
        status=status, exit_code=code, reason=" ".join(reason.split()),
    )  # fmt: skip


def _make(engine: Speech2Face, order: _Order) -> str:
    """Make a video unless it lies there finished.

    Raises:
        OutputError: Another video lies there.
    """
    row, where = order.row, f"row {order.row.number}"
    usual = {one.name: getattr(order.settings, one.name) for one in fields(Settings)}
    chosen = from_words(Settings, {**usual, **row.settings}, where)
    job = check(
        row.portrait, row.audio, order.output, chosen, overwrite=True, generator=chosen.generator
    )
    assert job.output is not None and job.sidecar is not None  # noqa: S101, PT018 - it names one
    if not order.overwrite:
        if is_made(job.output, job.sidecar, made_of(*ingredients(chosen, sources(job)))):
            return KEPT
        if job.output.exists():
            msg = (
                f"the output {shown(job.output)} exists already, of other inputs or settings; name "
                "another, or replace it with -y"
            )
            raise OutputError(msg)
    engine.run(job)
    return MADE


def _side_by_side(orders: Sequence[_Order], device: str, workers: int) -> Iterator[Outcome]:
    """Make rows in processes; one that kills its process (for want of memory) fails alone."""
    left = {order.row.number: order for order in orders}
    with _pool(device, workers, workers) as pool:
        coming = [pool.submit(_work, order) for order in orders]
        try:
            for future in as_completed(coming):
                outcome = future.result()
                del left[outcome.row]
                yield outcome
        except BrokenProcessPool:
            pass
        finally:
            pool.shutdown(cancel_futures=True)
    for order in left.values():
        with _pool(device, 1, workers) as alone:
            try:
                yield alone.submit(_work, order).result()
            except BrokenProcessPool:
                reason = "its process ended without a word; is there enough memory?"
                yield _outcome(order, FAILED, _BUG, reason)


def _pool(device: str, workers: int, share: int) -> ProcessPoolExecutor:
    threads = max(1, torch.get_num_threads() // share)
    spawned = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    return ProcessPoolExecutor(workers, spawned, _begin, (device, threads))


_engine: list[Speech2Face] = []
"""A worker's engine."""


def _begin(device: str, threads: int) -> None:
    torch.set_num_threads(threads)
    _engine.append(Speech2Face.from_pretrained(device))


def _work(order: _Order) -> Outcome:
    return _made(_engine[0], order)
