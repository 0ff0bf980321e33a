"""What JPEG makes of 8-bit pixels, by Pillow's encoder and decoder."""

import io
from typing import NamedTuple

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from amortized_sr.jpeg_strength import step_of_table

PERIOD = 16
"""The pattern of blocks repeats after so many pixels: 8x8 blocks of chroma at half the size."""


class Compressed(NamedTuple):
    """Pixels that were a JPEG file, and the step of the file's table for brightness; see `jpeg_strength`."""

    pixels: np.ndarray
    step: float


def compress(pixels: np.ndarray, quality: int, half_chroma: bool = True, phase: tuple[int, int] = (0, 0)) -> Compressed:
    """Return pixels as they come back from a JPEG file.

    Args:
        pixels: `(height, width, channel)` with 1 or 3 channels.
        quality: 1 to 100, as Pillow counts.
        half_chroma: Whether the file holds its colours at half the size (4:2:0); if not, at the whole one (4:4:4).
        phase: Rows and columns that are missing at the top and at the left until a block begins; these are mirrored
            before, and cut off after.
    """
    top, left = phase
    whole = np.pad(pixels, ((top, 0), (left, 0), (0, 0)), mode="symmetric")
    file = io.BytesIO()
    subsampling = "4:2:0" if half_chroma else "4:4:4"
    Image.fromarray(whole[..., 0] if pixels.shape[2] == 1 else whole).save(
        file, "JPEG", quality=quality, subsampling=subsampling
    )
    file.seek(0)
    with JpegImageFile(file) as decoded:
        values = np.asarray(decoded).reshape(whole.shape)
        return Compressed(values[top:, left:], step_of_table(decoded.quantization[0]))
