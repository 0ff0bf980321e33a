"""What an image file holds, as plain data."""

from dataclasses import dataclass, field
from typing import final

import numpy as np
from jaxtyping import Float32, UInt8, UInt16

from amortized_sr.coords import Size
from amortized_sr.image_io.formats import Depth

# The axes have no names, because a picture may be turned.
Pixels = UInt8[np.ndarray, "_ _ _"] | UInt16[np.ndarray, "_ _ _"] | Float32[np.ndarray, "_ _ _"]
"""Height, width and channels: grey, grey and alpha, RGB, or RGB and alpha; alpha is not multiplied into the colours."""


@final
@dataclass(frozen=True)
class Metadata:
    """What a file says about its picture, besides the pixels.

    Attributes:
        profile: ICC profile of the colours; None means sRGB.
        exif: EXIF block without orientation, thumbnail and maker's notes, which would be wrong for another picture.
        xmp: XMP packet.
        dpi: Pixels per inch along x and y.
        text: Texts of a PNG file by their keywords.
    """

    profile: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    text: dict[str, str] = field(default_factory=dict)


@final
@dataclass(frozen=True)
class ImageFile:
    """An image file, decoded and upright.

    Attributes:
        frames: The picture, or the pictures of an animation, of one size and kind.
        kind: Format, mode and depth in the file, in words, such as `PNG RGBA 8 bit`.
        metadata: What the file says besides.
        durations: Milliseconds that each picture of an animation is shown.
        repeats: How often an animation is shown; 0 means forever.
        notices: Sentences about everything that could not be kept.
    """

    frames: list[Pixels]
    kind: str
    metadata: Metadata
    durations: list[float] = field(default_factory=list)
    repeats: int = 0
    notices: list[str] = field(default_factory=list)

    @property
    def size(self) -> Size:
        """`(height, width)` in pixels."""
        return self.frames[0].shape[0], self.frames[0].shape[1]

    @property
    def depth(self) -> Depth:
        """How a channel is stored."""
        return depth_of(self.frames[0])

    @property
    def alpha(self) -> bool:
        """Whether there is transparency."""
        return self.frames[0].shape[2] in (2, 4)


def depth_of(pixels: Pixels) -> Depth:
    """Return how a channel is stored."""
    match pixels.dtype.name:
        case "uint8" | "uint16" | "float32" as name:
            return name
        case name:
            raise TypeError(f"pixels of type {name} are not uint8, uint16 or float32")
