"""A few worker threads behind a queue of bounded length; what nobody waits for any more is not begun."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, final

from amortized_sr.server.refusal import busy

_T = TypeVar("_T")


class ClientLeftError(Exception):
    """The client closed its connection before it had an answer."""


@final
class WorkQueue:
    """Runs jobs in threads, so many at once, and lets so many wait.

    Args:
        workers: How many jobs run at once.
        waiting: How many more may wait.
    """

    def __init__(self, workers: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(workers, "worker")
        self._limit = workers + waiting
        # Jobs end in their own threads.
        self._lock = threading.Lock()
        self._count = 0

    def __len__(self) -> int:
        """Return how many jobs wait or run."""
        return self._count

    def check(self) -> None:
        """Raise a `RequestError` if one more job would be too many."""
        if self._count >= self._limit:
            raise busy(f"{self._count} requests wait already")

    async def run(self, job: Callable[[], _T]) -> _T:
        """Return what a job returns; if the caller is cancelled, a job that waits is taken out of the queue.

        Raises:
            RequestError: If too many wait already.
        """
        self.check()
        with self._lock:
            self._count += 1
        future = self._pool.submit(job)
        # A job that runs although nobody waits for it still counts: it uses a thread.
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Forget the jobs that wait; one that runs ends before the process does."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _leave(self, _: "Future[_T]") -> None:
        with self._lock:
            self._count -= 1


async def unless_left(work: Awaitable[_T], left: Awaitable[None]) -> _T:
    """Return what `work` returns, or cancel it and raise a `ClientLeftError` once `left` is done."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(left)
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientLeftError
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
