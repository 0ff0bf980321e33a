"""Listens on a socket and serves the application until a signal ends the process."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import final

import torch
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from amortized_sr.server.app import Service

# Of answers that are being sent when the server is told to end.
_LAST_SECONDS = 10


def serve(service: Service, listening: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM, whose handlers run when the last answers are sent.

    The process must be the caller's own: torch's threads are shared among the workers.
    """
    with _threads_per_worker(service.limits.workers):
        uvicorn.Server(uvicorn_config(service)).run(sockets=[listening])


def uvicorn_config(service: Service) -> uvicorn.Config:
    """Return how requests are read and connections are closed."""
    limits = service.limits
    return uvicorn.Config(
        service.app(),
        # Its parser of plain Python has had no flaw of memory, and the timer below knows it.
        http=_HurriedProtocol.within(limits.header_seconds),
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,  # ids in addresses are secrets
        proxy_headers=False,  # anybody could write them
        server_header=False,
        limit_concurrency=limits.connections,
        timeout_graceful_shutdown=_LAST_SECONDS,
    )


@contextlib.contextmanager
def _threads_per_worker(workers: int) -> Iterator[None]:
    """Give each worker its share of the cores: threads that wait for each other are slower than fewer."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before // workers))
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _HurriedProtocol(H11Protocol):
    """Closes connections whose next request does not arrive in time; uvicorn only closes those that send nothing."""

    seconds: int | float = 10
    _deadline: asyncio.TimerHandle | None = None

    @classmethod
    def within(cls, seconds: int | float) -> "type[_HurriedProtocol]":
        """Return a protocol with another time."""
        return final(type("HurriedProtocol", (cls,), {"seconds": seconds}))

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Begin a connection."""
        super().connection_made(transport)
        self._set_deadline()

    def data_received(self, data: bytes) -> None:
        """Take bytes of requests."""
        super().data_received(data)
        self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection."""
        super().connection_lost(exc)
        if self._deadline is not None:
            self._deadline.cancel()

    def _set_deadline(self) -> None:
        awaits_headers = self.cycle is None or self.cycle.response_complete
        if awaits_headers and self._deadline is None:
            self._deadline = self.loop.call_later(self.seconds, self.transport.close)
        elif not awaits_headers and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
