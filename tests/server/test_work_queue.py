"""The queue: bounded, refuses at once, and does not begin what nobody waits for."""

import asyncio
import threading
import time

import pytest

from amortized_sr.server.refusal import RequestError
from amortized_sr.server.work_queue import ClientLeftError, WorkQueue, unless_left


def test_more_than_may_wait_are_refused_at_once_and_later_ones_are_taken():
    async def run() -> None:
        queue, gate = WorkQueue(2, 3), threading.Event()
        jobs = [asyncio.ensure_future(queue.run(gate.wait)) for _ in range(5)]
        await asyncio.sleep(0)
        assert len(queue) == 5
        start = time.perf_counter()
        with pytest.raises(RequestError, match="5 requests wait already; try again") as refused:
            await queue.run(gate.wait)
        assert time.perf_counter() - start < 0.05
        assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "1"})
        gate.set()
        assert await asyncio.gather(*jobs) == [True] * 5
        while len(queue):
            await asyncio.sleep(0.01)
        assert await queue.run(lambda: "taken") == "taken"
        queue.close()

    asyncio.run(run())


def test_a_client_that_leaves_takes_its_waiting_job_along():
    async def run() -> None:
        queue, gate, left, begun = WorkQueue(1, 5), threading.Event(), asyncio.Event(), list[int]()
        first = asyncio.ensure_future(queue.run(gate.wait))
        await asyncio.sleep(0)

        async def leave() -> None:
            await left.wait()

        second = asyncio.ensure_future(unless_left(queue.run(lambda: begun.append(1)), leave()))
        await asyncio.sleep(0.05)
        assert len(queue) == 2
        left.set()
        with pytest.raises(ClientLeftError):
            await second
        await asyncio.sleep(0.01)
        assert len(queue) == 1
        gate.set()
        await first
        await queue.run(lambda: None)
        assert begun == []
        queue.close()

    asyncio.run(run())


def test_a_job_that_runs_counts_until_it_ends_although_its_client_left():
    async def run() -> None:
        queue, gate = WorkQueue(1, 1), threading.Event()

        async def left_at_once() -> None:
            await asyncio.sleep(0.05)

        with pytest.raises(ClientLeftError):
            await unless_left(queue.run(gate.wait), left_at_once())
        assert len(queue) == 1
        gate.set()
        while len(queue):
            await asyncio.sleep(0.01)
        queue.close()

    asyncio.run(run())


def test_what_a_job_raises_is_raised():
    async def run() -> None:
        queue = WorkQueue(1, 1)
        with pytest.raises(ZeroDivisionError):
            await unless_left(queue.run(lambda: 1 / 0), asyncio.sleep(60))
        queue.close()

    asyncio.run(run())
