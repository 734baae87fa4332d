"""The service without HTTP: accepts jobs, tells of them, takes them back."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from speech2face.errors import Speech2FaceError
from speech2face.jobs.animate import Speech2Face
from speech2face.serve.faces import faces_of
from speech2face.serve.limits import MEGABYTE, Limits
from speech2face.serve.looks import Looks
from speech2face.serve.notes import noted
from speech2face.serve.refusals import Refusal
from speech2face.serve.store import DONE, FAILED, RESULT, RUNNING, WAITING, Record, Store
from speech2face.serve.tasks import TASKS, Task, seconds_of, with_limit
from speech2face.serve.uploads import Form
from speech2face.serve.workers import Workers


class Service:
    """Jobs of clients, bounded in every way."""

    def __init__(self, store: Store, engine: Speech2Face, limits: Limits) -> None:
        """Take what jobs are kept in and drawn with."""
        self.store, self.limits = store, limits
        self._engine = engine
        self._looks = Looks(engine)
        self.workers = Workers(store, engine, limits, self._looks.sweep)
        self._accepting = threading.Lock()
        self._reading = threading.BoundedSemaphore(limits.uploads)
        self._listening = threading.BoundedSemaphore(limits.listeners)
        self._talking = threading.BoundedSemaphore(limits.sessions)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let a request with files in, if there is room for it.

        Raises:
            Refusal: Too many are read already.
        """  # noqa: DOC502 _one_of raises it
        with _one_of(self._reading, "requests with files are read"):
            yield

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Let an event stream begin, if there is room for it.

        Raises:
            Refusal: Too many are open.
        """  # noqa: DOC502 _one_of raises it
        with _one_of(self._listening, "event streams are open"):
            yield

    @contextmanager
    def talking(self) -> Iterator[Speech2Face]:
        """Let a live session begin, if there is room for it; yield what draws it.

        Raises:
            Refusal: Too many are held already.
        """  # noqa: DOC502 _one_of raises it
        with _one_of(self._talking, "live sessions are held"):
            yield self._engine

    def require_room(self) -> None:
        """Check that one more job can be taken.

        Raises:
            Refusal: The queue or the store is full.
        """
        if self.store.count_open() >= self.limits.waiting:
            msg = f"{self.limits.waiting} jobs are waiting already; try again later"
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, msg, "Full", retry_after=30)
        if self.store.size() >= self.limits.store_megabytes * MEGABYTE:
            msg = f"the store holds {self.limits.store_megabytes} MB already; delete some jobs"
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, msg, "Full", retry_after=600)

    def accept(self, task: Task, form: Form) -> Record:
        """Check a job as far as that needs no network, and store it.

        Raises:
            Refusal: It cannot be done, or there is no room for it.
            Speech2FaceError: Its files or settings cannot be used.
        """  # noqa: DOC502 the task's check raises it
        missing = next((role for role in task.files if role not in form.files), None)
        if missing is not None:
            msg = f"the form lacks the file {missing}; expected {', '.join(task.files)}"
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, msg)
        files = form.paths()
        settings = with_limit(task.chosen(form.words, files), self.limits.seconds)
        try:
            with noted():  # the worker checks once more, and its notes are kept
                job = task.check(files, settings, form.folder / RESULT)
        except Speech2FaceError as error:
            raise type(error)(_plain(str(error), form.folder)) from error
        if seconds_of(job) > self.limits.seconds:
            msg = (
                f"the video lasts {float(seconds_of(job)):.0f} s; at most "
                f"{self.limits.seconds:g} s are taken; cut it"
            )
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, msg, "TooLong")
        with self._accepting:
            self.require_room()
            record = self.store.add(form.folder, task.name, form.files, form.names, form.words)
        self.workers.look()
        return record

    def faces(self, picture: Path) -> dict[str, Any]:
        """Look at a picture; see `faces_of`."""
        try:
            return faces_of(self._engine, self._looks, picture)
        except Speech2FaceError as error:
            raise type(error)(_plain(str(error), picture.parent)) from error

    def look(self, key: str, words: Mapping[str, str]) -> bytes:
        """Draw a portrait at rest as words of `animate` have it; see `Looks.draw`."""
        return self._looks.draw(key, TASKS["animate"].chosen(words, {}))

    def find(self, key: str) -> Record:
        """Return a job.

        Raises:
            Refusal: There is none of that key, or no more.
        """
        record = self.store.find(key)
        if record is None:
            msg = "there is no such job, or no more; results are kept for a time only"
            raise Refusal(HTTPStatus.NOT_FOUND, msg, "NoJob")
        return record

    def result(self, key: str, name: str) -> Path:
        """Return a file of a job that is done.

        Raises:
            Refusal: It is not done.
        """
        record = self.find(key)
        if record.state != DONE:
            msg = f"the job is {record.state}; expected one that is done; see its state"
            raise Refusal(HTTPStatus.CONFLICT, msg, "NotDone")
        return self.store.place(record.key, name)

    def state(self, record: Record) -> dict[str, Any]:
        """Return what a client is told of a job."""
        told: dict[str, Any] = {
            "id": record.key,
            "task": record.task,
            "state": record.state,
            "created": record.created,
            "ended": record.ended,
            "files": dict(record.names),
            "settings": dict(record.words),
            "command": TASKS[record.task].command(record.names, record.words),
            "notes": list(record.notes),
        }
        course = self.workers.course(record.key)
        if record.state == RUNNING and course is not None:
            told["progress"] = {
                "stage": course.stage, "done": course.done, "total": course.total,
                "left": course.left,
            }  # fmt: skip
        if record.state == WAITING:
            told["ahead"] = self.store.position(record)
        if record.state == FAILED:
            told["error"] = dict(record.error or {})
        if record.state == DONE:
            told["result"] = f"/v1/jobs/{record.key}/result"
            told["sidecar"] = f"/v1/jobs/{record.key}/sidecar"
        return told


@contextmanager
def _one_of(places: threading.BoundedSemaphore, what: str) -> Iterator[None]:
    if not places.acquire(blocking=False):
        msg = f"too many {what} at once; try again in a moment"
        raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, msg, retry_after=2)
    try:
        yield
    finally:
        places.release()


def _plain(message: str, folder: Path) -> str:
    """Return a message that tells nothing of where files lie."""
    return message.replace(f"{folder}/", "")
