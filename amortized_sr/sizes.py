"""What a user asks for -> the size of an output in pixels, or a sentence why not."""

import math
from numbers import Integral

from amortized_sr.coords import Size
from amortized_sr.image_io import MAX_OUTPUT_PIXELS


def scaled_size(size: Size, scale: float, limit: int = MAX_OUTPUT_PIXELS) -> Size:
    """Return the size of an image of `size` at `scale`: rounded, at least one pixel.

    Args:
        size: `(height, width)` of the image in pixels.
        scale: Output size over input size.
        limit: Most pixels that the result may have.

    Raises:
        ValueError: If the scale is not a positive number, or the result would be absurdly large.
    """
    if not (isinstance(scale, int | float) and 0 < scale < math.inf):
        raise ValueError(f"scale must be a positive number, got {scale!r}; for example 4 or 2.5")
    # Beyond this limit one row is too long already, and the products below might be infinite.
    limited = min(scale, 2 * limit)
    height, width = (max(1, math.floor(side * limited + 0.5)) for side in size)
    if height * width > limit:
        raise ValueError(
            f"scale {scale} of a {size[1]}x{size[0]} image gives {width}x{height} pixels"
            f"{'' if scale == limited else ' and more'}, above the limit of {limit:,}; use a smaller scale"
        )
    return height, width


def check_size(size: Size) -> Size:
    """Return the size of an output, as plain numbers, if it makes sense.

    Raises:
        ValueError: If it is not two positive whole numbers, or absurdly large.
    """
    if len(size) != 2 or not all(isinstance(side, Integral) and side > 0 for side in size):
        raise ValueError(f"size must be (height, width) in whole pixels, at least 1 each, got {size!r}")
    height, width = int(size[0]), int(size[1])
    if height * width > MAX_OUTPUT_PIXELS:
        raise ValueError(
            f"size {width}x{height} is more than the limit of {MAX_OUTPUT_PIXELS:,} pixels; ask for a smaller one"
        )
    return height, width
