"""An input, opened once: what is decoded, hashed and copied are the same bytes.

A path, bytes, a stream, a named pipe and standard input all become an `Opened`, which can be read
at any position, by several readers at once. Small inputs are held in memory; a large file is read
through one descriptor, so that a file put under its name meanwhile changes nothing; what cannot be
read twice (a pipe) is copied first.
"""

import hashlib
import io
import os
import stat
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Protocol, runtime_checkable

from speech2face.errors import InputError, MediaError, shown
from speech2face.media.files import require_file


@runtime_checkable
class ByteSource(Protocol):
    """A stream that bytes come from."""

    def read(self, size: int = -1, /) -> bytes | None:
        """Return the next bytes; none at the end."""
        ...


@runtime_checkable
class _File(Protocol):
    """A file whose bytes can be read at any position."""

    def read(self, size: int = -1, /) -> bytes: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def fileno(self) -> int: ...
    def close(self) -> None: ...


Readable = str | Path | bytes | ByteSource
"""What an input may be given as; the path "-" is standard input."""

STANDARD_INPUT = Path("-")

_HELD_BYTES = 16 << 20
"""Inputs up to this size are held in memory."""

_CHUNK = 1 << 20
_MOST_SPOOLED = 16 << 30
"""A pipe that gives more than this never ends: 24 h of stereo PCM are 15 GiB."""

_WRITER_SECONDS = 5.0
"""How long a named pipe may be without anybody who writes into it."""

_WAIT_SECONDS = 0.05


class Opened:
    """An input as bytes that can be read at any position."""

    def __init__(self, name: str, path: Path | None, content: bytes | _File) -> None:
        """Wrap what `open_input` has opened.

        Args:
            name: Name for messages and sidecars.
            path: Where it came from; None for what has no path.
            content: The bytes, or a seekable file that nobody else reads.
        """
        self.name: str = name
        self.path: Path | None = path
        self._held: bytes | None = content if isinstance(content, bytes) else None
        self._file: _File | None = None if isinstance(content, bytes) else content
        self._lock: threading.Lock = threading.Lock()
        self._sha256: str | None = None
        self.size: int = len(content) if isinstance(content, bytes) else _size_of(content)
        self._state: tuple[int, int] | None = self._current_state()

    def __str__(self) -> str:
        """Return the name as messages show it."""
        return shown(self.name)

    def read(self, position: int, count: int) -> bytes:
        """Read up to `count` bytes from a position."""
        if self._held is not None:
            return self._held[position : position + count]
        assert self._file is not None  # noqa: S101 one of both is set
        with self._lock:
            self._file.seek(position)
            return self._file.read(count)

    def reader(self, start: int = 0, end: int | None = None) -> "Section":
        """Return a file object of its own over a part of the bytes."""
        return Section(self, start, self.size if end is None else end)

    def content(self) -> bytes:
        """Return all bytes; for inputs that are small by nature (pictures)."""
        return self._held if self._held is not None else self.read(0, self.size)

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes.

        Raises:
            MediaError: The file was rewritten in place since it was opened.
        """  # noqa: DOC502
        if self._sha256 is None:
            self.require_unchanged()
            digest = hashlib.sha256()
            for position in range(0, self.size, _CHUNK):
                digest.update(self.read(position, _CHUNK))
            self._sha256 = digest.hexdigest()
        self.require_unchanged()
        return self._sha256

    def require_unchanged(self) -> None:
        """Check that a large file still is the one that was opened.

        Raises:
            MediaError: It was rewritten in place meanwhile.
        """
        if self._current_state() != self._state:
            msg = (
                f"{self} was changed while it was read; expected an input that stays as it is; "
                "run again"
            )
            raise MediaError(msg)

    def close(self) -> None:
        """Close the file; an input that is held in memory needs no closing."""
        if self._file is not None:
            self._file.close()

    def _current_state(self) -> tuple[int, int] | None:
        if self._file is None:
            return None
        state = os.fstat(self._file.fileno())
        return state.st_size, state.st_mtime_ns


class Section(io.RawIOBase):
    """A part of an opened input as a file object with a position of its own."""

    def __init__(self, source: Opened, start: int, end: int) -> None:
        """Take a part of an input: the bytes from `start` up to `end`."""
        super().__init__()
        self._source, self._start, self._end = source, start, end
        self._position = 0
        self.name: str = source.name

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that it has positions."""
        return True

    def readinto(self, buffer: memoryview | bytearray) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Fill a buffer as far as the part goes."""
        count = max(0, min(len(buffer), self._end - self._start - self._position))
        data = self._source.read(self._start + self._position, count)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position.

        Raises:
            ValueError: It lies before the start.
        """
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end - self._start}
        position = base[whence] + offset
        if position < 0:
            msg = f"negative position {position}"
            raise ValueError(msg)
        self._position = position
        return position

    def tell(self) -> int:
        """Return the position."""
        return self._position


def open_input(given: Readable | Opened, what: str) -> Opened:
    """Open an input: a file, bytes, a stream, a named pipe or standard input.

    Args:
        given: The input; what is opened already is returned as it is.
        what: What it is to the user: "portrait", "sound", "video".

    Raises:
        InputError: There is no such file, it cannot be read, or nobody writes into the pipe.
        MediaError: It is empty.
    """  # noqa: DOC502
    if isinstance(given, Opened):
        return given
    if isinstance(given, str | Path):
        return _not_empty(_from_path(Path(given), what), what)
    if isinstance(given, bytes):
        return _not_empty(Opened(f"the {what}'s bytes", None, given), what)
    name = getattr(given, "name", None)
    known = Path(name).name if isinstance(name, str) else what
    return _not_empty(_spooled(given, known, None), what)


def _from_path(path: Path, what: str) -> Opened:
    """Open what a path leads to.

    Raises:
        InputError: There is no such file, or it is none.
    """
    if path == STANDARD_INPUT and not path.exists():
        return _spooled(_standard_input(what), "standard input", None)
    require_file(path, what)
    kind = path.stat().st_mode
    if not (stat.S_ISREG(kind) or stat.S_ISFIFO(kind)):
        msg = f"the {what} {shown(path)} is a device or a socket; expected a file or a pipe"
        raise InputError(msg)
    try:
        if stat.S_ISFIFO(kind):
            return _from_pipe(path, what)
        file = path.open("rb")
    except OSError as error:
        msg = f"the {what} {shown(path)} cannot be read ({error.strerror}); check the file"
        raise InputError(msg) from error
    if _size_of(file) > _HELD_BYTES:
        return Opened(path.name, path, file)
    with file:
        return Opened(path.name, path, file.read())


def _not_empty(opened: Opened, what: str) -> Opened:
    if opened.size == 0:
        msg = f"the {what} {opened} is empty (0 bytes); expected media; copy or download it again"
        raise MediaError(msg)
    return opened


def _size_of(file: _File) -> int:
    return os.fstat(file.fileno()).st_size


def _standard_input(what: str) -> ByteSource:
    """Return standard input if something comes through it.

    Raises:
        InputError: It is a terminal or closed.
    """
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        msg = f"the {what} is to come from standard input, which is a terminal; pipe a file into it"
        raise InputError(msg)
    return sys.stdin.buffer


def _spooled(stream: ByteSource, name: str, path: Path | None, start: bytes = b"") -> Opened:
    """Read a stream to its end: into memory, and from some size on into a nameless file.

    Args:
        stream: What gives bytes until it ends.
        name: Name for messages.
        path: Where it came from; None for what has no path.
        start: Bytes that were read from it already.

    Raises:
        InputError: It never ends, gives no bytes, or the disk has no room for it.
    """
    spool = tempfile.SpooledTemporaryFile(max_size=_HELD_BYTES)  # noqa: SIM115 Opened closes it
    size = spool.write(start)
    try:
        while chunk := stream.read(_CHUNK):
            if not isinstance(chunk, bytes):
                msg = f"{shown(name)} gives text; expected a stream of bytes; open it as binary"
                raise InputError(msg)
            size += spool.write(chunk)
            if size > _MOST_SPOOLED:
                msg = f"{shown(name)} gave {size >> 30} GiB and goes on; expected one that ends"
                raise InputError(msg)
        if size <= _HELD_BYTES:
            spool.seek(0)
            return Opened(name, path, spool.read())
        spool.flush()
    except OSError as error:
        msg = f"{shown(name)} cannot be read to its end ({error.strerror or error}); save it first"
        raise InputError(msg) from error
    return Opened(name, path, spool)


def _from_pipe(path: Path, what: str) -> Opened:
    """Read a named pipe once; the wait for somebody who writes into it is short.

    Raises:
        InputError: Nobody writes into it.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb", buffering=0) as pipe:
        deadline, start = time.monotonic() + _WRITER_SECONDS, b""
        while not start:
            try:
                start = os.read(descriptor, _CHUNK)
            except BlockingIOError:
                break  # somebody has opened it and has not written yet: that may take its time
            if not start and time.monotonic() > deadline:
                msg = (
                    f"the {what} {shown(path)} is a pipe into which nobody writes; "
                    "expected sound or a picture; start what writes into it first"
                )
                raise InputError(msg)
            time.sleep(0 if start else _WAIT_SECONDS)
        os.set_blocking(descriptor, True)
        return _spooled(pipe, path.name, path, start)
