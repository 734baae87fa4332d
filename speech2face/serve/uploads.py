"""What clients send: files and words of a form, counted, checked by content, and named by us."""

import asyncio
import shutil
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from io import BytesIO
from pathlib import Path, PurePosixPath

from anyio.to_thread import run_sync
from PIL import Image, UnidentifiedImageError
from starlette.datastructures import UploadFile
from starlette.requests import Request

from speech2face.serve.limits import Limits
from speech2face.serve.refusals import Refusal
from speech2face.serve.tasks import DATA, PICTURE

_MOST_FIELDS = 64
_LONGEST_WORD = 4096
_LONGEST_SECONDS = 900.0
"""Time that a form may take to arrive: whoever stops in the middle makes room for others."""
_LONGEST_NAME = 100
_LARGEST_DATA = 100_000_000
"""Bytes of a timeline, or of weights."""
_ENDINGS = {"timeline": ".toml", "faces": ".toml", "speech2landmarks": ".safetensors"}
_JSON = b"{"


@dataclass
class Form:
    """A form that was sent; its files lie in a folder."""

    folder: Path
    files: dict[str, str] = field(default_factory=dict)
    """Our names, by role."""
    names: dict[str, str] = field(default_factory=dict)
    """The client's, made harmless: to be shown, and put into a command line."""
    words: dict[str, str] = field(default_factory=dict)

    def paths(self) -> dict[str, Path]:
        """Return where the files lie, by role."""
        return {role: self.folder / name for role, name in self.files.items()}


async def read_form(
    request: Request, folder: Path, roles: Mapping[str, str], limits: Limits
) -> Form:
    """Read a form of files and words.

    Args:
        request: Its body is counted by the guard.
        folder: Where the files go.
        roles: The files that are taken, and what each must be.
        limits: Of the service.

    Raises:
        Refusal: It is no form, holds something twice or unknown, or a file is none.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        msg = "the request is no form; expected multipart/form-data with files and settings"
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, msg)
    form = Form(folder)
    async with AsyncExitStack() as opened:
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                arriving = request.form(
                    max_files=len(roles), max_fields=_MOST_FIELDS, max_part_size=_LONGEST_WORD
                )
                parts = await opened.enter_async_context(arriving)
        except TimeoutError as error:
            msg = f"the form took more than {_LONGEST_SECONDS:g} s to arrive; send it again"
            raise Refusal(HTTPStatus.REQUEST_TIMEOUT, msg) from error
        for name, value in parts.multi_items():
            if name in form.files or name in form.words:
                msg = f"the form has {_harmless(name)!r} twice; expected it once"
                raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, msg)
            if isinstance(value, UploadFile):
                await run_sync(_save, form, name, value, roles, limits)
            else:
                form.words[name] = value
    return form


def _save(
    form: Form, role: str, sent: UploadFile, roles: Mapping[str, str], limits: Limits
) -> None:
    """Put a file into the form's folder.

    Raises:
        Refusal: It has no role, is empty, or is not what its role needs.
    """
    if role not in roles:
        msg = f"the form has the unknown file {_harmless(role)!r}; expected {', '.join(roles)}"
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, msg)
    name = role + _ENDINGS.get(role, "")
    if role == "timeline":
        start, _ = sent.file.read(64), sent.file.seek(0)
        name = "timeline.json" if start.lstrip().startswith(_JSON) else name
    path = form.folder / name
    with path.open("wb") as file:
        shutil.copyfileobj(sent.file, file, 1 << 20)
    if path.stat().st_size == 0:
        msg = f"the file {role} is empty (0 bytes); expected media; choose it again"
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, msg)
    if roles[role] == DATA and path.stat().st_size > _LARGEST_DATA:
        msg = f"the file {role} is larger than {_LARGEST_DATA / 1e6:g} MB; expected a smaller one"
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, msg)
    if roles[role] == PICTURE:
        require_few_pixels(path, limits)
    form.files[role] = name
    last = PurePosixPath((sent.filename or "").replace("\\", "/")).name
    form.names[role] = _harmless(last) or role


def require_few_pixels(picture: Path | bytes, limits: Limits) -> None:
    """Refuse a picture whose header promises more pixels than memory is kept for.

    Raises:
        Refusal: It does.
    """
    try:
        with Image.open(picture if isinstance(picture, Path) else BytesIO(picture)) as header:
            pixels = header.width * header.height
    except Image.DecompressionBombError:
        pixels = float("inf")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return  # the reader of pictures knows more of them, and says what is wrong
    if pixels > limits.megapixels * 1_000_000:
        msg = f"the portrait has more than {limits.megapixels} megapixels; make it smaller"
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, msg)


def _harmless(name: str) -> str:
    """Return a name in which nothing obeys: printable, short, no option of a command line."""
    text = "".join(one for one in name if one.isprintable())[-_LONGEST_NAME:].strip()
    return f"./{text}" if text.startswith("-") else text
