"""Handles Ctrl-C and SIGTERM during a batch of images."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import final

_Handler = Callable[[int, FrameType | None], None] | signal.Handlers


@final
class Terminated(KeyboardInterrupt):
    """SIGTERM, which stops the work in the same way as Ctrl-C."""


@contextlib.contextmanager
def ended_at_once() -> Iterator[None]:
    """Let Ctrl-C end the process while libraries load, because some abort when Python interrupts them."""
    with _handled({signal.SIGINT: signal.SIG_DFL}):
        yield


@contextlib.contextmanager
def ended_in_order() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM raise, so that the current file is completed; a second Ctrl-C ends the process."""
    with _handled({signal.SIGINT: _interrupt, signal.SIGTERM: _terminate}):
        yield


@contextlib.contextmanager
def _handled(handlers: dict[signal.Signals, _Handler]) -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in handlers}
    for number, handler in handlers.items():
        # A background job ignores Ctrl-C, and must continue to ignore it.
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
