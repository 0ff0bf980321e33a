"""How commands end that stop at the first thing that is wrong: a sentence and an exit code."""

import contextlib
from collections.abc import Iterator

import typer


@contextlib.contextmanager
def failures_as_sentences(interrupted: str = "interrupted") -> Iterator[None]:
    """Turn what is wrong with a file into a sentence and exit code 1, and Ctrl-C into 130.

    Args:
        interrupted: What to say after Ctrl-C.
    """
    try:
        yield
    # All of the package's errors about files are ValueErrors.
    except (ValueError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo(interrupted, err=True)
        raise typer.Exit(130) from None
