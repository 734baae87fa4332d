"""The service listens: on this machine alone, unless it is told otherwise."""

import secrets
import socket
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import uvicorn

from speech2face.errors import InputError, OutputError
from speech2face.jobs.animate import Speech2Face
from speech2face.serve.app import build
from speech2face.serve.guard import is_loopback
from speech2face.serve.limits import Limits
from speech2face.serve.service import Service
from speech2face.serve.store import Store

_SHORTEST_TOKEN = 16
_GRACE_SECONDS = 2
_ANY = ("0.0.0.0", "[::]")  # noqa: S104 - to know it


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a service listens."""

    host: str
    port: int
    token: str | None
    """What clients must show; never None beyond this machine."""
    names: tuple[str, ...] = ()
    """Names under which it may be reached."""

    def __post_init__(self) -> None:
        """Check the token.

        Raises:
            InputError: It is too short to be one, or lacks where it is needed.
        """
        if self.token is None and not is_loopback(self.host):
            msg = f"who listens at {self.host} is reached from elsewhere; expected a token"
            raise InputError(msg)
        fits = self.token is None or (self.token.isascii() and self.token.isprintable())
        if self.token is not None and (len(self.token) < _SHORTEST_TOKEN or not fits):
            msg = (
                f"the token has {len(self.token)} characters; expected {_SHORTEST_TOKEN} or more "
                "of ASCII; leave it out to have one made"
            )
            raise InputError(msg)

    @property
    def url(self) -> str:
        """The address that people open."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        host = socket.gethostname() if host in _ANY else host
        return f"http://{host}:{self.port}/" + (f"?token={self.token}" if self.token else "")


def usual_folder() -> Path:
    """Return where jobs are kept unless another folder is named."""
    return platformdirs.user_state_path("speech2face") / "serve"


def address(host: str, port: int, token: str | None, names: tuple[str, ...]) -> Address:
    """Decide where to listen; beyond this machine a token is made where none was given."""
    if token is None and not is_loopback(host):
        token = secrets.token_urlsafe(24)
    own = () if is_loopback(host) else (socket.gethostname(),)
    return Address(host=host, port=port, token=token, names=(*own, *names))


def serve(
    where: Address, folder: Path, device: str, limits: Limits, ready: Callable[[Address], None]
) -> None:
    """Serve until a signal comes; jobs at hand are stopped, and go on at the next start.

    Args:
        where: Where to listen; port 0 is any that is free.
        folder: Where jobs are kept.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        limits: What is taken on.
        ready: Called with the address once it is listened to.

    Raises:
        OutputError: The address cannot be listened to, or the folder cannot be used.
    """  # noqa: DOC502 the parts raise it
    engine = Speech2Face.from_pretrained(device)
    with closing(listener_of(where)) as listener, closing(Store(folder)) as store:
        port = listener.getsockname()[1]
        where = Address(host=where.host, port=port, token=where.token, names=where.names)
        app = build(Service(store, engine, limits), token=where.token, hosts=where.names)
        config = uvicorn.Config(
            app, access_log=False, log_level="warning", server_header=False, lifespan="on",
            timeout_graceful_shutdown=_GRACE_SECONDS, h11_max_incomplete_event_size=1 << 16,
            proxy_headers=False,
        )  # fmt: skip
        ready(where)
        uvicorn.Server(config).run(sockets=[listener])


def listener_of(where: Address) -> socket.socket:
    """Listen.

    Raises:
        OutputError: The address is taken, or none of this machine's.
    """
    listener: socket.socket | None = None
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            where.host, where.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(128)
    except OSError as error:
        if listener is not None:
            listener.close()
        msg = (
            f"nothing can listen at {where.host}:{where.port} ({error.strerror or error}); is it "
            "running already? choose another with --port"
        )
        raise OutputError(msg) from error
    return listener
