"""EXIF's orientation, applied to pixels."""

import numpy as np

from amortized_sr.image_io.image_file import Pixels


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Return what a viewer that knows the orientation (1 to 8) shows; other numbers mean upright."""
    turned = pixels.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else pixels
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    return np.ascontiguousarray(turned)
