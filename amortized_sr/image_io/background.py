"""Work on a stream in other threads, while the next items are being made."""

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_background(work: Callable[[Item], Result], items: Iterable[Item], most: int) -> Iterator[Result]:
    """Yield the results of items in their order; at most so many wait at once. A single item is done at once."""
    items, waiting = iter(items), deque[Future[Result]]()
    first = deque(itertools.islice(items, 2))
    if len(first) < 2:
        yield from map(work, first)
        return
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for item in _emptied(first, items):
            waiting.append(pool.submit(work, item))
            while len(waiting) > most or (waiting and waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _emptied(first: deque[Item], rest: Iterator[Item]) -> Iterator[Item]:
    """Yield the first items, holding none that was yielded, and the rest."""
    while first:
        yield first.popleft()
    yield from rest
