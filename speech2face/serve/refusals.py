"""Why a request is refused: an HTTP status and one line, the same in all of its answers."""

from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from speech2face.errors import (
    DeviceError,
    InputError,
    MediaError,
    NoFaceError,
    OutputError,
    Speech2FaceError,
    WeightsError,
)

_STATUSES: tuple[tuple[type[Speech2FaceError], HTTPStatus], ...] = (
    (NoFaceError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (InputError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (MediaError, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (WeightsError, HTTPStatus.SERVICE_UNAVAILABLE),
    (OutputError, HTTPStatus.SERVICE_UNAVAILABLE),
    (DeviceError, HTTPStatus.SERVICE_UNAVAILABLE),
)


class Refusal(Exception):  # noqa: N818 - it is an answer
    """A request that is answered with a status and one line instead of what it asked for."""

    def __init__(
        self, status: int, message: str, error: str = "", *, retry_after: int | None = None
    ) -> None:
        """Refuse.

        Args:
            status: Of HTTP.
            message: One line: what is wrong, what was expected, what to do.
            error: A word for programs; without it the status's own.
            retry_after: Seconds after which asking again makes sense.
        """
        super().__init__(message)
        self.status, self.message = int(status), " ".join(message.split())
        self.error = error or HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")
        self.retry_after = retry_after

    @classmethod
    def of(cls, error: Speech2FaceError) -> "Refusal":
        """Return the answer to an error of ours."""
        status = next(status for kind, status in _STATUSES if isinstance(error, kind))
        return cls(status, str(error), type(error).__name__)

    @property
    def body(self) -> dict[str, Any]:
        """The answer as JSON."""
        return {"code": self.status, "error": self.error, "message": self.message}

    def response(self) -> JSONResponse:
        """Return the answer."""
        headers = None if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return JSONResponse(self.body, self.status, headers=headers)


async def answer(request: Request, error: Exception) -> JSONResponse:
    """Answer with what was raised: a refusal, one of our errors, or one of Starlette's."""
    del request
    if isinstance(error, Speech2FaceError):
        error = Refusal.of(error)
    if not isinstance(error, Refusal):
        status = getattr(error, "status_code", HTTPStatus.BAD_REQUEST)
        error = Refusal(status, _WORDS.get(status) or str(getattr(error, "detail", "")))
    return error.response()


_WORDS: dict[int, str] = {
    HTTPStatus.NOT_FOUND: "there is nothing at this address; /openapi.json lists what there is",
    HTTPStatus.METHOD_NOT_ALLOWED: "this address knows another method; see /openapi.json",
}
