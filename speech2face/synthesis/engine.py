"""The data engine: training pairs of any kind, to files or one by one.

    source = open_source("heads", data, seed=1)
    sample = source.make(source.names(10)[3])

gives pairs on the fly; `synthesize` writes them, one file an identity. Both are the same for the
same seed, whatever the order and the number of processes; what is there already is not made again.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol, runtime_checkable

from speech2face.errors import InputError, OutputError
from speech2face.media.output import atomic_output
from speech2face.progress import Counted
from speech2face.synthesis.animated import AnimatedPhotographs
from speech2face.synthesis.heads.rendered import RenderedHeads
from speech2face.synthesis.pairs import KINDS, IdentityFrames, write_identity
from speech2face.synthesis.recordings import Recordings

_LOG = logging.getLogger(__name__)
_MANIFEST = "synthesis.json"
_KEPT = ".head-model.npz"
"""Where a folder of rendered heads keeps what is worked out once."""


@runtime_checkable
class Source(Protocol):
    """Makes pairs of one kind."""

    kind: str

    def names(self, count: int | None = None) -> list[str]:
        """Name what can be made, the first `count` of it."""
        ...

    def make(self, name: str) -> IdentityFrames | None:
        """Make one; None where the material cannot be used."""
        ...


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be made."""

    kind: str
    """One of `pairs.KINDS`."""
    data: Path
    """The folder of the material."""
    seed: int = 0
    tracks: Path | None = None
    """Meshes that were tracked before, for photographs and recordings."""


def open_source(order: Order, kept: Path | None = None) -> Source:
    """Open the material.

    Args:
        order: Which.
        kept: Where rendered heads keep what is worked out once.

    Raises:
        InputError: There is no such kind.
    """
    if order.kind == RenderedHeads.kind:
        return RenderedHeads(order.data, order.seed, kept)
    if order.kind == AnimatedPhotographs.kind:
        return AnimatedPhotographs(order.data, order.seed, order.tracks)
    if order.kind == Recordings.kind:
        return Recordings(order.data, order.seed, order.tracks)
    msg = f"there is no kind of pairs called {order.kind!r}; expected one of {', '.join(KINDS)}"
    raise InputError(msg)


def synthesize(
    order: Order,
    out: Path,
    *,
    count: int | None = None,
    workers: int = 1,
    report: Counted | None = None,
) -> int:
    """Make pairs and write them, one file an identity.

    Args:
        order: What.
        out: The folder; files that it holds already are left as they are.
        count: How many identities at most; None: all there are (of heads 500).
        workers: Processes; 1 works in this one.
        report: Told how many are done, of how many, and the last one's name.

    Returns:
        How many files the folder holds of those that were asked for.
    """
    source = open_source(order, out / _KEPT)
    names = source.names(count)
    out.mkdir(parents=True, exist_ok=True)
    _claim(order, out)
    missing = [name for name in names if not _file(out, name).exists()]
    done, made = len(names) - len(missing), len(names) - len(missing)
    for name, whole in _make_all(source, order, missing, out, workers):
        done, made = done + 1, made + whole
        if not whole:
            _LOG.info("%s: no usable face, left out", name)
        if report is not None:
            report(done, len(names), name)
    return made


def _make_all(
    source: Source, order: Order, names: Sequence[str], out: Path, workers: int
) -> Iterator[tuple[str, bool]]:
    """Make and write; give each name when it is done, and whether there is a file."""
    if workers <= 1:
        for name in names:
            yield name, _make_one(source, name, out)
        return
    # Spawned processes start without locks and threads of this one.
    with ProcessPoolExecutor(
        workers, get_context("spawn"), initializer=_open_worker, initargs=(order, out)
    ) as pool:
        jobs = {pool.submit(_work, name): name for name in names}
        try:
            for job in as_completed(jobs):
                yield jobs[job], job.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _make_one(source: Source, name: str, out: Path) -> bool:
    sample = source.make(name)
    if sample is not None:
        write_identity(_file(out, name), sample)
    return sample is not None


class _Worker:
    """What a worker process keeps between its jobs."""

    source: Source
    out: Path


def _open_worker(order: Order, out: Path) -> None:
    import torch  # noqa: PLC0415 - one thread for each process

    torch.set_num_threads(1)
    _Worker.source = open_source(order, out / _KEPT)
    _Worker.out = out


def _work(name: str) -> bool:
    return _make_one(_Worker.source, name, _Worker.out)


def _file(out: Path, name: str) -> Path:
    return out / f"{name}.npz"


def _claim(order: Order, out: Path) -> None:
    """Note what the folder is for, or check that it is for this.

    Raises:
        InputError: It holds something else.
        OutputError: It cannot be written.
    """
    path = out / _MANIFEST
    mine = {"kind": order.kind, "seed": order.seed}
    if path.exists():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            msg = f"{path} cannot be read ({error}); delete it and what it describes, and try again"
            raise InputError(msg) from error
        if found != mine:
            msg = (
                f"{out} holds pairs of {found}, expected {mine}; "
                "choose another folder, or the same kind and seed"
            )
            raise InputError(msg)
        return
    try:
        with atomic_output(path, overwrite=True) as partial:
            partial.write_text(json.dumps(mine) + "\n", encoding="utf-8")
    except OSError as error:
        msg = f"{path} cannot be written ({error.strerror}); choose another folder"
        raise OutputError(msg) from error
