"""The short way: 8-bit files of one picture <-> Pillow's pictures of mode `L` or `RGB`.

A picture of these modes cannot hold transparency, 16 bits, floats, CMYK or animations, so all of them are refused by
name; `reading` keeps them. EXIF orientation is applied; an ICC profile is carried in `info`.
"""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from amortized_sr.coords import Size
from amortized_sr.image_io.atomic import replacing
from amortized_sr.image_io.errors import ImageError
from amortized_sr.image_io.formats import MAX_OUTPUT_PIXELS, check_size, format_of
from amortized_sr.image_io.image_file import ImageFile, Metadata, Output
from amortized_sr.image_io.reading import read_image
from amortized_sr.image_io.writing import named_write_errors, write_strips


def read_picture(path: Path, background: tuple[int, int, int] | None = None) -> Image.Image:
    """Read an image file as an upright 8-bit picture of mode `L` or `RGB`.

    Args:
        path: The file; its content decides the format, not its name.
        background: Colour to put behind a transparent image; None refuses transparency.

    Returns:
        A decoded picture; `info["icc_profile"]` is there if the file had one.

    Raises:
        ImageError: If the file is not an image, is damaged, or is of a kind that `L` and `RGB` cannot hold.
    """
    image = read_image(path)
    problem, remedy = _obstacle(image, background is not None)
    if problem:
        raise ImageError(path, f"{problem} not supported here", remedy)
    pixels = image.frames[0]
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    if background is not None and image.alpha:
        canvas = Image.new("RGBA", picture.size, (*background, 255))
        canvas.alpha_composite(picture.convert("RGBA"))
        picture = canvas.convert("L" if picture.mode == "LA" else "RGB")
    picture.info = {"icc_profile": image.metadata.profile} if image.metadata.profile else {}
    return picture


def _obstacle(image: ImageFile, transparent: bool) -> tuple[str, str]:
    """Return what `L` and `RGB` cannot hold of an image, and the remedy; or two empty texts."""
    if len(image.frames) > 1:
        return "animations are", "extract the pictures first"
    if image.depth != "uint8":
        depth = "16 bit" if image.depth == "uint16" else "floating point"
        return f"{depth} images are", "convert to 8 bit first"
    if image.mode in ("CMYK", "LAB"):
        return f"mode {image.mode} is", "convert to RGB first"
    if image.alpha and not transparent:
        return f"transparency (mode {image.mode}) is", "put a background behind it first"
    return "", ""


def check_output(path: Path, size: Size) -> None:
    """Check that a picture of `size` can be written to `path`, before anything is computed.

    Raises:
        ImageError: If the format is unknown, too small for the picture, or the folder is not there.
    """
    height, width = size
    format_ = format_of(path)
    if height * width > MAX_OUTPUT_PIXELS:
        problem = f"{width}x{height} pixels are above the limit of {MAX_OUTPUT_PIXELS:,}"
        raise ImageError(path, problem, "ask for a smaller size", setting="scale")
    check_size(path, format_, size)
    check_place(path)


def check_place(path: Path) -> None:
    """Check that a file may be written at `path`.

    Raises:
        ImageError: If it is a directory, or its folder is not there.
    """
    if os.path.isdir(path):
        raise ImageError(path, "is a directory", "name a file in it")
    if not os.path.isdir(path.absolute().parent):
        raise ImageError(path, f"the folder {path.absolute().parent} does not exist", "create it first")


def write_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture in the format that the suffix names; a file already there stays whole if writing fails.

    Raises:
        ImageError: If the file cannot be written.
    """
    size = picture.height, picture.width
    check_output(path, size)
    format_ = format_of(path)
    if picture.mode not in ("L", "RGB"):
        raise ImageError(path, f"pictures of mode {picture.mode} cannot be written", "convert to L or RGB first")
    profile = picture.info.get("icc_profile")
    if profile and not format_.profile:
        raise ImageError(
            path, f"{format_.name} cannot hold the picture's colour profile", "choose PNG or TIFF", setting="format"
        )
    pixels = np.array(picture).reshape(*size, -1)
    with named_write_errors(path), replacing(path) as file:
        write_strips(file, Output(format_, size, pixels.shape[2], "uint8", Metadata(profile)), iter([pixels]))
