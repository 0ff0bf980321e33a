"""Strips of pixels -> image file, of any size where the format allows it."""

import contextlib
import dataclasses
import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from amortized_sr.image_io.errors import ImageError, reason
from amortized_sr.image_io.image_file import Metadata, Output, Pixels
from amortized_sr.image_io.metadata import with_resolution
from amortized_sr.image_io.png import with_metadata, write_png
from amortized_sr.image_io.tiff import write_tiff


def write_strips(file: BinaryIO, output: Output, strips: Iterator[Pixels]) -> None:
    """Write a picture that comes in strips of rows, from the top to the bottom."""
    if output.format.streams:
        write = write_png if output.format.name == "PNG" else write_tiff
        write(file, output, strips)
    else:
        _save(file, output, [np.concatenate(list(strips))])


def write_frames(file: BinaryIO, output: Output, frames: list[Pixels], durations: list[float], repeats: int) -> None:
    """Write an animation; `durations` are milliseconds, 0 `repeats` mean forever."""
    # PNG's pictures are whole, so each replaces the one before (0) instead of being laid over it.
    animation = {"duration": [round(duration) for duration in durations], "loop": repeats, "blend": 0}
    if output.format.name != "PNG":
        _save(file, output, frames, **animation)
        return
    # Of the chunks, Pillow would leave out those that it does not know.
    bare = io.BytesIO()
    _save(bare, dataclasses.replace(output, metadata=Metadata()), frames, **animation)
    with_metadata(file, bare.getvalue(), output.metadata)


def _save(file: BinaryIO | io.BytesIO, output: Output, frames: list[Pixels], **options: Any) -> None:  # noqa: ANN401 (Pillow's)
    metadata, exif = output.metadata, output.metadata.exif
    if metadata.dpi is not None and output.format.name in ("WEBP", "AVIF"):
        exif = with_resolution(exif, metadata.dpi)
    # A format ignores what it has no place for.
    said = {"exif": exif, "xmp": metadata.xmp, "dpi": metadata.dpi, "icc_profile": metadata.profile}
    options |= {name: value for name, value in said.items() if value is not None}
    pictures = [Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels) for pixels in frames]
    if not output.format.grey:
        pictures = [picture.convert("RGBA" if output.channels in (2, 4) else "RGB") for picture in pictures]
    if len(pictures) > 1:
        options |= {"save_all": True, "append_images": pictures[1:]}
    pictures[0].save(file, output.format.name, **_effort(output), **options)


def _effort(output: Output) -> dict[str, Any]:
    quality = 95 if output.quality is None else output.quality
    # Colour at half the resolution would be the first thing to be lost again.
    match output.format.name:
        case "JPEG":
            return {"quality": quality, "subsampling": 0 if quality >= 90 else 2}
        case "WEBP":
            return {"lossless": True, "method": 2} if output.quality is None else {"quality": quality, "method": 4}
        case "AVIF":
            return {"quality": quality, "subsampling": "4:4:4" if quality >= 90 else "4:2:0", "speed": 8}
        case "PNG":
            return {"compress_level": output.compression}
        case _:
            return {}


@contextlib.contextmanager
def named_write_errors(path: Path) -> Iterator[None]:
    """Turn an error in writing a file into an `ImageError` that names the file."""
    try:
        yield
    except (ImageError, BrokenPipeError):
        raise
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" in str(error):
            raise
        raise ImageError(
            path, f"cannot be written ({reason(error)})", "choose another place", setting="output"
        ) from None


def with_first_ready(strips: Iterator[Pixels]) -> Iterator[Pixels]:
    """Compute the first of some strips: a failure shows before a file is opened. Return the same strips."""
    first = next(strips)
    return itertools.chain((first,), strips)
