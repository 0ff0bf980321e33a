"""Writes a function as a picture file of any size, strip by strip."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from amortized_sr.continuous import ContinuousImage, spans
from amortized_sr.coords import WHOLE, Size, window_part
from amortized_sr.image_io import replacing
from amortized_sr.image_io.formats import check_size, format_of
from amortized_sr.image_io.image_file import Metadata, Output
from amortized_sr.image_io.picture import check_place
from amortized_sr.image_io.writing import named_write_errors, write_strips
from amortized_sr.picture_tensor import tensor_to_picture

# Pixels of a strip: 12 MB as float colours.
_STRIP_PIXELS = 1 << 20


def write_poster(path: Path, function: ContinuousImage, size: Size, report: Callable[[int], None]) -> None:
    """Write the only image of a function with `size` pixels; PNG and TIFF may be larger than memory.

    Args:
        path: The file; the suffix decides the format. A file already there stays whole if writing fails.
        function: The image.
        size: `(height, width)` in pixels.
        report: Called with the number of rows that are done.

    Raises:
        ImageError: If the file cannot be written.
    """
    format_ = format_of(path)
    check_size(path, format_, size)
    check_place(path)
    with named_write_errors(path), replacing(path) as file:
        output = Output(format_, size, function.channels, "uint8", Metadata())
        write_strips(file, output, _strips(function, size, report))


@torch.inference_mode()
def _strips(
    function: ContinuousImage, size: Size, report: Callable[[int], None]
) -> Iterator[UInt8[np.ndarray, "rows width channel"]]:
    height, width = size
    for rows in spans(slice(0, height), max(1, _STRIP_PIXELS // width)):
        count = rows.stop - rows.start
        strip = function.render((count, width), window_part(WHOLE, size, rows, slice(0, width)))
        yield np.array(tensor_to_picture(strip)).reshape(count, width, -1)
        report(rows.stop)
