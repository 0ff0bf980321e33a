"""Reads the body of a request: bounded in bytes while it comes, in time, and in memory for all clients together."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.requests import Request

from amortized_sr.server.held_bytes import HeldBytes
from amortized_sr.server.limits import Limits
from amortized_sr.server.refusal import RequestError


@contextlib.asynccontextmanager
async def read_body(request: Request, limits: Limits, held: HeldBytes) -> AsyncIterator[bytes]:
    """Yield the bytes of the picture that a request sends; they count as held while the block runs.

    Raises:
        RequestError: If it sends something else, too much, or too slowly.
    """
    _check_headers(request, limits)
    body = bytearray()
    with contextlib.ExitStack() as stack:
        try:
            async with asyncio.timeout(limits.body_seconds):
                async for part in request.stream():
                    # Before the bytes are kept, and long before anything looks at them.
                    if len(body) + len(part) > limits.body_bytes:
                        raise _too_large(limits)
                    held.check(len(part))
                    stack.enter_context(held.counted(len(part)))
                    body += part
        except TimeoutError:
            problem = f"the body took longer than {limits.body_seconds:g} seconds"
            raise RequestError(408, f"{problem}; send it faster or a smaller one", {"Connection": "close"}) from None
        if not body:
            raise RequestError(400, "the body is empty; send the bytes of an image file")
        content = bytes(body)
        body.clear()
        yield content


def _check_headers(request: Request, limits: Limits) -> None:
    """Refuse, before the body comes, what its headers say is too large or no picture."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # Forms and plain text are also what a page of another site can send without being asked.
    if kind and kind != "application/octet-stream" and not kind.startswith("image/"):
        remedy = "send the bytes of an image file as the body, with Content-Type image/png or none"
        raise RequestError(415, f"the Content-Type {kind[:40]!a} is no picture; {remedy}", unread=True)
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise RequestError(415, "the body is compressed by a Content-Encoding; send the file as it is", unread=True)
    length = request.headers.get("content-length", "")
    if length.isdecimal() and (len(length) > 18 or int(length) > limits.body_bytes):
        raise _too_large(limits)


def _too_large(limits: Limits) -> RequestError:
    problem = f"the body is larger than {limits.body_bytes:,} bytes"
    return RequestError(413, f"{problem}; send a smaller file", unread=True)
