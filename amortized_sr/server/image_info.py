"""What the IIIF Image API 3.0 says about a picture: `info.json`. Loads neither torch nor the web framework."""

import math

from amortized_sr.coords import Size
from amortized_sr.server.limits import MAX_SIDE

CONTEXT = "http://iiif.io/api/image/3/context.json"
"""The vocabulary of `info.json`."""

TILE = 256
"""Side of the tiles that viewers are told to ask for."""


def image_info(address: str, declared: Size, max_area: int) -> dict[str, object]:
    """Return the description of a picture.

    Args:
        address: Where it is.
        declared: `(height, width)` that it is declared to have.
        max_area: Most pixels of a drawing.
    """
    height, width = declared
    levels = max(0, math.ceil(math.log2(max(declared) / TILE)))
    return {
        "@context": CONTEXT,
        "id": address,
        "type": "ImageService3",
        "protocol": "http://iiif.io/api/image",
        "profile": "level2",
        "width": width,
        "height": height,
        "maxWidth": MAX_SIDE,
        "maxHeight": MAX_SIDE,
        "maxArea": max_area,
        "tiles": [{"width": TILE, "height": TILE, "scaleFactors": [2**level for level in range(levels + 1)]}],
        "extraFormats": ["webp"],
        "extraQualities": ["bitonal"],
        "extraFeatures": ["mirroring", "sizeUpscaling"],
    }
