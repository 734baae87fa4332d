"""Signals that end a command: by an exception, so that half-written files go on its way out."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_ENDING = (
    "SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGXCPU",
)  # fmt: skip
_AGAIN = 0.05
"""Seconds after which it is seen to that the exception is on its way."""


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let every signal that would end the program raise `KeyboardInterrupt` or `SystemExit`.

    An exception that comes inside a callback of C code, or in a `__del__`, is lost there. So until
    the block has ended it is raised again and again, unless somebody is handling it: cleaning up is
    never disturbed, neither by this nor by a second signal. What was ignored from outside (`nohup`,
    a job in the background) stays ignored. Outside the main thread nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    end, caught, reported = _End(), dict[int, Any](), sys.unraisablehook
    try:
        sys.unraisablehook = _report_unless_ending
        for number in _unheeded():
            caught[number] = signal.signal(number, end)
        yield
    finally:
        end.over = True  # nothing that is called, so no signal comes before it
        end.stop()
        sys.unraisablehook = reported
        for number, before in caught.items():
            signal.signal(number, before)


def _unheeded() -> list[int]:
    """List the signals that would end the program as they stand."""
    numbers = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
    # SIGINT's default is a function of Python's.
    ending = {signal.SIG_DFL, signal.default_int_handler}
    return [number for number in numbers if signal.getsignal(number) in ending]


class _End:
    """Handles signals: the first one ends the command."""

    def __init__(self) -> None:
        self._first: int | None = None
        self.over: bool = False
        """Whether all that still comes is passed over."""

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Raise the exception of the first signal, unless it is being handled.

        Raises:
            KeyboardInterrupt: It was Ctrl-C.
            SystemExit: It was another one.
        """
        del frame
        if self.over:
            return
        if self._first is None:
            self._first = number
            if hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, _AGAIN, _AGAIN)
        elif _is_handled():
            return
        if self._first == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + self._first)

    def stop(self) -> None:
        """Stop insisting."""
        if self._first is not None and hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)


def _is_handled() -> bool:
    """Return whether what is interrupted belongs to an `except`, `finally` or `__exit__` of ours.

    Whoever turns the exception into another one (typer does) keeps it as that one's context.
    """
    error, seen = sys.exc_info()[1], set[int]()
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _report_unless_ending(lost: "sys.UnraisableHookArgs") -> None:
    if not isinstance(lost.exc_value, KeyboardInterrupt | SystemExit):
        sys.__unraisablehook__(lost)
