"""Standard input and output among paths."""

import contextlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from amortized_sr.image_io import ImageError, replacing
from amortized_sr.image_io.writing import named_write_errors
from amortized_sr.pictures.picture_file import open_temporary

STREAM = Path("-")
"""Stands for standard input as an input, for standard output as an output."""


def path_or_stream(text: str) -> Path:
    """Return the path that a user wrote; only `-` itself is the stream, `./-` is a file of that name."""
    path = Path(text)
    return path.absolute() if path == STREAM and text != str(STREAM) else path


def read_input(limit: int) -> bytes:
    """Return what standard input holds.

    Raises:
        ImageError: If that is more than `limit` bytes, or it is closed.
    """
    if sys.stdin is None:
        raise ImageError("stdin", "is closed", "send a picture into it or give the path of a file")
    content = sys.stdin.buffer.read(limit + 1)
    if len(content) > limit:
        raise ImageError("stdin", f"more than {limit:,} bytes came in", "give the path of a file")
    return content


@contextlib.contextmanager
def open_output(output_path: Path) -> Iterator[BinaryIO]:
    """Open an output: it appears whole or not at all, on the disk as in a pipe."""
    with named_write_errors(output_path):
        if output_path != STREAM:
            with replacing(output_path) as file:
                yield file
            return
        with open_temporary() as file:
            yield file
            file.seek(0)
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
