"""Who may ask for what: names of the server, origins of pages, a token, signed links; and headers on every answer.

On a machine's own loopback no token is needed, but a page of another site in the same machine's browser can send
requests there. So the name in `Host` must be one of the server's (a foreign name that leads here is an attack, DNS
rebinding), and a page of another origin may only read drawings, whose ids nobody can guess.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from amortized_sr.server.answers import error_response
from amortized_sr.server.refusal import RequestError

DRAWINGS = "/iiif/3/"
"""Where addresses of pictures and drawings begin."""

_PROTECTED = "/v1/"
_SIGNATURE = re.compile(rb"(?:^|&)signature=([0-9a-f]{64})(?:&|$)")

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Viewers are on other sites.
_SHARED = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, If-None-Match",
    "Access-Control-Max-Age": "86400",
}


@final
@dataclass(frozen=True, repr=False)
class Access:
    """Who may ask for what.

    Attributes:
        names: Names and addresses of the server, in small letters, without a port.
        token: What everything but drawings, the page and the health needs; None leaves it open.
        link_key: Key of the signatures that drawings need where they come without the token; None leaves them open.
        public_url: Scheme and authority that addresses in answers begin with; None takes those of the request.
    """

    names: frozenset[str]
    token: bytes | None = None
    link_key: bytes | None = None
    public_url: str | None = None


def signature(key: bytes, path: str) -> str:
    """Return the signature of the path of a drawing, such as `/iiif/3/ID/full/max/0/default.jpg`.

    Example:
        >>> signature(b"key", "/iiif/3/0/info.json")[:12]
        'e3817c06d9ab'
    """
    return hmac.new(key, path.encode(), hashlib.sha256).hexdigest()


@final
class Guard:
    """Lets requests through to an application, or refuses them.

    Args:
        app: The application.
        access: Who may ask for what.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        shared = scope["path"].startswith(DRAWINGS)

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in {**_HEADERS, **(_SHARED if shared else {})}.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            self._check(scope, Headers(scope=scope))
        except RequestError as error:
            await error_response(error)(scope, receive, send_secured)
            return
        if shared and scope["method"] == "OPTIONS":
            await Response(status_code=204, headers=_PREFLIGHT)(scope, receive, send_secured)
            return
        await self._app(scope, receive, send_secured)

    def _check(self, scope: Scope, headers: Headers) -> None:
        path, host = scope["path"], headers.get("host", "")
        # Whoever watches the server's health may not know its name.
        if path != "/healthz" and _name(host) not in self._access.names:
            remedy = "use one of its names, or start it with --public-url"
            raise RequestError(421, f"this server is not called {_name(host)[:80]!a}; {remedy}", unread=True)
        origin = headers.get("origin")
        changes = scope["method"] not in ("GET", "HEAD", "OPTIONS")
        if changes and origin is not None and origin.partition("://")[2].lower() != host.lower():
            raise RequestError(403, "a page of another site may not send pictures; use its server", unread=True)
        if path.startswith(_PROTECTED) and not self._has_token(headers):
            problem = "this needs the server's token; send it as Authorization: Bearer TOKEN"
            raise RequestError(401, problem, {"WWW-Authenticate": "Bearer"}, unread=True)
        if path.startswith(DRAWINGS) and scope["method"] != "OPTIONS" and not self._is_open(path, scope, headers):
            raise RequestError(403, "this link is not signed; ask its owner for one, or send the server's token")

    def _has_token(self, headers: Headers) -> bool:
        if self._access.token is None:
            return True
        kind, _, token = headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self._access.token)

    def _is_open(self, path: str, scope: Scope, headers: Headers) -> bool:
        if self._access.link_key is None:
            return True
        if self._access.token is not None and self._has_token(headers):
            return True
        given = _SIGNATURE.search(scope["query_string"])
        return given is not None and hmac.compare_digest(given[1], signature(self._access.link_key, path).encode())


def _name(host: str) -> str:
    """Return the name in a `Host` header, without the port and the brackets of an IPv6 address."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()
