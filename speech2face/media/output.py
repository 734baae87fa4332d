"""Outputs that appear whole or not at all: a temporary file in the same folder, then a rename."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from speech2face.errors import OutputError

_SPARE_BYTES = 16 << 20
"""A disk with less room than this is full for our purposes: no video is started on it."""


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
    place = path.resolve() if path.is_symlink() else path
    folder = place.parent
    if not folder.exists():
        msg = f"the folder {folder} of the output {path.name} does not exist; create it first"
        raise OutputError(msg)
    if not folder.is_dir():
        msg = f"{folder} is a file, so {path.name} cannot be written into it; name a folder"
        raise OutputError(msg)
    if place.is_dir():
        msg = f"the output {path} is a folder; expected the name of a file; add one to it"
        raise OutputError(msg)
    if place.exists():
        if not place.is_file():
            msg = f"the output {path} is a device or a pipe; expected a file; choose another name"
            raise OutputError(msg)
        if not overwrite:
            msg = f"the output {path} exists already; choose another name, or overwrite it with -y"
            raise OutputError(msg)
    if not os.access(folder, os.W_OK | os.X_OK):
        msg = (
            f"the folder {folder} may not be written to; choose another, or change its permissions"
        )
        raise OutputError(msg)
    room = shutil.disk_usage(folder)
    if room.total > 0 and room.free < _SPARE_BYTES:  # some virtual file systems count nothing
        left = room.free >> 20
        msg = f"the disk of {folder} is full ({left} MiB left); free some space and try again"
        raise OutputError(msg)
    return place


@contextmanager
def atomic_output(path: Path, overwrite: bool) -> Iterator[Path]:
    """Give a temporary path; it becomes `path` when the block ends without an exception.

    The temporary file lies in the same folder (so the rename is atomic), is hidden and has the
    same ending. Whatever ends the block, Ctrl-C included, no part of it is left.

    Args:
        path: The file wanted; a bare name means the current folder.
        overwrite: Whether it may replace an existing file.

    Yields:
        Path of an empty file to write to.

    Raises:
        OutputError: See `check_output`; or the disk filled up meanwhile; or another run made a
            file of that name meanwhile.
    """  # noqa: DOC501 what the block raises passes through
    place = check_output(path, overwrite=overwrite)
    temporary = place.with_name(f".{place.stem[:40]}.{secrets.token_hex(4)}.part{place.suffix}")
    try:
        try:
            temporary.touch(exist_ok=False)
        except OSError as error:
            msg = (
                f"nothing can be written into {place.parent} ({error.strerror}); "
                "choose a folder that you may write to"
            )
            raise OutputError(msg) from error
        try:
            yield temporary
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                msg = f"the disk is full while writing {path}; free some space and try again"
                raise OutputError(msg) from error
            raise
        _publish(temporary, place, overwrite=overwrite)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _publish(temporary: Path, place: Path, *, overwrite: bool) -> None:
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
        msg = f"another run wrote {place} meanwhile; it was left as it is; choose another name"
        raise OutputError(msg) from error
    except OSError as error:
        msg = f"{place} cannot be written ({error.strerror}); choose another folder"
        raise OutputError(msg) from error
