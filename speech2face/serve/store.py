"""Jobs on disk: one SQLite file and a folder a job. What was accepted outlives the process.

One process has a store at a time; several threads of it may use it.
"""

import json
import os
import re
import secrets
import shutil
import sqlite3
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speech2face.errors import OutputError, shown

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
OPEN = (WAITING, RUNNING)
"""States of jobs that are still to be done."""

RESULT, SIDECAR = "result.mp4", "result.json"

_TRIES = 2
"""Times that a job may take the process with it before it is given up."""

_KEY = re.compile(r"[A-Za-z0-9_-]{22}")
_TABLE = """
create table if not exists jobs (
    key text primary key, task text not null, state text not null, files text not null,
    names text not null, words text not null, created real not null, ended real,
    tries integer not null default 0, error text, notes text not null default '[]'
)"""


@dataclass(frozen=True, kw_only=True)
class Record:
    """A job as it is stored."""

    key: str
    """Its name, which nobody can guess."""
    task: str
    state: str
    files: Mapping[str, str]
    """Our names of the client's files, by role."""
    names: Mapping[str, str]
    """What the client calls them: shown, never used."""
    words: Mapping[str, str]
    """The settings that were asked for."""
    created: float
    """Seconds since 1970."""
    ended: float | None
    error: Mapping[str, Any] | None
    """Why it failed, as a refusal says it."""
    notes: tuple[str, ...]
    """What was warned of."""


class Store:
    """The jobs of a service."""

    def __init__(self, folder: Path) -> None:
        """Open a store, or make one; jobs that were under way wait again.

        Raises:
            OutputError: The folder cannot be written, or another service has it.
        """
        self.folder = folder
        self._files = folder / "jobs"
        self._lock = threading.Lock()
        try:
            self._files.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(
                folder / "jobs.sqlite3", timeout=0.5, check_same_thread=False,
                isolation_level=None,
            )  # fmt: skip
            # Held until the store is closed: a second service would do the same jobs.
            self._db.execute("pragma locking_mode = exclusive")
            self._db.execute("pragma synchronous = full")
            self._db.execute("begin exclusive")
            self._db.execute(_TABLE)
            self._db.execute("commit")
        except (OSError, sqlite3.Error) as error:
            msg = (
                f"the store {shown(folder)} cannot be used ({error}); is another service using it? "
                "expected a folder of its own that can be written to; choose another with --data"
            )
            raise OutputError(msg) from error
        self._db.row_factory = sqlite3.Row
        self._take_up()

    def _take_up(self) -> None:
        gone = {"code": 500, "error": "Gone", "message": "the service ended while it made this"}
        self._write(
            "update jobs set state = ?, error = ?, ended = ? where state = ? and tries >= ?",
            FAILED, json.dumps(gone), time.time(), RUNNING, _TRIES,
        )  # fmt: skip
        self._write("update jobs set state = ? where state = ?", WAITING, RUNNING)
        known = {row["key"] for row in self._read("select key from jobs")}
        for folder in self._files.iterdir():
            if folder.name not in known:  # an upload that was never accepted
                shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Let another process have the store."""
        with self._lock:
            self._db.close()

    def open_folder(self) -> Path:
        """Make the folder of a job to come; its name is the job's key."""
        folder = self._files / secrets.token_urlsafe(16)
        folder.mkdir(mode=0o700)
        return folder

    def discard(self, folder: Path) -> None:
        """Remove the folder of a job that was not accepted."""
        shutil.rmtree(folder, ignore_errors=True)

    def place(self, key: str, name: str = "") -> Path:
        """Return where a file of a stored job lies; the key comes from the store."""
        return self._files / key / name

    def add(
        self, folder: Path, task: str, files: Mapping[str, str], names: Mapping[str, str],
        words: Mapping[str, str],
    ) -> Record:  # fmt: skip
        """Accept a job whose files lie in a folder of `open_folder`."""
        self._write(
            "insert into jobs (key, task, state, files, names, words, created) "
            "values (?, ?, ?, ?, ?, ?, ?)",
            folder.name, task, WAITING, json.dumps(files), json.dumps(names), json.dumps(words),
            time.time(),
        )  # fmt: skip
        record = self.find(folder.name)
        assert record is not None  # noqa: S101 - it has just been written
        return record

    def find(self, key: str) -> Record | None:
        """Return a job; None: there is none of that key."""
        if not _KEY.fullmatch(key):
            return None
        rows = self._read("select * from jobs where key = ?", key)
        return _record(rows[0]) if rows else None

    def position(self, record: Record) -> int:
        """Count the jobs that are made before this one."""
        (row,) = self._read(
            "select count(*) as ahead from jobs where state in (?, ?) and created < ?",
            *OPEN, record.created,
        )  # fmt: skip
        return row["ahead"]

    def count_open(self) -> int:
        """Count the jobs that are still to be done."""
        return self._read("select count(*) as open from jobs where state in (?, ?)", *OPEN)[0][0]

    def size(self) -> int:
        """Return how many bytes the files take."""
        total = 0
        for folder, _, names in os.walk(self._files):  # passes over what is removed meanwhile
            for name in names:
                with suppress(OSError):
                    total += Path(folder, name).stat().st_size
        return total

    def take(self) -> Record | None:
        """Take the job that has waited longest; None: there is none."""
        rows = self._read(
            "update jobs set state = ?, tries = tries + 1 where key = (select key from jobs "
            "where state = ? order by created, rowid limit 1) returning *",
            RUNNING, WAITING,
        )  # fmt: skip
        return _record(rows[0]) if rows else None

    def put_back(self, key: str) -> None:
        """Let a job wait again that was stopped through no fault of its own."""
        self._write("update jobs set state = ?, tries = tries - 1 where key = ?", WAITING, key)

    def end(self, key: str, error: Mapping[str, Any] | None, notes: tuple[str, ...] = ()) -> None:
        """Say what became of a job; all but its result is removed."""
        record = self.find(key)
        if record is None:
            return
        self._write(
            "update jobs set state = ?, error = ?, notes = ?, ended = ? where key = ?",
            FAILED if error else DONE, json.dumps(error) if error else None, json.dumps(notes),
            time.time(), key,
        )  # fmt: skip
        for path in self.place(key).glob("*"):
            if error or path.name not in {RESULT, SIDECAR}:
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def remove(self, key: str) -> None:
        """Remove a job with all of its files."""
        self._write("delete from jobs where key = ?", key)
        shutil.rmtree(self.place(key), ignore_errors=True)

    def sweep(self, seconds: float) -> None:
        """Remove the jobs that ended longer ago than so many seconds."""
        for row in self._read("select key from jobs where ended < ?", time.time() - seconds):
            self.remove(row["key"])

    def _write(self, statement: str, *values: object) -> None:
        self._read(statement, *values)

    def _read(self, statement: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(statement, values).fetchall()


def _record(row: sqlite3.Row) -> Record:
    error = row["error"]
    return Record(
        key=row["key"], task=row["task"], state=row["state"], files=json.loads(row["files"]),
        names=json.loads(row["names"]), words=json.loads(row["words"]), created=row["created"],
        ended=row["ended"], error=json.loads(error) if error else None,
        notes=tuple(json.loads(row["notes"])),
    )  # fmt: skip
