"""File formats: names, what each can hold, how large files and images can be."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from amortized_sr.choices import FormatName
from amortized_sr.coords import Size
from amortized_sr.image_io.errors import ImageError

MAX_INPUT_PIXELS = 2**24
"""Most pixels of one image as a function: 16 megapixels, whose latent takes about 10 GB of memory."""

MAX_OUTPUT_PIXELS = 2**28
"""Most pixels of one rendering in memory: 268 megapixels."""

MAX_FILE_PIXELS = 2**32
"""Most pixels of one rendering that is written strip by strip: 4.3 gigapixels, 13 GB of 8-bit colour."""

DEFAULT_MAX_PIXELS = 89_478_485
"""Most pixels that a file's header may announce, if nothing else is said; Pillow's limit, 256 MiB of 8-bit colour."""

READABLE = ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM")
"""Formats that Pillow decodes itself; EPS, PDF and the like would start other programs."""

_UNREADABLE = {
    "HEIC": rb"....ftyp(hei|hev|mif1|msf1)",
    "JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "JPEG 2000": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    # A frame header (SOF) whose precision is 12.
    "12-bit JPEG": rb"\xff\xd8.*?\xff[\xc0-\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf]\0.\x0c",
    "QOI": rb"qoif",
    "Windows icon (ICO)": rb"\0\0\x01\0",
    "Photoshop": rb"8BPS",
    "OpenEXR": rb"\x76\x2f\x31\x01",
    "Radiance HDR": rb"#\?R(ADIANC|GB)E",
    "DDS": rb"DDS ",
    "Targa (TGA)": rb".*TRUEVISION-XFILE\.\0$",
}

Depth = Literal["uint8", "uint16", "float32"]
"""How a channel is stored; integers span black to white, a float's white is 1."""


@dataclass(frozen=True)
class Format:
    """A format that can be written.

    Attributes:
        name: Pillow's name.
        longest: Longest side in pixels that a file can have.
        depths: What a channel can be.
        alpha: Whether it can hold transparency.
        grey: Whether it can hold a single channel.
        frames: Whether it can hold an animation.
        profile: Whether it can hold a colour profile.
        streams: Whether it is written strip by strip, so that only the file system limits it.
    """

    name: str
    longest: int
    depths: tuple[Depth, ...] = ("uint8",)
    alpha: bool = True
    grey: bool = True
    frames: bool = False
    profile: bool = True
    streams: bool = False


FORMATS: dict[FormatName, Format] = {
    "png": Format("PNG", 1_000_000, ("uint8", "uint16"), frames=True, streams=True),
    "jpg": Format("JPEG", 65_500, alpha=False),
    "webp": Format("WEBP", 16_383, grey=False, frames=True),
    "avif": Format("AVIF", 32_768, grey=False, frames=True),
    "tif": Format("TIFF", 2**24, ("uint8", "uint16", "float32"), streams=True),
    "bmp": Format("BMP", 2**24, alpha=False, profile=False),
}
"""The formats that can be written. `scripts/check_format_limits.py` tries their longest sides."""

_SUFFIXES: dict[str, FormatName] = {
    ".png": "png", ".jpg": "jpg", ".jpeg": "jpg", ".webp": "webp", ".avif": "avif",
    ".tif": "tif", ".tiff": "tif", ".bmp": "bmp",
}  # fmt: skip

READABLE_SUFFIXES = frozenset({*_SUFFIXES, ".gif", ".pbm", ".pgm", ".ppm", ".pnm", ".apng", ".jpe", ".jfif"})
"""Suffixes of files that are looked at when a folder is read."""


def unreadable_format(path: Path, content: bytes) -> str | None:
    """Return the name of the format of a file that is an image but cannot be read, or None."""
    for name, signature in _UNREADABLE.items():
        if re.match(signature, content, re.DOTALL):
            return name
    return "Targa (TGA)" if path.suffix.lower() == ".tga" else None


def format_of(path: Path) -> Format:
    """Return the format that a file's suffix names; an `ImageError` if it names none that can be written."""
    name = _SUFFIXES.get(path.suffix.lower())
    if name is not None:
        return FORMATS[name]
    known = " ".join(_SUFFIXES)
    if path.suffix:
        raise ImageError(path, f"cannot write files of type {path.suffix!r}", f"use one of {known}", setting="format")
    problem = "there is no such folder, and no suffix says what kind of file to write"
    raise ImageError(path, problem, f"create the folder first or use one of {known}")


def check_size(path: Path | str, format_: Format, size: Size, frames: int = 1, whole: bool = False) -> None:
    """Check that a format can hold a picture of `size`, drawn as a whole or in strips; an `ImageError` if not."""
    height, width = size
    limit = MAX_FILE_PIXELS if format_.streams and frames == 1 and not whole else MAX_OUTPUT_PIXELS
    if height * width * frames > limit:
        pictures = f"{frames} pictures of " if frames > 1 else ""
        problem = f"{pictures}{width}x{height} pixels are above the limit of {limit:,}"
        streamed = not format_.streams and frames == 1 and not whole
    elif max(size) > format_.longest:
        problem = f"{width}x{height} pixels are more than {format_.name} can hold ({format_.longest:,} a side)"
        streamed = format_.longest < FORMATS["png"].longest
    else:
        return
    remedy, setting = ("choose PNG or TIFF", "format") if streamed else ("ask for a smaller size", "scale")
    raise ImageError(path, problem, remedy, setting)
