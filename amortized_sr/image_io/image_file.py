"""The content of an image file, as plain data."""

from dataclasses import dataclass, field
from typing import final

import numpy as np
from jaxtyping import Float32, UInt8, UInt16

from amortized_sr.coords import Size
from amortized_sr.image_io.formats import Depth, Format

# The axes have no names, because a picture may be turned.
Pixels = UInt8[np.ndarray, "_ _ _"] | UInt16[np.ndarray, "_ _ _"] | Float32[np.ndarray, "_ _ _"]
"""Height, width and channels: grey, grey and alpha, RGB, or RGB and alpha; alpha is not multiplied into the colours."""

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
"""Pillow's names for numbers of channels."""

GeoTags = dict[int, str | tuple[float, ...]]
"""GeoTIFF tags by their numbers."""


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
        chunks: PNG chunks that stay true: colours in other words than `profile`, and a pixel aspect (pHYs).
        geo: GeoTIFF tags.
        nodata: Value of pixels without data, as the file spells it. They are transparent in the pixels.
    """

    profile: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    text: dict[str, str] = field(default_factory=dict)
    chunks: dict[bytes, bytes] = field(default_factory=dict)
    geo: GeoTags = field(default_factory=dict)
    nodata: str | None = None


@final
@dataclass(frozen=True)
class ImageFile:
    """An image file, decoded and upright.

    Attributes:
        frames: The picture, or the pictures of an animation, of one size and kind.
        format: Pillow's name of the file's format.
        mode: Pillow's name of the channels in the file, such as `RGBA`, `P` or `CMYK`.
        metadata: What the file says besides.
        durations: Milliseconds that each picture of an animation is shown.
        repeats: How often an animation is shown; 0 means forever.
        notices: Sentences about everything that could not be kept.
        jpeg_step: Step of a JPEG's compression, see `jpeg_strength`; None for other formats.
    """

    frames: list[Pixels]
    format: str
    mode: str
    metadata: Metadata
    durations: list[float] = field(default_factory=list)
    repeats: int = 0
    notices: list[str] = field(default_factory=list)
    jpeg_step: float | None = None

    @property
    def kind(self) -> str:
        """Format, mode and depth in words, such as `PNG RGBA 8 bit`."""
        depth = {"uint8": "8 bit", "uint16": "16 bit", "float32": "float"}[self.depth]
        pictures = f", {len(self.frames)} pictures" if len(self.frames) > 1 else ""
        return f"{self.format} {self.mode} {depth}{pictures}"

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


@final
@dataclass(frozen=True)
class Output:
    """What is to be written.

    Attributes:
        format: The file's format.
        size: `(height, width)` in pixels.
        channels: 1 to 4.
        depth: How a channel is stored.
        metadata: What to say about the picture.
        quality: 1 to 100 for the formats that lose something (95 is the default), or None for lossless WebP.
        compression: Effort of lossless compression, 0 to 9.
    """

    format: Format
    size: Size
    channels: int
    depth: Depth
    metadata: Metadata
    quality: int | None = None
    compression: int = 1


def depth_of(pixels: Pixels) -> Depth:
    """Return how a channel is stored."""
    match pixels.dtype.name:
        case "uint8" | "uint16" | "float32" as name:
            return name
        case name:
            raise TypeError(f"pixels of type {name} are not uint8, uint16 or float32")


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Return what a viewer that knows the orientation (1 to 8) shows; other numbers mean upright."""
    turned = pixels.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else pixels
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    return np.ascontiguousarray(turned)
