"""Where an output goes: a file, or standard output."""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from amortized_sr.batch.stream import STREAM
from amortized_sr.image_io import replacing
from amortized_sr.image_io.writing import named_write_errors


@contextlib.contextmanager
def opened_place(place: Path) -> Iterator[BinaryIO]:
    """Open an output's file: it appears whole or not at all, on the disk as in a pipe."""
    with named_write_errors(place):
        if place != STREAM:
            with replacing(place) as file:
                yield file
            return
        # With a name, which the writer of TIFF files asks for.
        with tempfile.TemporaryDirectory() as folder, (Path(folder) / "output").open("x+b") as file:
            yield file
            file.seek(0)
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
