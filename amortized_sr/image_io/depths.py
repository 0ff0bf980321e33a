"""Floats -> pixels of a depth."""

import numpy as np
from jaxtyping import Float32

from amortized_sr.image_io.formats import Depth
from amortized_sr.image_io.image_file import Pixels

WHITE: dict[Depth, float] = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}
"""What stands for full intensity."""

# How many numbers are rounded at once: few enough to stay in a cache.
_ROUNDED = 1 << 15


def quantised(colour: Float32[np.ndarray, "1 channel rows width"], depth: Depth) -> Pixels:
    """Return colours in [0, 1] as pixels of a depth; floats are not clamped."""
    _, channels, height, width = colour.shape
    result = np.empty((height, width, channels), depth)
    step = max(1, _ROUNDED // width)
    # A training that diverges draws NaN; it is stopped elsewhere.
    with np.errstate(invalid="ignore"):
        for top in range(0, height, step):
            rows = slice(top, top + step)
            for channel in range(channels):
                values = colour[0, channel, rows]
                if depth != "float32":
                    values = values * np.float32(WHITE[depth])
                    np.rint(values.clip(0, WHITE[depth], out=values), out=values)
                result[rows, :, channel] = values
    return result
