"""The one ffmpeg program: found, started without a shell, fed and read, and its words in errors.

Nothing here goes through a shell, inputs are opened as local files only (`input_file`), and every
exit status is looked at. ffmpeg runs in a process group of its own, so that Ctrl-C reaches this
process alone, which then ends ffmpeg and removes what it was writing.
"""

import contextlib
import io
import re
import shutil
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import imageio_ffmpeg

from speech2face.errors import MediaError, OutputError

_PIPE_BYTES = 1 << 20
"""Wanted capacity of a pipe: a 512x512 frame fits whole, so that a write seldom has to wait."""

_KEPT_LINES = 12
"""How many of ffmpeg's last words are kept, whatever it says during hours of work."""

_QUOTED_LINES = 2

_EMPTY_WORDS = (
    "Error opening input file", "Error opening output file", "Error parsing options",
    "Failed to set value", "Conversion failed", "Could not write header", "Task finished",
    "Terminating thread", "Nothing was written", "Last message", "Error sending",
    "Error muxing", "Error submitting", "Error while",
)  # fmt: skip
"""What ffmpeg says after its reason, and which adds nothing to it."""

_COMPONENT = re.compile(r"^(\[[^\]]* @ 0x[0-9a-fA-F]+\] ?)+")
_DISK_FULL = ("No space left on device", "Disk quota exceeded")


def find_ffmpeg() -> Path:
    """Find ffmpeg: `IMAGEIO_FFMPEG_EXE`, else the one that imageio-ffmpeg brings, else the PATH's.

    Raises:
        MediaError: There is none.
    """
    remedy = "run `pip install imageio-ffmpeg`, or set IMAGEIO_FFMPEG_EXE to an ffmpeg program"
    try:
        named = imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        msg = (
            f"no ffmpeg was found; expected the one of imageio-ffmpeg or one on the PATH; {remedy}"
        )
        raise MediaError(msg) from error
    found = shutil.which(named)
    if found is None:
        msg = f"the ffmpeg {named} cannot be run; expected an executable program; {remedy}"
        raise MediaError(msg)
    return Path(found)


def input_file(path: Path) -> list[str]:
    """Give the arguments that open a local file, whatever its name looks like.

    A name may hold "://", begin with a dash or be a playlist that points elsewhere: the `file:`
    prefix and the list of protocols keep ffmpeg on local files.
    """
    return ["-protocol_whitelist", "file", "-i", f"file:{path}"]


def run_ffmpeg(arguments: Sequence[str], *, doing: str) -> None:
    """Run ffmpeg to its end.

    Args:
        arguments: Everything after the program's name and the options that all runs share.
        doing: What it is to do, for the error message: "copy the sound of a.mp4".

    Raises:
        MediaError: It failed; its last words are in the message.
        OutputError: It failed because the disk is full.
    """  # noqa: DOC502 finish raises them
    with FfmpegProcess(arguments, doing=doing) as process:
        process.finish()


class FfmpegProcess:
    """A running ffmpeg, as a context manager; leaving it by an exception kills the program.

    Its error output is read all the time, so that it can never block on it.
    """

    def __init__(
        self, arguments: Sequence[str], *, doing: str, feeds: bool = False, gives: bool = False
    ) -> None:
        """Start ffmpeg.

        Args:
            arguments: Everything after the program's name and the options that all runs share.
            doing: What it is to do, for the error message.
            feeds: We write into its standard input (`pipe:0`).
            gives: We read its standard output (`pipe:1`).

        Raises:
            MediaError: There is no ffmpeg, or it cannot be started.
        """
        self._doing: str = doing
        ffmpeg = find_ffmpeg()
        try:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                [str(ffmpeg), "-hide_banner", "-nostdin", "-loglevel", "error", *arguments],
                stdin=subprocess.PIPE if feeds else subprocess.DEVNULL,
                stdout=subprocess.PIPE if gives else subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                bufsize=0,
                **_own_group(),
            )  # pyright: ignore[reportAttributeAccessIssue] bytes, as nothing asks for text
        except OSError as error:
            msg = f"{ffmpeg} cannot be started ({error}); install imageio-ffmpeg again"
            raise MediaError(msg) from error
        self._said: deque[str] = deque(maxlen=_KEPT_LINES)
        self._listener: threading.Thread = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        for pipe in (self._process.stdin, self._process.stdout):
            _widen(pipe)

    def write(self, data: memoryview) -> None:
        """Hand bytes over without copying them; returns when all are in the pipe.

        Raises:
            MediaError: ffmpeg has ended; its last words are in the message.
            OutputError: ffmpeg has ended because the disk is full.
        """  # noqa: DOC501,DOC502 finish raises them
        pipe = self._process.stdin
        assert pipe is not None, "this process was started without feeds=True"  # noqa: S101
        try:
            while data:
                data = data[pipe.write(data) :]
        except OSError:
            self.finish()
            raise  # ffmpeg says that all went well, and yet it does not listen: a bug

    def read_into(self, buffer: memoryview) -> int:
        """Fill a buffer from ffmpeg's output; returns how many bytes there were before its end."""
        pipe = self._process.stdout
        assert isinstance(pipe, io.RawIOBase), "started without gives=True"  # noqa: S101
        filled = 0
        while filled < len(buffer):
            count = pipe.readinto(buffer[filled:])
            if not count:
                break
            filled += count
        return filled

    def lines(self) -> Iterator[str]:
        """Read ffmpeg's output line by line."""
        pipe = self._process.stdout
        assert isinstance(pipe, io.RawIOBase), "started without gives=True"  # noqa: S101
        with io.TextIOWrapper(io.BufferedReader(pipe), "utf-8", "replace") as text:
            yield from text

    def finish(self) -> None:
        """End the input, wait for ffmpeg and look at its exit status.

        Raises:
            MediaError: It failed; its last words are in the message.
            OutputError: It failed because the disk is full.
        """
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):  # it may have ended already: its status tells
                self._process.stdin.close()
        status = self._process.wait()
        self._listener.join()
        if status == 0:
            return
        if any(words in line for line in self._said for words in _DISK_FULL):
            msg = f"ffmpeg could not {self._doing}: the disk is full; free some space and try again"
            raise OutputError(msg)
        msg = f"ffmpeg could not {self._doing}: {self.last_words or f'it ended with {status}'}"
        raise MediaError(msg)

    @property
    def last_words(self) -> str:
        """The end of what ffmpeg said on its error output, in one line."""
        telling = [line for line in self._said if not line.startswith(_EMPTY_WORDS)]
        return "; ".join((telling or list(self._said))[-_QUOTED_LINES:])

    def __enter__(self) -> "FfmpegProcess":  # noqa: PYI034 the checks of the tests know no Self here
        """Use the running process."""
        return self

    def __exit__(self, *_: object) -> None:
        """End ffmpeg, however far it is, and close the pipes."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._listener.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _listen(self) -> None:
        assert isinstance(self._process.stderr, io.RawIOBase)  # noqa: S101 it is not buffered
        with io.BufferedReader(self._process.stderr) as spoken:
            for line in spoken:
                text = _COMPONENT.sub("", line.decode("utf-8", errors="replace")).strip()
                if text and text not in self._said:
                    self._said.append(text)


def _own_group() -> dict[str, Any]:
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return {"creationflags": flags}
    return {"process_group": 0}


def _widen(pipe: object) -> None:
    """Ask for a larger pipe where the system has such a thing; a small one is only slower."""
    if sys.platform == "linux" and isinstance(pipe, io.FileIO):
        import fcntl  # noqa: PLC0415 not on every system

        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
