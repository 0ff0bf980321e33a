"""File formats: names, what each can hold, how large it can be."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from amortized_sr.choices import FormatName
from amortized_sr.coords import Size
from amortized_sr.image_io.errors import ImageError
from amortized_sr.image_io.limits import MAX_FILE_PIXELS, MAX_OUTPUT_PIXELS

READABLE = ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM")
"""Formats that Pillow decodes itself; EPS, PDF and the like would start other programs."""

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
    "png": Format("PNG", 2**31 - 1, ("uint8", "uint16"), frames=True, streams=True),
    "jpg": Format("JPEG", 65_500, alpha=False),
    "webp": Format("WEBP", 16_383, grey=False, frames=True),
    "avif": Format("AVIF", 65_536, grey=False, frames=True),
    "tif": Format("TIFF", 2**31 - 1, ("uint8", "uint16", "float32"), streams=True),
    "bmp": Format("BMP", 2**31 - 1, alpha=False, profile=False),
}
"""The formats that can be written, by the name of their option and suffix."""

_SUFFIXES: dict[str, FormatName] = {
    ".png": "png", ".jpg": "jpg", ".jpeg": "jpg", ".webp": "webp", ".avif": "avif",
    ".tif": "tif", ".tiff": "tif", ".bmp": "bmp",
}  # fmt: skip

READABLE_SUFFIXES = frozenset({*_SUFFIXES, ".gif", ".pbm", ".pgm", ".ppm", ".pnm", ".apng", ".jpe", ".jfif"})
"""Suffixes of files that are looked at when a folder is read."""


def format_of(path: Path) -> Format:
    """Return the format that a file's suffix names.

    Raises:
        ImageError: If it names none that can be written.
    """
    if path.suffix.lower() not in _SUFFIXES:
        known = " ".join(_SUFFIXES)
        if not path.suffix:
            raise ImageError(
                f"{path}: there is no such folder, and no suffix says what kind of file to write; create the folder "
                f"first or use one of {known}"
            )
        raise ImageError(f"{path}: cannot write files of type {path.suffix!r}; use one of {known}")
    return FORMATS[_SUFFIXES[path.suffix.lower()]]


def check_size(path: Path | str, format_: Format, size: Size, frames: int = 1) -> None:
    """Check that a format can hold a picture of `size`, before anything is computed.

    Raises:
        ImageError: If it cannot.
    """
    height, width = size
    limit = MAX_FILE_PIXELS if format_.streams and frames == 1 else MAX_OUTPUT_PIXELS
    if height * width * frames > limit:
        advice = "ask for a smaller size" if limit == MAX_FILE_PIXELS or frames > 1 else "use .png or .tif"
        pictures = f"{frames} pictures of " if frames > 1 else ""
        raise ImageError(f"{path}: {pictures}{width}x{height} pixels are above the limit of {limit:,}; {advice}")
    if max(size) > format_.longest:
        advice = "ask for a smaller size" if format_.streams else "use .png or .tif"
        raise ImageError(
            f"{path}: {width}x{height} pixels are more than {format_.name} can hold ({format_.longest} a side); "
            f"{advice}"
        )
