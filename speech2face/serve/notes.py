"""What a job is warned of goes to that job, although several are made in threads side by side."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from speech2face.errors import Speech2FaceWarning

_NOTES: ContextVar[list[str] | None] = ContextVar("_NOTES", default=None)


@contextmanager
def heard() -> Iterator[None]:
    """Hand the warnings of a whole process to the blocks of `noted`; outside of them they go on."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", Speech2FaceWarning)
        before = warnings.showwarning

        def show(message: Warning | str, *more: object, **named: object) -> None:
            notes = _NOTES.get()
            if notes is None:
                before(message, *more, **named)  # pyright: ignore[reportArgumentType, reportCallIssue]
            elif isinstance(message, Speech2FaceWarning):
                notes.append(str(message))

        warnings.showwarning = show
        yield


@contextmanager
def noted() -> Iterator[list[str]]:
    """Collect what is warned of in this thread."""
    notes: list[str] = []
    token = _NOTES.set(notes)
    try:
        yield notes
    finally:
        _NOTES.reset(token)
