"""One job of a batch from its input to its output, in one thread, as a worker does that shares nothing with others."""

import shutil
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from amortized_sr.batch.engines import Engines, name_of
from amortized_sr.batch.inputs import STREAM
from amortized_sr.batch.options import BatchBounds, BatchOptions
from amortized_sr.coords import Size
from amortized_sr.image_io import replacing
from amortized_sr.image_io.image_file import Pixels
from amortized_sr.image_io.reading import read_image
from amortized_sr.image_io.writing import named_write_errors
from amortized_sr.pictures.conversion import Conversion, convert
from amortized_sr.pictures.frames import draw_frames, tell, write_picture
from amortized_sr.pictures.picture_file import open_temporary
from amortized_sr.stores import Store


@final
@dataclass(frozen=True)
class Finished:
    """An output that has been written.

    Attributes:
        image_size: `(height, width)` of the input in pixels.
        size: `(height, width)` of the output.
        seconds: How long it took.
        notices: Sentences about what could not be kept, and about fallbacks.
        strengths: What the model was told about noise and compression, by name.
        drawn: What the manifest notes: the size, the engine and its precision.
    """

    image_size: Size
    size: Size
    seconds: float
    notices: list[str]
    strengths: dict[str, float]
    drawn: dict[str, Any]


def upscale_job(
    source: Path,
    output: Path | tuple[Store, str],
    options: BatchOptions,
    engines: Engines,
    content: bytes | None = None,
    bounds: BatchBounds = BatchBounds(),
) -> Finished:
    """Upscale one file; the output appears whole or not at all.

    Args:
        source: The input, or a name for it.
        output: The output; in a store, its name there.
        options: How.
        engines: What draws.
        content: The input's bytes, if they are not on the disk.
        bounds: How much is held at once.

    Raises:
        ImageError: If the input cannot be read, or the output cannot be written or cannot hold it.
        UnusableError: If the model, the device or the engine cannot be used.
    """
    start, fallbacks, pictures = time.perf_counter(), list[str](), options.pictures
    image = read_image(source, content, pictures.max_pixels, pictures.allow_truncated)
    # In a store, the format is the chosen one, as of every output whose name is not given.
    conversion = convert(source, image, pictures, output if isinstance(output, Path) else None)
    engine = engines.of(conversion)
    conversion = tell(conversion, engine)
    frames = draw_frames(conversion, engine, fallbacks.append, conversion.is_small(bounds.whole_bytes))
    if isinstance(output, Path):
        write_output(output, conversion, frames, start)
    else:
        store, name = output
        with store.writing(name) as file:
            write_picture(file, conversion, frames)
    height, width = conversion.output.size
    drawn = {"width": width, "height": height, "engine": name_of(engine), "precision": engine.precision}
    strengths = {str(name): value for name, value in conversion.drawing.strength.facts.items()}
    seconds = time.perf_counter() - start
    return Finished(image.size, (height, width), seconds, conversion.notices + fallbacks, strengths, drawn)


def write_output(output_path: Path, conversion: Conversion, frames: list[Iterable[Pixels]], start: float) -> float:
    """Write an output, which appears whole or not at all, also in a pipe; return the seconds since `start`."""
    is_stream = output_path == STREAM
    with named_write_errors(output_path), open_temporary() if is_stream else replacing(output_path) as file:
        write_picture(file, conversion, frames)
        if is_stream:
            file.seek(0)
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
    return time.perf_counter() - start
