"""`speech2face serve`: a page and an HTTP service on this machine."""

import webbrowser
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speech2face.cli import options
from speech2face.errors import InputError

if TYPE_CHECKING:
    from speech2face.serve.server import Address

_NEEDED = ("fastapi", "uvicorn", "python_multipart", "websockets")
_LIMITS = "Limits"

_Host = Annotated[str, typer.Option(help="Where to listen: 127.0.0.1 is this machine alone.")]
_Port = Annotated[int, typer.Option("--port", "-p", help="0: any that is free.", min=0, max=65535)]
_Token = Annotated[
    str | None,
    typer.Option(
        envvar="SPEECH2FACE_TOKEN", show_envvar=True,
        help="What clients must show. Beyond this machine one is made if none is given.",
    ),
]  # fmt: skip
_Names = Annotated[
    list[str] | None,
    typer.Option("--host-name", help="A name under which the service may be reached; repeatable."),
]
_Data = Annotated[
    Path | None, typer.Option(help="Where jobs are kept; without it in the user's own folder.")
]
_Open = Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")]


def _bound(help_text: str) -> typer.models.OptionInfo:
    return typer.Option(help=help_text, rich_help_panel=_LIMITS)


def serve(
    *,
    host: _Host = "127.0.0.1",
    port: _Port = 8890,
    token: _Token = None,
    host_name: _Names = None,
    data: _Data = None,
    open_page: _Open = False,
    megabytes: Annotated[int, _bound("Largest request.")] = 500,
    seconds: Annotated[float, _bound("Longest sound or video.")] = 1800.0,
    waiting: Annotated[int, _bound("Most jobs at once.")] = 20,
    workers: Annotated[int, _bound("Jobs that are drawn at once.")] = 1,
    keep_hours: Annotated[float, _bound("How long results are kept.")] = 24.0,
    device: options.Device = "auto",
) -> None:
    """Serve a page for people and HTTP for programs, on this machine.

    Open the address that is printed: portrait and sound by drop, settings as sliders, the video
    beside them. Programs POST forms to /v1/animate, /v1/dub and /v1/reenact; /openapi.json says
    more. Nothing is loaded from elsewhere, and nothing is sent anywhere.

    speech2face serve

    speech2face serve --host 0.0.0.0 --keep-hours 2

    Uploads are removed as soon as their video is made, videos after --keep-hours. Jobs that wait
    when the service ends are made when it starts again.
    """  # noqa: DOC501 a help text
    missing = [name.replace("_", "-") for name in _NEEDED if find_spec(name) is None]
    if missing:
        msg = (
            f"serve needs {', '.join(missing)}, which is not installed; run pip install "
            "'speech2face[serve]'"
        )
        raise InputError(msg)
    typer.echo("speech2face: loading ...", err=True)
    from speech2face.serve.limits import Limits
    from speech2face.serve.server import address, usual_folder
    from speech2face.serve.server import serve as listen

    limits = Limits(
        megabytes=megabytes, seconds=seconds, waiting=waiting, workers=workers,
        keep_hours=keep_hours,
    )  # fmt: skip

    def ready(where: "Address") -> None:
        typer.echo(f"speech2face: open {where.url}   (Ctrl-C ends it)", err=True)
        if open_page:
            webbrowser.open(where.url)

    place = address(host, port, token, tuple(host_name or ()))
    listen(place, data or usual_folder(), device, limits, ready)
