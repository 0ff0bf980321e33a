"""How a command ends: errors as sentences, Ctrl-C and SIGTERM as exit codes.

1 is a file that cannot be processed, 130 an interruption, 143 a termination.
"""

import contextlib
import inspect
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import final

import typer

_Handler = Callable[[int, FrameType | None], None] | signal.Handlers


def sentence(error: Exception, command: Callable[..., None] | None = None) -> str:
    """Return an error as a sentence; if its remedy is a setting, the option for it follows in brackets.

    Args:
        error: The error; `setting` may name the setting, as in `ImageError`.
        command: The command that is running: an option that it does not have is not named.
    """
    setting = getattr(error, "setting", None)
    # A parameter that would hide a built-in function is spelt `format_`.
    known = [name.rstrip("_") for name in inspect.signature(command).parameters] if command else [setting]
    if setting is None or setting not in known:
        return str(error)
    return f"{error} (--{setting.replace('_', '-')})"


@contextlib.contextmanager
def failures_as_sentences(command: Callable[..., None], interrupted: str = "interrupted") -> Iterator[None]:
    """Turn errors about files into a sentence and exit code 1, and Ctrl-C into `interrupted` and exit code 130."""
    try:
        yield
    # All of the package's errors about files are ValueErrors.
    except (ValueError, OSError) as error:
        typer.echo(f"error: {sentence(error, command)}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo(interrupted, err=True)
        raise typer.Exit(130) from None


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
