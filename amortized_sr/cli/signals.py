"""What Ctrl-C and SIGTERM do to a batch of images."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import final

_Handler = Callable[[int, FrameType | None], None] | signal.Handlers


@final
class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends the work as Ctrl-C does."""


@contextlib.contextmanager
def ended_at_once() -> Iterator[None]:
    """Let Ctrl-C end the process while libraries are loaded, some of which abort when Python interrupts them."""
    with _handled({signal.SIGINT: signal.SIG_DFL}):
        yield


@contextlib.contextmanager
def ended_in_order() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM raise, so that what is being written is finished; a second Ctrl-C ends the process."""
    with _handled({signal.SIGINT: _interrupt, signal.SIGTERM: _terminate}):
        yield


@contextlib.contextmanager
def _handled(handlers: dict[signal.Signals, _Handler]) -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in handlers}
    for number, handler in handlers.items():
        # A background job ignores Ctrl-C, and must go on doing so.
        if before[number] != signal.SIG_IGN:
            signal.signal(number, handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise KeyboardInterrupt


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated
