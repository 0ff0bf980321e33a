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
from amortized_sr.compute import Notify
from amortized_sr.engine import Engine
from amortized_sr.image_io import ImageError
from amortized_sr.image_io.image_file import Pixels
from amortized_sr.pictures.conversion import Conversion
from amortized_sr.pictures.frames import draw_alike, draw_frames, group_of

# How many pictures are drawn at once, and how many pixels they have together, before and after. A picture of 64x64 is a
# hundred short operations, between which threads wait for Python; more than eight at once gain nothing.
_LARGEST_GROUP = 8
_GROUP_PIXELS = _LARGEST_GROUP * 64 * 64, 1 << 21

# After how many more pictures a group is made, full or not.
_PATIENCE = 2 * _LARGEST_GROUP

Outcome = float | Exception
"""The seconds that an output took, or the error that stopped it."""


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
        begun: Number of its first output, counted over the whole batch.
        members: The outputs.
        future: Returns the outcome of each; None while more outputs may join.
    """

    most: int = 1
    begun: int = 0
    members: list[Making] = field(default_factory=list)
    future: Future[list[Outcome]] | None = None


@final
class Makers:
    """Makes outputs in other threads, and hands them back in the order in which they came.

    Which of them are drawn at once depends on their order alone, not on how fast anything is.

    Args:
        engines: What draws.
        write_behind: How many groups may be pending, at least two for each thread that draws.
    """

    def __init__(self, engines: Engines, write_behind: int) -> None:
        self._engines = engines
        self._write_behind = write_behind
        self._pool = ThreadPoolExecutor(max(2, os.cpu_count() or 1), "maker")
        self._pending: deque[tuple[Making, _Group]] = deque()
        self._open: dict[Hashable, _Group] = {}
        self._count = 0

    def write(self, making: Making, frames: list[Iterable[Pixels]], start: float) -> None:
        """Write an output that has been drawn."""
        group = _Group(members=[making])
        group.future = self._pool.submit(lambda: [_outcome(lambda: _write(making, frames, start))])
        self._pending.append((making, group))

    def make(self, making: Making) -> None:
        """Draw and write an output, together with others that are alike and come soon."""
        self._count += 1
        key = group_of(making.conversion)
        most = 1 if key is None else _most_together(making)
        group = _Group() if most == 1 else self._open.setdefault(key, _Group(most, self._count))
        group.members.append(making)
        self._pending.append((making, group))
        waited = [one for one in self._open.values() if self._count - one.begun >= _PATIENCE]
        for one in [*waited, *([group] if len(group.members) == most else [])]:
            self._start(one)

    def finished(self, all_of_them: bool = False) -> Iterator[tuple[Making, float | ImageError]]:
        """Yield outputs with their seconds or their error, until few are left or none."""
        if all_of_them:
            for group in list(self._open.values()):
                self._start(group)
        most = 0 if all_of_them else max(self._write_behind, 2 * self._engines.side_by_side)
        while sum(1 / group.most for _, group in self._pending) > most:
            making, group = self._pending[0]
            outcome = self._start(group).result()[group.members.index(making)]
            if isinstance(outcome, Exception) and not isinstance(outcome, ImageError):
                self._pending.popleft()
                raise outcome
            yield making, outcome
            self._pending.popleft()

    def cancel(self) -> None:
        """Forget outputs that no thread has begun, and wait for the others."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._open = {}
        begun = (one for one in self._pending if one[1].future is not None and not one[1].future.cancelled())
        self._pending = deque(begun)

    def close(self) -> None:
        """Wait for the threads."""
        self._pool.shutdown()

    def _start(self, group: _Group) -> Future[list[Outcome]]:
        """Let a thread make a group, unless one does; no output can join it any more."""
        if group.future is None:
            self._open = {key: one for key, one in self._open.items() if one is not group}
            group.future = self._pool.submit(self._make, group.members)
        return group.future

    def _make(self, members: list[Making]) -> list[Outcome]:
        """Draw and write outputs in this thread alone."""
        self._engines.begin_thread()
        start, fallbacks = time.perf_counter(), list[str]()
        drawn = _drawn_together(members, fallbacks.append) if len(members) > 1 else None
        if drawn is None or fallbacks:
            outcomes = [_outcome(lambda one=one: _make_alone(one)) for one in members]
            told = {sentence for one in members for sentence in one.fallbacks}
            # What changed for all that follows, such as smaller tiles, does not happen again to a single picture.
            members[0].fallbacks.extend(sentence for sentence in fallbacks if sentence not in told)
            return outcomes
        seconds = (time.perf_counter() - start) / len(members)
        return [
            _outcome(lambda one=one, frames=frames: _write(one, frames, time.perf_counter() - seconds))
            for one, frames in zip(members, drawn, strict=True)
        ]


def _most_together(making: Making) -> int:
    """Return how many pictures like one are drawn at once, itself included.

    In fp32, which promises the most exact colours, a picture must not depend on what is drawn beside it: sums of other
    lengths may round otherwise. In half precision the encoder's own rounding is larger by far.
    """
    if making.engine.precision == "fp32":
        return 1
    sizes = making.conversion.image.size, making.conversion.output.size
    room = min(most // (height * width) for most, (height, width) in zip(_GROUP_PIXELS, sizes, strict=True))
    return min(max(room, 1), _LARGEST_GROUP)


def _drawn_together(members: list[Making], notify: Notify) -> list[list[Iterable[Pixels]]] | None:
    """Return pictures that were drawn at once, or None if that failed: drawn alone, the one to blame fails alone."""
    try:
        return draw_alike([one.conversion for one in members], members[0].engine, notify)
    except Exception as error:
        notify(f"could not be drawn together with others ({error})")
        return None


def _make_alone(making: Making) -> float:
    start = time.perf_counter()
    return _write(making, draw_frames(making.conversion, making.engine, making.fallbacks.append, whole=True), start)


def _write(making: Making, frames: list[Iterable[Pixels]], start: float) -> float:
    return write_output(making.job.output_path, making.conversion, frames, start)


def _outcome(work: Callable[[], float]) -> Outcome:
    # Of a group, each has its own: those that were written are reported, whatever happens to the others.
    try:
        return work()
    except Exception as error:
        return error
