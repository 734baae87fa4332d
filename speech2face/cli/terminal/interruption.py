"""Signals that end a command: by an exception, so that half-written files go on its way out."""

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

_Done = TypeVar("_Done")
_ENDING = (
    "SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGXCPU",
)  # fmt: skip
_AGAIN = 0.05
"""Seconds after which it is seen to that the exception is on its way."""


class Interrupted(KeyboardInterrupt):
    """A signal has ended what was being done."""

    def __init__(self, number: int) -> None:
        """Keep the exit status that shells give to a command which this signal ends."""
        super().__init__()
        self.status: int = 128 + number


def interruptible(work: Callable[[], _Done]) -> _Done:
    """Do work that every signal which would end the program ends by `KeyboardInterrupt`.

    (Not by `SystemExit`, at which C code that prints an exception would leave the process at once.)
    One that comes inside a callback of C code, or in a `__del__`, is lost there. So until the work
    has ended it is raised again and again, unless somebody is handling it: cleaning up is never
    disturbed, neither by this nor by a second signal. What was ignored from outside (`nohup`, a job
    in the background) stays ignored. Outside the main thread nothing is changed.

    Raises:
        Interrupted: A signal came, however the work has ended.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    end, caught, reported = _End(), dict[int, Any](), sys.unraisablehook
    try:
        sys.unraisablehook = _report_unless_ending
        for number in _unheeded():
            caught[number] = signal.signal(number, end)
        return work()
    finally:
        # No context manager: a signal may come before `__exit__` begins, but not before this line.
        end.over = True
        end.stop()
        sys.unraisablehook = reported
        for number, before in caught.items():
            signal.signal(number, before)
        if end.first is not None:
            raise Interrupted(end.first) from None


def _unheeded() -> list[int]:
    """List the signals that would end the program as they stand."""
    numbers = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
    # SIGINT's default is a function of Python's.
    ending = {signal.SIG_DFL, signal.default_int_handler}
    return [number for number in numbers if signal.getsignal(number) in ending]


class _End:
    """Handles signals: the first one ends the command."""

    def __init__(self) -> None:
        self.first: int | None = None
        """Number of the signal that ends the work."""
        self.over: bool = False
        """Whether all that still comes is passed over."""

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Raise, unless what was raised before is being handled.

        Raises:
            KeyboardInterrupt: Always.
        """
        del frame
        if self.over:
            return
        if self.first is None:
            self.first = number
            if hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, _AGAIN, _AGAIN)
        elif _is_handled():
            return
        raise KeyboardInterrupt

    def stop(self) -> None:
        """Stop insisting."""
        if self.first is not None and hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)


def _is_handled() -> bool:
    """Return whether what is interrupted belongs to an `except`, `finally` or `__exit__` of ours.

    Whoever turns the exception into another one (typer does) keeps it as that one's context.
    """
    error, seen = sys.exc_info()[1], set[int]()
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _report_unless_ending(lost: "sys.UnraisableHookArgs") -> None:
    if not isinstance(lost.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
