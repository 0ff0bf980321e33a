"""Turns errors into sentences and exit codes: 1 for a file that cannot be processed, 130 for an interruption."""

import contextlib
import inspect
from collections.abc import Callable, Iterator

import typer


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
