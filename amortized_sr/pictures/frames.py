"""The pictures of one output, drawn and written; each step is a function of its own. Loads no torch."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import numpy as np

from amortized_sr.compute import Notify, is_out_of_memory
from amortized_sr.image_io import ImageError
from amortized_sr.image_io.image_file import Pixels
from amortized_sr.image_io.writing import with_first_ready, write_frames, write_strips
from amortized_sr.pictures.conversion import Conversion
from amortized_sr.pictures.drawing import draw
from amortized_sr.pictures.engine import Engine


def draw_frames(conversion: Conversion, engine: Engine, notify: Notify, whole: bool) -> list[Iterable[Pixels]]:
    """Draw the pictures of an output in strips of rows: all now, or only the first strip and the others when written.

    Raises:
        ImageError: If there is not enough memory.
    """
    size, drawing = conversion.output.size, conversion.drawing
    with _named_memory_errors(conversion):
        drawings = (draw(engine, frame, size, drawing, notify) for frame in conversion.image.frames)
        # Drawing and compressing take turns: both use all cores, and side by side they took twice the time.
        return [list(strips) if whole else with_first_ready(strips) for strips in drawings]


def write_picture(file: BinaryIO, conversion: Conversion, frames: list[Iterable[Pixels]]) -> None:
    """Write what `draw_frames` returned.

    Raises:
        ImageError: If there is not enough memory.
    """
    with _named_memory_errors(conversion):
        if len(frames) == 1:
            write_strips(file, conversion.output, iter(frames[0]))
        else:
            pictures = [np.concatenate(list(strips)) for strips in frames]
            write_frames(file, conversion.output, pictures, conversion.image.durations, conversion.image.repeats)


@contextlib.contextmanager
def _named_memory_errors(conversion: Conversion) -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        height, width = conversion.output.size
        problem = f"not enough memory for {width}x{height} pixels"
        raise ImageError(conversion.source, problem, "ask for a smaller size") from None
