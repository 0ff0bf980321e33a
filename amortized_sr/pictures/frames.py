"""The pictures of one output, drawn and written; each step is a function of its own. Loads no torch."""

import contextlib
import dataclasses
import functools
from collections.abc import Hashable, Iterable, Iterator
from typing import BinaryIO

import numpy as np

from amortized_sr.compute import Notify, is_out_of_memory
from amortized_sr.engine import Engine
from amortized_sr.image_io import ImageError
from amortized_sr.image_io.image_file import Pixels
from amortized_sr.image_io.writing import with_first_ready, write_frames, write_strips
from amortized_sr.pictures.conversion import Conversion
from amortized_sr.pictures.drawing import draw, draw_together, measure_noise
from amortized_sr.strength import strength_of


def tell(conversion: Conversion, engine: Engine) -> Conversion:
    """Decide what a model is told about a picture, once for all pictures of an animation: the first is measured.

    Raises:
        StrengthError: If the model does not read a strength above 0 that is asked for.
    """
    image, wanted = conversion.image, conversion.restoration
    measure = functools.partial(measure_noise, image.frames[0], conversion.drawing)
    strength = strength_of(wanted, engine.conditions, image.jpeg_step, measure)
    facts, found = strength.facts, list[str]()
    if wanted.noise == "auto" and facts.get("noise"):
        found.append(f"noise of {facts['noise']} (measured, of 255)")
    if wanted.jpeg == "auto" and facts.get("jpeg"):
        found.append(f"compression of JPEG quality {facts['jpeg']} (from the file)")
    notices = [*conversion.notices, *([f"restored as a picture with {' and '.join(found)}"] if found else [])]
    return dataclasses.replace(
        conversion, drawing=dataclasses.replace(conversion.drawing, strength=strength), notices=notices
    )


def draw_frames(conversion: Conversion, engine: Engine, notify: Notify, whole: bool) -> list[Iterable[Pixels]]:
    """Draw the pictures of an output in strips of rows: all now, or only the first strip and the others when written.

    Raises:
        ImageError: If there is not enough memory.
    """
    size = conversion.output.size
    with _named_memory_errors(conversion):
        drawings = (draw(engine, frame, size, conversion.drawing, notify) for frame in conversion.image.frames)
        # Drawing and compressing take turns: both use all cores, and side by side they took twice the time.
        return [list(strips) if whole else with_first_ready(strips) for strips in drawings]


def group_of(conversion: Conversion) -> tuple[Hashable, ...] | None:
    """Return what the pictures have in common that one can be drawn with, or None if it is drawn alone."""
    pixels, drawing = conversion.image.frames[0], conversion.drawing
    if len(conversion.image.frames) > 1 or pixels.shape[2] not in (1, 3):
        return None
    return pixels.shape, pixels.dtype, conversion.output.size, drawing.neutral, drawing.tta


def draw_alike(conversions: list[Conversion], engine: Engine, notify: Notify) -> list[list[Iterable[Pixels]]]:
    """Draw outputs of one group as wholes, at once.

    Raises:
        ImageError: If there is not enough memory.
    """
    pictures, drawings = [one.image.frames[0] for one in conversions], [one.drawing for one in conversions]
    with _named_memory_errors(conversions[0]):
        strips = list(draw_together(engine, pictures, conversions[0].output.size, drawings, notify))
    return [[list(picture)] for picture in zip(*strips, strict=True)]


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
