"""Real processes of the command line that cost no import: each is forked from one that has it all.

Signals, pipes and limits show themselves only in a process of its own, and importing torch for each
takes longer than most of such tests. So one process imports everything and starts nothing; what it
forks becomes a command with its own folder, streams, limits and environment, and ends as one does.
"""

import atexit
import gc
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

_IMPORTED = (
    "speech2face.__main__", "speech2face.jobs.animate", "speech2face.jobs.live",
    "speech2face.jobs.finetune", "speech2face.jobs.prepare", "speech2face.jobs.benchmark",
    "speech2face.media.video.mux", "speech2face.media.video.gif", "speech2face.stages.artifacts",
)  # fmt: skip
_LONGEST = 600
"""Seconds after which a command is taken to hang."""

Stream = int | IO[Any]


class Running:
    """A command that runs."""

    def __init__(self, told: IO[bytes]) -> None:
        self._told = told
        self.pid = int(told.readline())
        self.returncode: int | None = None
        """The exit status, or minus the number of the signal that ended it."""

    def wait(self) -> int:
        """Wait for its end; one that hangs is killed, and fails the test."""
        if self.returncode is None:
            watch = threading.Timer(_LONGEST, self.send_signal, [signal.SIGKILL])
            watch.start()
            self.returncode = os.waitstatus_to_exitcode(int(self._told.readline()))
            hung = not watch.is_alive()
            watch.cancel()
            self._told.close()
            assert not hung, "the command hung"
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Commands:
    """The process that commands are forked from."""

    def __init__(self, folder: Path) -> None:
        """Start it; it is ready when the first command is asked for."""
        self._folder = folder
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()],
            env=environment, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        theirs.close()

    def start(
        self,
        *words: str | bytes | Path,
        cwd: Path | None = None,
        stdin: Stream = subprocess.DEVNULL,
        stdout: Stream = subprocess.DEVNULL,
        stderr: Stream = subprocess.DEVNULL,
        environment: Mapping[str, str] | None = None,
        largest_file: int | None = None,
    ) -> Running:
        """Start `speech2face WORDS`.

        Args:
            words: The command line.
            cwd: Its folder.
            stdin, stdout, stderr: Files or descriptors.
            environment: Variables beside those of this process.
            largest_file: Bytes that a file of its may have (a disk that is full beyond them).
        """
        asked = {
            "words": [os.fsdecode(word) for word in words], "cwd": str(cwd or self._folder),
            "environment": dict(environment or {}), "largest_file": largest_file,
        }  # fmt: skip
        reading, writing = os.pipe()
        with Path(os.devnull).open("r+b") as nothing:
            streams = [
                nothing.fileno() if one == subprocess.DEVNULL
                else one if isinstance(one, int) else one.fileno()
                for one in (stdin, stdout, stderr)
            ]  # fmt: skip
            socket.send_fds(self._socket, [json.dumps(asked).encode()], [*streams, writing])
        os.close(writing)
        return Running(os.fdopen(reading, "rb"))

    def run(
        self,
        *words: str | bytes | Path,
        given: bytes = b"",
        **options: Any,  # noqa: ANN401
    ) -> subprocess.CompletedProcess[bytes]:
        """Run `speech2face WORDS` to its end; its streams are pipes."""
        (entrance, give), (take, taken), (hear, heard) = os.pipe(), os.pipe(), os.pipe()
        running = self.start(*words, stdin=entrance, stdout=taken, stderr=heard, **options)
        for one in (entrance, taken, heard):
            os.close(one)
        read: dict[int, bytes] = {}

        def drain(one: int) -> None:
            with os.fdopen(one, "rb") as pipe:
                read[one] = pipe.read()

        readers = [threading.Thread(target=drain, args=[one]) for one in (take, hear)]
        for one in readers:
            one.start()
        try:
            with os.fdopen(give, "wb") as pipe:
                pipe.write(given)
        except BrokenPipeError:
            pass
        status = running.wait()
        for one in readers:
            one.join()
        return subprocess.CompletedProcess(words, status, read[take], read[hear])

    def close(self) -> None:
        """End the process."""
        self._socket.close()
        self._process.wait(_LONGEST)


def _serve(connection: socket.socket) -> list[str] | None:
    """Fork a process for each command; return in it with its words; None: there are no more."""
    while True:
        asked, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, 4)
        if not asked:
            return None
        keeper = os.fork()
        if keeper:
            for one in descriptors:
                os.close(one)
            os.waitpid(keeper, 0)
            continue
        if os.fork():  # so that the process in between ends at once, and nobody waits for it
            os._exit(0)
        command = os.fork()
        told = descriptors[3]
        if command:
            for one in descriptors[:3]:
                os.close(one)
            os.write(told, f"{command}\n".encode())
            os.write(told, f"{os.waitpid(command, 0)[1]}\n".encode())
            os._exit(0)
        os.close(told)
        connection.close()
        return _become(json.loads(asked), descriptors[:3])


def _become(asked: dict[str, Any], streams: list[int]) -> list[str]:
    """Make this process what a shell would have started."""
    for number, one in enumerate(streams):
        os.dup2(one, number)
        os.close(one)
    sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    for one in (signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(one, signal.SIG_DFL)  # however the tests themselves were started
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ |= asked["environment"]
    os.chdir(asked["cwd"])
    if asked["largest_file"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (asked["largest_file"], resource.RLIM_INFINITY))
    return asked["words"]


if __name__ == "__main__":
    import importlib

    for name in _IMPORTED:
        importlib.import_module(name)
    gc.freeze()  # what is shared stays shared
    status = 0
    if (words := _serve(socket.socket(fileno=int(sys.argv[1])))) is not None:
        sys.argv = ["speech2face", *words]
        try:
            status = importlib.import_module("speech2face.__main__").main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except BaseException:  # noqa: BLE001 - what a shell would see
            traceback.print_exc()
            status = 1
        try:
            sys.stdout.flush()
        except OSError:
            traceback.print_exc()
            status = 120
    atexit._run_exitfuncs()
    os._exit(status)  # taking an interpreter with torch apart takes half a second
