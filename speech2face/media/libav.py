"""FFmpeg's libraries through PyAV: containers opened on our own bytes, errors in our own words.

No path and no address ever reaches a demuxer, and no protocol is allowed to it: a playlist inside
an input cannot point anywhere.
"""

import errno
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise

import av
import av.error
from av.container import InputContainer
from av.filter import Graph
from av.stream import Stream

from speech2face.errors import MediaError, OutputError
from speech2face.media.inputs import Opened

_BUFFER_BYTES = 1 << 18
_MICROSECONDS = 1_000_000
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class _Interrupted(Exception):  # noqa: N818 it is no error
    """A signal's exception that came in a callback, in a form that PyAV hands on."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__()
        self.cause = cause


class Callbacks:
    """A file that FFmpeg reads, by callbacks in which it loses what is no `Exception`.

    A Ctrl-C that came there would be forgotten; `passed_on` gives it back.
    """

    def __init__(self, file: io.RawIOBase) -> None:
        """Wrap a file."""
        self._file = file
        self.name: object = getattr(file, "name", "")

    def read(self, size: int) -> bytes | None:
        """Return the next bytes; none at the end."""  # noqa: DOC501 for `passed_on`
        try:
            return self._file.read(size)
        except KeyboardInterrupt as error:
            raise _Interrupted(error) from error

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a position."""  # noqa: DOC501 for `passed_on`
        try:
            return self._file.seek(offset, whence)
        except KeyboardInterrupt as error:
            raise _Interrupted(error) from error

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def seekable(self) -> bool:
        """Return whether it has positions."""
        return self._file.seekable()


@contextmanager
def passed_on() -> Iterator[None]:
    """Raise what a signal raised inside a callback."""
    try:
        yield
    except _Interrupted as interrupted:
        raise interrupted.cause from None


Failure = (av.error.FFmpegError, UnicodeDecodeError)
"""What PyAV raises at input that cannot be used."""


@contextmanager
def demuxed(
    source: Opened,
    start: int = 0,
    end: int | None = None,
    *,
    form: str | None = None,
    options: dict[str, str] | None = None,
) -> Iterator[InputContainer]:
    """Open an input, or a part of it, for reading.

    Args:
        source: The input.
        start: Where the part begins, in bytes.
        end: Where it ends; None: with the input.
        form: ffmpeg's name of the format; None: by the content.
        options: Options of the demuxer.

    Raises:
        MediaError: It is in no known format.
    """
    allowed = {"protocol_whitelist": "", **(options or {})}
    with passed_on():
        try:
            container = av.open(
                Callbacks(source.reader(start, end)), "r", form, container_options=allowed,
                buffer_size=_BUFFER_BYTES, metadata_errors="replace",
            )  # fmt: skip
        except Failure as error:
            cut = source.read(start + 4, 4) == b"ftyp"
            words = "moov atom not found: cut off before its index" if cut else reason(error)
            raise MediaError(words) from error
        with container:
            yield container


def start_of(container: InputContainer, stream: Stream) -> Fraction | None:
    """Return where the file's clock starts, in seconds; None where nothing says it."""
    if container.start_time is not None:
        return Fraction(container.start_time, _MICROSECONDS)
    if stream.start_time is not None and stream.time_base is not None:
        return stream.start_time * stream.time_base
    return None


def reason(error: BaseException) -> str:
    """Return what FFmpeg says of a failure, in one line."""
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(str(text).split())


def as_output_error(error: av.error.FFmpegError, doing: str) -> MediaError | OutputError:
    """Return our error for a failure while something was written."""
    if error.errno in _DISK_FULL:
        return OutputError(f"could not {doing}: the disk is full; free some space and try again")
    return MediaError(f"could not {doing}: {reason(error)}; expected frames and sound that fit")


def chain(filters: Sequence[tuple[str, str]]) -> Graph:
    """Return a graph of filters one behind the other, the first of them a buffer."""
    graph = Graph()
    nodes = [graph.add(name, options) for name, options in (*filters, ("buffersink", None))]
    for node, following in pairwise(nodes):
        node.link_to(following)
    graph.configure()
    return graph
