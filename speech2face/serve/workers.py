"""Threads that take the jobs of a store one after the other, and tell how far they are."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from speech2face.errors import Speech2FaceError
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.clip import Progress
from speech2face.serve.limits import Limits
from speech2face.serve.notes import noted
from speech2face.serve.refusals import Refusal
from speech2face.serve.store import RESULT, Record, Store
from speech2face.serve.tasks import TASKS, with_limit

_COUNTED = ("track", "write")
"""Stages that go frame by frame and are waited for."""
_PASSED_OVER = ("render", "paste")
_SWEEP_SECONDS = 60.0

_log = logging.getLogger(__name__)


class _Stopped(Exception):  # noqa: N818 - it is no error
    """The service ends, or the job was taken back."""


@dataclass
class Course:
    """How far a job is. One thread writes it, others read it."""

    stage: str = "begin"
    """The last stage that has ended, or the one that goes frame by frame."""
    done: int = 0
    total: int = 0
    left: float | None = None
    """Seconds until this stage has ended; None: not known yet."""
    cancelled: threading.Event = field(default_factory=threading.Event)
    _since: tuple[float, int] = (0.0, 0)
    _started: float = field(default_factory=time.monotonic)

    def advance(self, progress: Progress, most_seconds: float) -> None:
        """Take what a job reports.

        Raises:
            Refusal: It takes too long.
        """
        now = time.monotonic()
        if now - self._started > most_seconds:
            limit = most_seconds / 60
            msg = f"the job took more than {limit:g} minutes and was given up; cut the sound"
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, msg, "TooLong")
        if progress.stage in _PASSED_OVER:
            return
        if progress.stage != self.stage or progress.stage not in _COUNTED:
            self._since, self.left = (now, progress.done), None
        elif progress.done > self._since[1]:
            pace = (now - self._since[0]) / (progress.done - self._since[1])
            self.left = pace * (progress.total - progress.done)
        counted = progress.stage in _COUNTED
        self.done, self.total = (progress.done, progress.total) if counted else (0, 0)
        self.stage = progress.stage


class Workers:
    """Draws jobs until it is stopped."""

    def __init__(
        self, store: Store, engine: Speech2Face, limits: Limits, forget: Callable[[], None]
    ) -> None:
        """Take what jobs are drawn with; nothing begins before `start`.

        Args:
            store: The jobs.
            engine: Draws them.
            limits: Of the service.
            forget: Called now and then, beside the removal of old results.
        """
        self._forget = forget
        self._store, self._engine, self._limits = store, engine, limits
        self._courses: dict[str, Course] = {}
        self._wake = threading.Condition()
        self._stopping = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin."""
        self._threads = [
            threading.Thread(target=self._work, name=f"worker {number}")
            for number in range(self._limits.workers)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End as soon as the jobs at hand have been stopped; they wait for the next start."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        for thread in self._threads:
            thread.join()

    @property
    def stopping(self) -> bool:
        """Whether the service ends."""
        return self._stopping

    def look(self) -> None:
        """Say that a job may be waiting."""
        with self._wake:
            self._wake.notify_all()

    def course(self, key: str) -> Course | None:
        """Return how far a job is; None: nobody draws it."""
        return self._courses.get(key)

    def cancel(self, key: str) -> None:
        """Remove a job; one that is drawn is removed by its worker, at its next frames."""
        with self._wake:
            course = self._courses.get(key)
            if course is None:
                self._store.remove(key)
            else:
                course.cancelled.set()

    def _work(self) -> None:
        while (record := self._next()) is not None:
            self._do(record, self._courses[record.key])
            self._sweep()

    def _next(self) -> Record | None:
        """Wait for a job and take it; None: the service ends."""
        with self._wake:
            while not self._stopping:
                record = self._store.take()
                if record is not None:
                    self._courses[record.key] = Course()
                    return record
                self._wake.wait(_SWEEP_SECONDS)
                self._sweep()
        return None

    def _sweep(self) -> None:
        self._store.sweep(self._limits.keep_hours * 3600)
        self._forget()

    def _do(self, record: Record, course: Course) -> None:
        error: Refusal | None = None
        finished = False
        with noted() as notes:
            try:
                self._make(record, course)
                finished = True
            except _Stopped:
                pass
            except Refusal as refusal:
                error = refusal
            except Speech2FaceError as raised:
                error = Refusal.of(raised)
            except Exception as raised:  # noqa: BLE001 - a bug in one job must not end the others
                _log.error("job %s", record.key, exc_info=raised)
                msg = f"an error of ours ({type(raised).__name__}); the service's log has more"
                error = Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, msg, "Bug")
        with self._wake:
            if course.cancelled.is_set():
                self._store.remove(record.key)
            elif finished or error:
                folder = f"{self._store.place(record.key)}/"
                body = error and {**error.body, "message": error.message.replace(folder, "")}
                told = tuple(dict.fromkeys(note.replace(folder, "") for note in notes))
                self._store.end(record.key, body, told)
            else:
                self._store.put_back(record.key)
            del self._courses[record.key]

    def _make(self, record: Record, course: Course) -> None:
        """Make a job's video, unless it is taken back or the service ends."""
        task, place = TASKS[record.task], self._store.place
        files = {role: place(record.key, name) for role, name in record.files.items()}
        settings = with_limit(task.chosen(record.words, files), self._limits.seconds)
        output = place(record.key, RESULT)

        def report(progress: Progress) -> None:
            if course.cancelled.is_set() or self._stopping:
                raise _Stopped
            course.advance(progress, self._limits.work_minutes * 60)

        report(Progress(stage="begin", done=1, total=1))
        task.run(self._engine, task.check(files, settings, output), report)
