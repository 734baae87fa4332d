"""The whole service as one ASGI application: addresses, the page, and the guard before both."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from anyio.to_thread import run_sync
from fastapi import FastAPI, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException

from speech2face import __version__
from speech2face.errors import Speech2FaceError
from speech2face.serve.api import routes
from speech2face.serve.guard import Guard
from speech2face.serve.limits import MEGABYTE
from speech2face.serve.notes import heard
from speech2face.serve.refusals import Refusal, answer
from speech2face.serve.service import Service
from speech2face.training.calibration.calibrate import example

_PAGE = Path(__file__).parent / "page"
_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/texts.json": ("texts.json", "application/json"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
"""All that the page consists of."""
_EXAMPLES = {"portrait.png": "image/png", "speech.wav": "audio/wav"}

_ANSWERED = (Refusal, Speech2FaceError, HTTPException, RequestValidationError)


def build(service: Service, *, token: str | None = None, hosts: Iterable[str] = ()) -> Guard:
    """Put a service together; its workers run while the application does.

    Args:
        service: What is served.
        token: What clients must show; None: nothing.
        hosts: Names under which it may be reached, beside localhost and numbers.
    """

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        del app
        with heard():
            service.workers.start()
            try:
                yield
            finally:
                await run_sync(service.workers.stop)

    app = FastAPI(
        title="speech2face", version=__version__, lifespan=running,
        docs_url=None, redoc_url=None,  # their pages would load scripts from elsewhere
        exception_handlers=dict.fromkeys(_ANSWERED, answer),
    )  # fmt: skip
    app.include_router(routes(service))
    for address, (name, kind) in _FILES.items():
        app.add_api_route(address, _file(_PAGE / name, kind), include_in_schema=False)
    for name, kind in _EXAMPLES.items():
        app.add_api_route(f"/examples/{name}", _file(example(name), kind), include_in_schema=False)
    most = service.limits.megabytes * MEGABYTE
    return Guard(app, token=token, hosts=hosts, most_bytes=most)


def _file(path: Path, kind: str):  # noqa: ANN202 - an endpoint
    async def send() -> Response:
        return FileResponse(path, media_type=kind)

    return send
