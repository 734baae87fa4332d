"""Who may talk to the service, and how much: before anything of a request is looked at.

- A page of another site must not drive it: requests that a browser sends for one are refused by
  their `Origin` and `Sec-Fetch-Site`.
- A name that an attacker points at this machine (DNS rebinding) is refused by its `Host`.
- Beyond this machine a token is needed: as `Authorization: Bearer`, or, for people, once in the
  address, which becomes a cookie that scripts and other sites never see.
"""

import ipaddress
import secrets
from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from speech2face.serve.refusals import Refusal

COOKIE = "speech2face"

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer: the page may load nothing but its own files, and may be framed by nobody."""

_LOCAL_NAMES = ("localhost",)
_NEUTRAL_SITES = ("same-origin", "none")


class Guard:
    """Stands before the whole service."""

    def __init__(
        self, app: ASGIApp, *, token: str | None, hosts: Iterable[str], most_bytes: int
    ) -> None:
        """Take what is guarded.

        Args:
            app: The service.
            token: What clients must show; None: nothing, as only this machine is listened to.
            hosts: Names under which it may be reached, beside addresses of numbers.
            most_bytes: Of one request's body.
        """
        self._app, self._token, self._most_bytes = app, token, most_bytes
        self._hosts = {*_LOCAL_NAMES, *(name.lower() for name in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if scope["type"] == "websocket":
            await self._let_in(headers, scope, receive, send)
            return
        try:
            self._check_sender(headers)
            login = self._login(scope)
            if login is not None:
                await login(scope, receive, _hardened(send))
                return
            self._check_token(headers)
            counted = self._counted(headers, receive)
        except Refusal as refusal:
            await refusal.response()(scope, receive, _hardened(send))
            return
        await self._app(scope, counted, _hardened(send))

    async def _let_in(self, headers: Headers, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a WebSocket through, or refuse it before it is one."""
        try:
            self._check_sender(headers)
            self._check_token(headers)
        except Refusal:
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._app(scope, receive, send)

    def _check_sender(self, headers: Headers) -> None:
        """Check that the request comes from our page or from no page at all.

        Raises:
            Refusal: It does not.
        """
        host = headers.get("host", "")
        if not _is_number(_name_of(host)) and _name_of(host) not in self._hosts:
            msg = (
                f"the service is not known as {_name_of(host)!r}; expected localhost, a number, or "
                "a name given by --host-name"
            )
            raise Refusal(HTTPStatus.FORBIDDEN, msg)
        origin = headers.get("origin")
        elsewhere = origin is not None and origin.partition("://")[2] != host
        if elsewhere or headers.get("sec-fetch-site", "none") not in _NEUTRAL_SITES:
            msg = "the request comes from another site's page; expected our own page, or a program"
            raise Refusal(HTTPStatus.FORBIDDEN, msg)

    def _login(self, scope: Scope) -> RedirectResponse | None:
        """Turn a token in the address into a cookie, and go to the page without it."""
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        shown = query.get("token", [""])[0]
        if self._token is None or scope["method"] != "GET" or not self._is_token(shown):
            return None
        response = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        response.set_cookie(COOKIE, shown, httponly=True, samesite="strict")
        return response

    def _check_token(self, headers: Headers) -> None:
        """Check that the client has shown the token.

        Raises:
            Refusal: It has not.
        """
        if self._token is None:
            return
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        shown = bearer.strip() if scheme.lower() == "bearer" else cookie
        if not self._is_token(shown):
            msg = (
                "the service needs its token; open the address that it printed when it started, or "
                "send Authorization: Bearer TOKEN"
            )
            raise Refusal(HTTPStatus.UNAUTHORIZED, msg)

    def _is_token(self, shown: str) -> bool:
        return self._token is not None and secrets.compare_digest(
            shown.encode(), self._token.encode()
        )

    def _counted(self, headers: Headers, receive: Receive) -> Receive:
        """Let no more of a body through than is allowed, whatever its header says.

        Raises:
            Refusal: The header promises more already.
        """
        told = headers.get("content-length", "0")
        if not (told.isascii() and told.isdecimal()):
            raise Refusal(HTTPStatus.BAD_REQUEST, f"the content length {told!r} is no number")
        too_large = Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the request is larger than {self._most_bytes / 1e6:g} MB; send smaller files",
        )
        if int(told) > self._most_bytes:
            raise too_large
        left = self._most_bytes

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise too_large
            return message

        return counted


def _hardened(send: Send) -> Send:
    """Put what keeps browsers safe on every answer."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sent


def _name_of(host: str) -> str:
    """Return the name in a `Host`, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _is_number(name: str) -> bool:
    """Return whether a host is an address of numbers: nobody else can point that at us."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches what listens at a host."""
    return host in _LOCAL_NAMES or (_is_number(host) and ipaddress.ip_address(host).is_loopback)
