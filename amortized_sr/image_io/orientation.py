"""Orientation: read from EXIF data, applied to pixels, removed from XMP."""

import re

import numpy as np
from PIL import Image

from amortized_sr.image_io.image_file import Pixels
from amortized_sr.image_io.opening import DAMAGE

ORIENTATION = 0x0112

# As an attribute and as an element.
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|>))\s*[2-8]")


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; an unreadable one counts as upright."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except DAMAGE:
        return 1
    return value if value in range(1, 9) else 1


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Return what a viewer that knows the orientation (1 to 8) shows; other numbers mean upright."""
    turned = pixels.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else pixels
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    return np.ascontiguousarray(turned)


def upright_xmp(xmp: bytes) -> bytes:
    """Return an XMP packet whose orientation, if it names one, is that of upright pixels."""
    return _XMP_ORIENTATION.sub(rb"\g<1>1", xmp)
