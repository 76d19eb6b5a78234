"""Who may talk to the page's server: a browser on this machine that was given the token, and no other page in it."""

from __future__ import annotations

import hmac
import secrets
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN = "token"
_MOST_BYTES = 1 << 20  # of a request; 24 verdicts with notes are a few kilobytes
_DENIED = "Open the address that 'soundbeam review' printed when it started.\n"
HEADERS = {
    # Nothing from elsewhere, no script or style but the page's own files, and no page that frames this one.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Gate:
    """Lets a request through only if all of this holds; else it is answered with 403 and nothing else happens.

    - Its Host is this server's own name: a page elsewhere whose name was made to point here (DNS rebinding) is refused.
    - Its Origin, if it has one, is this server's; a request that writes must have one, as those of all browsers do.
    - It carries the token, in the URL or in the cookie that the first request with it sets. Cookies do not tell ports
      apart, so the cookie's name holds the port: two reviews do not take each other's away.

    Args:
        app: What the requests are for.
        port: The server's port.
    """

    def __init__(self, app: ASGIApp, port: int):
        self._app = app
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._cookie = f"soundbeam_review_{port}"
        self.token = secrets.token_urlsafe(24)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get(TOKEN, [""])[0]
        by_url = self._right(given)
        if scope["type"] != "http" or not self._same_origin(scope, headers):
            allowed = False
        else:
            allowed = by_url or any(self._right(value) for value in _cookies(headers, self._cookie))
        too_long = not headers.get("content-length", "0").isdecimal() or _length(headers) > _MOST_BYTES

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = {name.lower(): value for name, value in HEADERS.items()}
                if by_url and allowed:
                    extra["set-cookie"] = f"{self._cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"
                message["headers"] = [*message["headers"], *((k.encode(), v.encode()) for k, v in extra.items())]
            await send(message)

        if not allowed:
            await PlainTextResponse(_DENIED, 403)(scope, receive, guarded)
        elif too_long:
            await PlainTextResponse("This request is too long.\n", 413)(scope, receive, guarded)
        else:
            await self._app(scope, receive, guarded)

    def _same_origin(self, scope: Scope, headers: Headers) -> bool:
        host, origins = headers.getlist("host"), headers.getlist("origin")
        if len(host) != 1 or host[0] not in self._hosts:
            return False
        if scope["method"] not in ("GET", "HEAD") and not origins:
            return False
        return all(origin == f"http://{host[0]}" for origin in origins)

    def _right(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self.token.encode())


def _length(headers: Headers) -> int:
    # A body of unknown length is refused by its missing Content-Length.
    if "transfer-encoding" in headers:
        return _MOST_BYTES + 1
    return int(headers.get("content-length", "0"))


def _cookies(headers: Headers, name: str) -> list[str]:
    """The values of a cookie; there may be several of one name."""
    pairs = (part.strip().partition("=") for line in headers.getlist("cookie") for part in line.split(";"))
    return [value for key, _, value in pairs if key == name]
