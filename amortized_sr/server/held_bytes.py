"""Counts the bytes of bodies and answers that are in memory, for all clients together. Loads nothing."""

import contextlib
from collections.abc import Iterator
from typing import final

from amortized_sr.server.refusal import RequestError, busy


@final
class HeldBytes:
    """A count with a limit, for the thread of the event loop alone.

    Args:
        limit: Above it, new requests and further parts of bodies are refused.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.count = 0

    def check(self, more: int = 0) -> None:
        """Raise a `RequestError` if so many bytes more would be above the limit."""
        if self.count + more > self.limit:
            raise _full()

    @contextlib.contextmanager
    def counted(self, count: int) -> Iterator[None]:
        """Count some bytes while the block runs, above the limit too."""
        self.count += count
        try:
            yield
        finally:
            self.count -= count


def _full() -> RequestError:
    return busy("the server holds as many pictures of other requests as its memory allows")
