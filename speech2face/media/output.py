"""The one rule for everything that is written: videos, sidecars, plots, weights and stage files.

An output is never an input, however it is spelled; it replaces an existing file only when the user
said so; and all outputs of a run appear together, whole, or not at all. What can be known is known
before the work starts (`check_outputs`); each file is written under a temporary name in the same
folder and then renamed (`atomic_outputs`).
"""

import atexit
import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from speech2face.errors import InputError, OutputError, shown
from speech2face.media.files import hint

_SPARE_BYTES = 16 << 20
"""A disk with less room than this is full for our purposes: no video is started on it."""


_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_LONGEST_NAME = 255
"""Bytes that a name may have on every common file system."""


@dataclass(frozen=True)
class _Finished:
    """A whole file that has no name yet."""

    temporary: Path
    place: Path
    overwrite: bool


_WAITING: ContextVar[list[_Finished] | None] = ContextVar("_WAITING", default=None)
"""Finished files of the block `together` that is open; None: there is none."""


_UNFINISHED: set[Path] = set()
"""Temporary files that exist; a signal between two lines must not leave one behind."""


@atexit.register
def remove_unfinished() -> None:
    """Remove what is left of outputs that were never finished, as the end of the process does."""
    _remove(list(_UNFINISHED))


def check_outputs(
    *outputs: Path | None, inputs: Iterable[object] = (), overwrite: bool
) -> tuple[Path, ...]:
    """Check all outputs of a command, before any work is done for them.

    Args:
        outputs: The files wanted; None stands for one that was not asked for.
        inputs: All that is read; what is no path (bytes, an array, None) is passed over.
        overwrite: Whether they may replace existing files.

    Returns:
        The outputs that were asked for.

    Raises:
        InputError: One of them is an input, or two of them are one file.
        OutputError: One cannot be written; see `check_output`.
    """  # noqa: DOC502 check_output raises the second
    wanted = tuple(path for path in outputs if path is not None)
    read = [Path(given) for given in inputs if isinstance(given, str | Path)]
    for path in wanted:
        if any(_same(path, given) for given in read):
            msg = (
                f"the output {shown(path)} is an input, and inputs are never written to; "
                "choose another name"
            )
            raise InputError(msg)
    for number, path in enumerate(wanted):
        if any(_same(path, other) for other in wanted[:number]):
            msg = f"{shown(path)} is named for two outputs; expected two files; rename one"
            raise InputError(msg)
    for path in wanted:
        check_output(path, overwrite=overwrite)
    return wanted


def _same(path: Path, other: Path) -> bool:
    """Return whether two paths lead to one file: by links, by case, by ./ or ../ in them."""
    try:
        if path.samefile(other):
            return True
    except (OSError, ValueError):  # one of them does not exist yet
        pass
    try:
        return path.resolve() == other.resolve()
    except (OSError, RuntimeError, ValueError):
        return path == other


def require_name(path: Path) -> None:
    """Check that a path can be a file's name.

    Raises:
        OutputError: It means standard output, or does not fit into a file system.
    """
    if path == Path("-"):
        msg = (
            "the output - means standard output, to which only animate writes; "
            "expected the name of a file; choose one"
        )
        raise OutputError(msg)
    if "\0" in str(path):
        msg = f"the output's name {shown(path)} holds a zero byte; choose another name"
        raise OutputError(msg)
    size = len(os.fsencode(path.name))
    if size > _LONGEST_NAME:
        msg = (
            f"the output's name {shown(path.name)} has {size} bytes; file systems take "
            f"{_LONGEST_NAME}; choose a shorter one"
        )
        raise OutputError(msg)


def shortened(stem: str, suffix: str, spare: int = 8) -> str:
    """Return a file name of a stem and a suffix that fits into a file system.

    Args:
        stem: The name; its end is left out where it is too long.
        suffix: The ending, kept.
        spare: Bytes to leave, for a longer ending that is made from this one.
    """
    room = _LONGEST_NAME - spare - len(os.fsencode(suffix))
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return stem + suffix


def check_output(path: Path, *, overwrite: bool) -> Path:
    """Check that a file may be written, before any work is done for it.

    Args:
        path: The file wanted; a bare name means the current folder.
        overwrite: Whether it may replace an existing file.

    Returns:
        Where the file will be: the end of the chain where `path` is a symbolic link.

    Raises:
        OutputError: The folder is missing, no folder or read-only, the disk is full, or the file
            exists and may not be replaced.
    """
    require_name(path)
    name = shown(path)
    try:
        place = path.resolve() if path.is_symlink() else path
        folder = place.parent
        where = shown(folder)
        if not folder.exists():
            slip = hint(str(path))
            msg = (
                f"the folder {where} of the output {shown(path.name)} does not exist; "
                f"{slip or 'create it'}"
            )
            raise OutputError(msg)
        if not folder.is_dir():
            msg = f"{where} is a file, so {shown(path.name)} cannot lie in it; name a folder"
            raise OutputError(msg)
        if place.is_dir():
            msg = f"the output {name} is a folder; expected the name of a file; add one to it"
            raise OutputError(msg)
        if place.exists():
            if not place.is_file():
                msg = f"the output {name} is a device or a pipe; expected a file; choose another"
                raise OutputError(msg)
            if not overwrite:
                msg = (
                    f"the output {name} exists already; choose another name, or replace it with -y"
                )
                raise OutputError(msg)
    except (OSError, RuntimeError, ValueError) as error:  # a link in a circle, a name with NUL
        msg = f"the output {name} cannot be used ({error}); choose another name"
        raise OutputError(msg) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        msg = f"the folder {where} may not be written to; choose another, or change its permissions"
        raise OutputError(msg)
    room = shutil.disk_usage(folder)
    if room.total > 0 and room.free < _SPARE_BYTES:  # some virtual file systems count nothing
        left = room.free >> 20
        msg = f"the disk of {where} is full ({left} MiB left); free some space and try again"
        raise OutputError(msg)
    return place


@contextmanager
def atomic_output(path: Path, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary path; it becomes `path` when the block ends without an exception.

    See `atomic_outputs`, which this is for one file.
    """
    with atomic_outputs([path], overwrite) as temporaries:
        yield temporaries[0]


@contextmanager
def atomic_outputs(paths: Sequence[Path], overwrite: bool) -> Iterator[list[Path]]:
    """Yield temporary paths; they become `paths` when the block ends without an exception.

    Each lies in the same folder as its file (so the rename is atomic), is hidden and has the same
    ending. Whatever ends the block, Ctrl-C included, no part is left; and where one file cannot
    get its name, none does: what was there before is there again.

    Args:
        paths: The files wanted; a bare name means the current folder.
        overwrite: Whether they may replace existing files.

    Yields:
        Paths of empty files to write to.

    Raises:
        OutputError: See `check_output`; or the disk filled up meanwhile; or another run made a
            file of that name meanwhile.
    """  # noqa: DOC501 what the block raises passes through
    places = [check_output(path, overwrite=overwrite) for path in paths]
    mark, waiting = secrets.token_hex(4), _WAITING.get()
    temporaries = [
        place.with_name(f".{place.stem[:20]}.{mark}{number or ''}.part{place.suffix[:20]}")
        for number, place in enumerate(places)
    ]
    _UNFINISHED.update(temporaries)
    try:
        for temporary in temporaries:
            try:
                temporary.touch(exist_ok=False)
            except OSError as error:
                msg = (
                    f"nothing can be written into {shown(temporary.parent)} ({error.strerror}); "
                    "choose a folder that you may write to"
                )
                raise OutputError(msg) from error
        try:
            yield temporaries
        except OSError as error:
            if error.errno in _DISK_FULL:
                name = shown(paths[0])
                msg = f"the disk is full while writing {name}; free some space and try again"
                raise OutputError(msg) from error
            raise
        finished = [_Finished(*pair, overwrite) for pair in zip(temporaries, places, strict=True)]
        if waiting is None:
            _publish(finished)
        else:
            waiting += finished
            temporaries = []
    finally:
        _remove(temporaries)


@contextmanager
def together() -> Iterator[None]:
    """Let all files that are written inside the block appear at its end, or none of them."""
    waiting: list[_Finished] = []
    token = _WAITING.set(waiting)
    try:
        yield
        _publish(waiting)
    finally:
        _WAITING.reset(token)
        _remove(one.temporary for one in waiting)


def _remove(temporaries: Iterable[Path]) -> None:
    for temporary in temporaries:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        _UNFINISHED.discard(temporary)


def _publish(files: Sequence[_Finished]) -> None:
    """Rename all files or none."""
    done: list[tuple[Path, Path | None]] = []
    try:
        for one in files:
            place, kept = one.place, None
            if one.overwrite and len(files) > 1:
                kept = _kept(place, one.temporary.with_suffix(".old"))
            done.append((place, kept))
            try:
                _rename(one.temporary, place, overwrite=one.overwrite)
            except BaseException:
                done.pop()
                if kept is not None:
                    kept.unlink(missing_ok=True)
                raise
    except BaseException:
        for place, kept in reversed(done):
            with suppress(OSError):
                place.unlink() if kept is None else kept.replace(place)
        raise
    for _, kept in done:
        if kept is not None:
            with suppress(OSError):
                kept.unlink()


def _kept(place: Path, kept: Path) -> Path | None:
    """Keep an existing file under a second name until all outputs have theirs."""
    if not place.is_file():  # where somebody has put a folder meanwhile, the rename says so
        return None
    try:
        os.link(place, kept)
    except FileNotFoundError:
        return None
    except OSError:  # a file system without hard links
        shutil.copy2(place, kept)
    return kept


def _rename(temporary: Path, place: Path, *, overwrite: bool) -> None:
    """Give the finished file its name; without `overwrite` an existing file is never replaced.

    Raises:
        OutputError: The name is taken meanwhile, or cannot be given.
    """  # noqa: DOC501 one is raised to be caught here
    try:
        if overwrite:
            temporary.replace(place)
            return
        try:
            os.link(temporary, place)  # unlike a rename, it fails where the name is taken
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            if place.exists():
                raise FileExistsError(place) from None
            temporary.replace(place)
    except FileExistsError as error:
        name = shown(place)
        msg = f"another run wrote {name} meanwhile; it was left as it is; choose another name"
        raise OutputError(msg) from error
    except OSError as error:
        msg = f"{shown(place)} cannot be written ({error.strerror}); choose another folder"
        raise OutputError(msg) from error
