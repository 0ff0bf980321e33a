"""Answers to requests: JSON, refusals, and files whose memory is counted until the client has read them."""

import asyncio
import json
from collections.abc import Mapping
from typing import final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from amortized_sr.server.held_bytes import HeldBytes
from amortized_sr.server.refusal import RequestError

# How much is handed to the connection at once; it takes no more while the client does not read.
_CHUNK = 2**16

# How long the rest of a body that nobody wants is read and thrown away: a connection that is closed before that is
# reset, and the client may not see the answer.
_LINGER_SECONDS = 2


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer in JSON."""
    return Response(json.dumps(value).encode(), status, headers, "application/json")


def error_response(error: RequestError) -> Response:
    """Return the answer that refuses a request."""
    if not error.unread:
        return json_response({"error": error.sentence}, error.status, error.headers)
    return _LastResponse(error)


@final
class FileResponse(Response):
    """The bytes of a picture.

    Args:
        content: The bytes.
        media_type: What they are.
        headers: Further headers.
        held: Counts them until they are sent.
        seconds: How long the client may take to read them.
    """

    def __init__(
        self, content: bytes, media_type: str, headers: Mapping[str, str], held: HeldBytes, seconds: int | float
    ) -> None:
        super().__init__(content, 200, headers, media_type)
        self._held = held
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the bytes; stop in the middle, which closes the connection, if the client does not read them."""
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        body = memoryview(self.body)
        with self._held.counted(len(body)):
            try:
                async with asyncio.timeout(self._seconds):
                    await send(start)
                    for place in range(0, len(body), _CHUNK):
                        part = bytes(body[place : place + _CHUNK])
                        more = place + _CHUNK < len(body)
                        await send({"type": "http.response.body", "body": part, "more_body": more})
            except TimeoutError:
                return


@final
class _LastResponse(Response):
    """The refusal of a request whose body has not been read; the connection is closed after it."""

    def __init__(self, error: RequestError) -> None:
        content = json.dumps({"error": error.sentence}).encode()
        super().__init__(content, error.status, {**error.headers, "Connection": "close"}, "application/json")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the refusal, throw away what still comes for a moment, and close the connection."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        try:
            async with asyncio.timeout(_LINGER_SECONDS):
                while (message := await receive())["type"] == "http.request" and message.get("more_body", False):
                    pass
        except TimeoutError:
            pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})
