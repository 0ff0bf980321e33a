"""Threads that make the outputs of a batch. Small pictures that are alike are drawn at once."""

import os
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import final

from amortized_sr.batch.engines import Engines
from amortized_sr.batch.plan import Job
from amortized_sr.batch.work import write_output
from amortized_sr.engine import Engine
from amortized_sr.image_io import ImageError
from amortized_sr.image_io.image_file import Pixels
from amortized_sr.pictures.conversion import Conversion
from amortized_sr.pictures.frames import alike, draw_alike, draw_frames

# How many pictures are drawn at once, and how many pixels they have together, before and after. A picture of 64x64 is a
# hundred short operations, between which threads wait for Python; more than eight at once gain nothing.
_LARGEST_GROUP = 8
_GROUP_PIXELS = _LARGEST_GROUP * 64 * 64, 1 << 21


@final
@dataclass(frozen=True, eq=False)
class Making:
    """An output that is being made.

    Attributes:
        job: Its place in the plan.
        conversion: How it is drawn and written.
        engine: What draws it.
        fallbacks: Gets a sentence about each fallback.
    """

    job: Job
    conversion: Conversion
    engine: Engine
    fallbacks: list[str] = field(default_factory=list)


@final
@dataclass(eq=False)
class _Group:
    """Outputs that a thread makes together.

    Attributes:
        most: How many they can be.
        members: The outputs.
        future: Returns the seconds of each, or why it failed; None as long as others may come.
    """

    most: int = 1
    members: list[Making] = field(default_factory=list)
    future: Future[list[float | ImageError]] | None = None


@final
class Makers:
    """Makes outputs in other threads, and hands them back in the order in which they came.

    Args:
        engines: What draws.
        write_behind: How many groups of pictures wait at least, drawn or not, before anything waits for them.
    """

    def __init__(self, engines: Engines, write_behind: int) -> None:
        self._engines = engines
        self._write_behind = write_behind
        self._pool = ThreadPoolExecutor(max(2, os.cpu_count() or 1), "maker")
        self._pending: deque[tuple[Making, _Group]] = deque()
        self._open: dict[Hashable, _Group] = {}

    def write(self, making: Making, frames: list[Iterable[Pixels]], start: float) -> None:
        """Write an output that has been drawn."""
        group = _Group(members=[making])
        group.future = self._pool.submit(lambda: [_outcome(lambda: _write(making, frames, start))])
        self._pending.append((making, group))

    def make(self, making: Making) -> None:
        """Draw and write an output, together with others that are alike and come soon."""
        most, key = _most_together(making), alike(making.conversion)
        group = _Group() if most == 1 else self._open.setdefault(key, _Group(most))
        group.members.append(making)
        self._pending.append((making, group))
        if len(group.members) == most:
            self._start(group)

    def finished(self, all_of_them: bool = False) -> Iterator[tuple[Making, float | ImageError]]:
        """Yield outputs with their seconds, or with why they failed, until few are left or none."""
        most = 0 if all_of_them else max(self._write_behind, 2 * self._engines.side_by_side)
        while sum(1 / group.most for _, group in self._pending) > most:
            making, group = self._pending[0]
            self._keep_busy(group)
            assert group.future is not None
            yield making, group.future.result()[group.members.index(making)]
            self._pending.popleft()

    def cancel(self) -> None:
        """Forget outputs that no thread has begun, and wait for the others."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        begun = (one for one in self._pending if one[1].future is not None and not one[1].future.cancelled())
        self._pending = deque(begun)

    def close(self) -> None:
        """Wait for the threads."""
        self._pool.shutdown()

    def _keep_busy(self, wanted: _Group) -> None:
        """Start the group that is waited for, and the oldest of the others as long as threads have nothing to do."""
        groups = dict.fromkeys(group for _, group in self._pending)
        idle = 2 * self._engines.side_by_side - sum(
            group.future is not None and not group.future.done() for group in groups
        )
        for group in [one for one in groups if one.future is None]:
            if group is wanted or idle > 0:
                self._start(group)
                idle -= 1

    def _start(self, group: _Group) -> None:
        """Let a thread make a group, which no output can join any more."""
        self._open = {key: one for key, one in self._open.items() if one is not group}
        group.future = self._pool.submit(self._make, group.members)

    def _make(self, members: list[Making]) -> list[float | ImageError]:
        """Draw and write outputs in this thread alone."""
        self._engines.begin_thread()
        start = time.perf_counter()
        drawn = _drawn_together(members)
        if drawn is None:
            return [_outcome(lambda one=one: _make_alone(one)) for one in members]
        seconds = (time.perf_counter() - start) / len(members)
        return [
            _outcome(lambda one=one, frames=frames: _write(one, frames, time.perf_counter() - seconds))
            for one, frames in zip(members, drawn, strict=True)
        ]


def _most_together(making: Making) -> int:
    """Return how many pictures like one are drawn at once, itself included.

    In fp32, which promises the most exact colours, a picture must not depend on what is drawn beside it: sums of other
    lengths round otherwise. The last digits of half precision do not reach a pixel.
    """
    if making.engine.precision == "fp32" or alike(making.conversion) is None:
        return 1
    sizes = making.conversion.image.size, making.conversion.output.size
    room = min(most // (height * width) for most, (height, width) in zip(_GROUP_PIXELS, sizes, strict=True))
    return min(max(room, 1), _LARGEST_GROUP)


def _drawn_together(members: list[Making]) -> list[list[Iterable[Pixels]]] | None:
    """Return pictures that were drawn at once; None for a single one, and if one needs a fallback."""
    if len(members) == 1:
        return None
    fallbacks: list[str] = []
    try:
        frames = draw_alike([one.conversion for one in members], members[0].engine, fallbacks.append)
    except ImageError:
        return None
    return None if fallbacks else frames


def _make_alone(making: Making) -> float:
    start = time.perf_counter()
    return _write(making, draw_frames(making.conversion, making.engine, making.fallbacks.append, whole=True), start)


def _write(making: Making, frames: list[Iterable[Pixels]], start: float) -> float:
    return write_output(making.job.output_path, making.conversion, frames, start)


def _outcome(work: Callable[[], float]) -> float | ImageError:
    try:
        return work()
    except ImageError as error:
        return error
