"""HTTP: jobs are posted as forms, and asked after by their keys."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.requests import Request
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from speech2face import __version__
from speech2face.configs import Setting
from speech2face.controls.words import MOST_STRENGTH, STRONGEST
from speech2face.emotions import EMOTIONS
from speech2face.serve.live import speak
from speech2face.serve.refusals import Refusal
from speech2face.serve.service import Service
from speech2face.serve.store import OPEN, RESULT, SIDECAR
from speech2face.serve.tasks import PICTURE, TASKS, Task, generators
from speech2face.serve.uploads import read_form

_OFTEN = 0.2
"""Seconds between two looks at a job whose events are listened to."""
_STILL_THERE = 15.0
"""Seconds after which a stream without news says that it lives."""
_KINDS = {bool: "boolean", int: "integer", float: "number"}
_FACES = {"portrait": PICTURE}


def routes(service: Service) -> APIRouter:
    """Return the addresses of a service."""
    router = APIRouter(prefix="/v1")
    for task in TASKS.values():
        router.add_api_route(
            f"/{task.name}", _submitting(service, task), methods=["POST"], summary=task.summary,
            status_code=HTTPStatus.ACCEPTED, openapi_extra={"requestBody": _described(task)},
        )  # fmt: skip

    _add_pictures(router, service)

    @router.websocket("/live")
    async def live(socket: WebSocket) -> None:
        await speak(socket, service)

    @router.get("/about", summary="Limits of the service, and all settings of its tasks")
    async def about() -> Response:
        return JSONResponse(_about(service))

    @router.get("/jobs/{key}", summary="The state of a job")
    async def state(key: str) -> Response:
        return JSONResponse(service.state(service.find(key)))

    @router.get("/jobs/{key}/events", summary="The state whenever it changes (server-sent events)")
    async def events(key: str) -> Response:
        service.find(key)
        return _Events(service, key)

    @router.get("/jobs/{key}/result", summary="The video; ?download=NAME.mp4 to save it")
    async def result(key: str, download: str | None = None) -> Response:
        path = service.result(key, RESULT)
        return FileResponse(path, media_type="video/mp4", filename=_file_name(download))

    @router.get("/jobs/{key}/sidecar", summary="How the video was made")
    async def sidecar(key: str) -> Response:
        return FileResponse(service.result(key, SIDECAR), media_type="application/json")

    @router.delete("/jobs/{key}", summary="Stop a job, and remove all of it")
    async def remove(key: str) -> Response:
        record = service.find(key)
        await run_sync(service.workers.cancel, record.key)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return router


def _add_pictures(router: APIRouter, service: Service) -> None:
    """Add the addresses of pictures, which are answered at once."""

    @router.post("/faces", summary="Find the faces of a picture (form with the file portrait)")
    async def faces(request: Request) -> Response:
        with service.reading():
            service.require_room()
            folder = service.store.open_folder()
            try:
                form = await read_form(request, folder, _FACES, service.limits)
                if not form.files:
                    msg = "the form lacks the file portrait; expected a picture"
                    raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, msg)
                return JSONResponse(await run_sync(service.faces, form.paths()["portrait"]))
            finally:
                service.store.discard(folder)

    @router.get("/looks/{key}", summary="A portrait at rest, as emotion, gaze, ... have it")
    async def look(request: Request, key: str) -> Response:
        words = dict(request.query_params)
        return Response(await run_sync(service.look, key, words), media_type="image/jpeg")


def _submitting(service: Service, task: Task) -> Callable[[Request], Awaitable[Response]]:
    async def submit(request: Request) -> Response:
        with service.reading():
            service.require_room()
            folder = service.store.open_folder()
            try:
                form = await read_form(request, folder, task.roles, service.limits)
                record = await run_sync(service.accept, task, form)
            except BaseException:
                service.store.discard(folder)
                raise
        headers = {"Location": f"/v1/jobs/{record.key}"}
        return JSONResponse(service.state(record), HTTPStatus.ACCEPTED, headers=headers)

    return submit


class _Events(StreamingResponse):
    """The state of a job whenever it changes, until it has ended."""

    def __init__(self, service: Service, key: str) -> None:
        super().__init__(self._states(), media_type="text/event-stream")
        self._service, self._key = service, key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with ExitStack() as stack:
            try:
                stack.enter_context(self._service.listening())
            except Refusal as refusal:
                await refusal.response()(scope, receive, send)
                return
            await super().__call__(scope, receive, send)

    async def _states(self) -> AsyncIterator[str]:
        told, quiet = "", 0.0
        while not self._service.workers.stopping:
            record = self._service.store.find(self._key)
            if record is None:
                yield "event: removed\ndata: {}\n\n"
                return
            state = json.dumps(self._service.state(record))
            if state != told:
                told, quiet = state, 0.0
                yield f"data: {state}\n\n"
            if record.state not in OPEN:
                return
            await asyncio.sleep(_OFTEN)
            quiet += _OFTEN
            if quiet >= _STILL_THERE:
                quiet = 0.0
                yield ": still there\n\n"


def _file_name(asked: str | None) -> str | None:
    """Return a name to save a video under: letters of the client's that no system obeys."""
    if asked is None:
        return None
    stem = "".join(one if one.isalnum() or one in "-_ " else "_" for one in Path(asked).stem)
    return f"{stem.strip(' _') or 'video'}.mp4"[-100:]


def _about(service: Service) -> dict[str, Any]:
    limits = service.limits
    return {
        "version": __version__,
        "limits": {"megabytes": limits.megabytes, "seconds": limits.seconds,
                   "keep_hours": limits.keep_hours},
        "emotions": list(EMOTIONS),
        "most": {"emotion": STRONGEST, "strength": MOST_STRENGTH},
        "generators": generators(),
        "tasks": {
            task.name: {
                "files": list(task.files),
                "optional": [role for role in task.roles if role not in task.files],
                "settings": {name: _setting(one) for name, one in task.words.items()},
            }
            for task in TASKS.values()
        },
    }  # fmt: skip


def _setting(one: Setting) -> dict[str, Any]:
    return {
        "type": _KINDS.get(one.kind, "string"), "default": one.default, "help": one.help,
        "group": one.panel,
    }  # fmt: skip


def _described(task: Task) -> dict[str, Any]:
    """Return the form of a task as OpenAPI has it."""
    files = {
        role: {"type": "string", "format": "binary", "description": f"a file: {kind}"}
        for role, kind in task.roles.items()
    }
    words = {
        name: {"type": _KINDS.get(one.kind, "string"), "description": one.help}
        for name, one in task.words.items()
        if name not in files
    }
    schema = {"type": "object", "properties": {**files, **words}, "required": list(task.files)}
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
