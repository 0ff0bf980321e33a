"""Standard input and output among paths."""

from pathlib import Path

STREAM = Path("-")
"""Stands for standard input as an input, for standard output as an output."""


def path_or_stream(text: str) -> Path:
    """Return the path that a user wrote; only `-` itself is the stream, `./-` is a file of that name."""
    path = Path(text)
    return path.absolute() if path == STREAM and text != str(STREAM) else path
