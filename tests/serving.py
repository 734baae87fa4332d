"""A service in this process, an engine that draws when a test lets it, and a client's questions."""

import json
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from starlette.testclient import TestClient

from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.clip import Progress, Report
from speech2face.jobs.preflight import Job
from speech2face.serve.app import build
from speech2face.serve.limits import Limits
from speech2face.serve.service import Service
from speech2face.serve.store import Store

Files = dict[str, tuple[str, bytes]]
LIMITS = Limits(megabytes=4, seconds=20.0, megapixels=20)
QUICK = {"size": "64", "full": "false", "preview": "2", "blink": "off"}


class Drawing(Speech2Face):
    """An engine whose frames come when the test lets them."""

    FRAMES = 2

    def __init__(self) -> None:
        super().__init__(torch.device("cpu"))
        self.begun = threading.Semaphore(0)
        self.free = threading.Semaphore(0)
        self.fault: Exception | None = None

    def run(self, job: Job, progress: Report | None = None, stream: object = None) -> Any:  # noqa: ANN401
        del stream
        assert progress is not None
        assert job.output is not None
        assert job.sidecar is not None
        self.begun.release()
        for frame in range(self.FRAMES):
            while not self.free.acquire(timeout=0.01):
                progress(Progress(stage="write", done=frame, total=self.FRAMES))
            progress(Progress(stage="write", done=frame + 1, total=self.FRAMES))
        if self.fault is not None:
            raise self.fault
        job.output.write_bytes(b"a video")
        job.sidecar.write_text("{}")


class Serving:
    """A service that runs until it is stopped; its store outlives it."""

    def __init__(
        self, folder: Path, engine: Speech2Face, limits: Limits = LIMITS, *,
        host: str = "127.0.0.1", token: str | None = None,
        hosts: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._stack = ExitStack()
        self.store = Store(folder)
        self._stack.callback(self.store.close)
        self.service = Service(self.store, engine, limits)
        client = TestClient(
            build(self.service, token=token, hosts=hosts),
            base_url=f"http://{host}",
            raise_server_exceptions=False,
        )
        self.client = self._stack.enter_context(client)

    def stop(self) -> None:
        self._stack.close()

    def post(self, form: Files, task: str = "animate", **words: str) -> str:
        """Post a job that is accepted; return its key."""
        answer = self.client.post(f"/v1/{task}", files=form, data=words)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def states(self, key: str) -> list[dict[str, Any]]:
        """Listen to a job until it has ended or is gone."""
        lines = self.client.get(f"/v1/jobs/{key}/events").text.splitlines()
        return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]

    def files(self) -> list[str]:
        """List the files of all jobs."""
        jobs = self.store.folder / "jobs"
        return sorted(path.name for path in jobs.rglob("*") if path.is_file())


def sent(portrait: Path, speech: Path) -> Files:
    """Return the files of an animation, as a client sends them."""
    return {
        "portrait": ("me.png", portrait.read_bytes()),
        "audio": ("talk.wav", speech.read_bytes()),
    }
