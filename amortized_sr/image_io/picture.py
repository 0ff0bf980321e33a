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
from amortized_sr.image_io.formats import check_size, format_of
from amortized_sr.image_io.image_file import Metadata, Output
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
    obstacle = None
    if len(image.frames) > 1:
        obstacle = "animations are", "extract the pictures first"
    elif image.depth != "uint8":
        obstacle = f"{'16 bit' if image.depth == 'uint16' else 'floating point'} images are", "convert to 8 bit first"
    elif image.mode in ("CMYK", "LAB"):
        obstacle = f"mode {image.mode} is", "convert to RGB first"
    elif image.alpha and background is None:
        obstacle = f"transparency (mode {image.mode}) is", "put a background behind it first"
    if obstacle is not None:
        raise ImageError(path, f"{obstacle[0]} not supported here", obstacle[1])
    pixels = image.frames[0]
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    if background is not None and image.alpha:
        canvas = Image.new("RGBA", picture.size, (*background, 255))
        canvas.alpha_composite(picture.convert("RGBA"))
        picture = canvas.convert("L" if picture.mode == "LA" else "RGB")
    picture.info = {"icc_profile": image.metadata.profile} if image.metadata.profile else {}
    return picture


def check_output(path: Path, size: Size) -> None:
    """Check that a picture of `size` can be written to `path`, before anything is computed; an `ImageError` if not."""
    check_size(path, format_of(path), size, whole=True)
    check_place(path)


def check_place(path: Path) -> None:
    """Check that a file may be written at `path`: an `ImageError` for a directory, or if its folder is not there."""
    if os.path.isdir(path):
        raise ImageError(path, "is a directory", "name a file in it")
    if not os.path.isdir(folder := path.absolute().parent):
        raise ImageError(path, f"the folder {folder} does not exist", "create it first")


def write_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture in the format that the suffix names; a file already there stays whole if writing fails.

    Raises:
        ImageError: If the file cannot be written.
    """
    size, format_ = (picture.height, picture.width), format_of(path)
    check_output(path, size)
    if picture.mode not in ("L", "RGB"):
        raise ImageError(path, f"pictures of mode {picture.mode} cannot be written", "convert to L or RGB first")
    profile = picture.info.get("icc_profile")
    if profile and not format_.profile:
        problem = f"{format_.name} cannot hold the picture's colour profile"
        raise ImageError(path, problem, "choose PNG or TIFF", setting="format")
    pixels = np.array(picture).reshape(*size, -1)
    with named_write_errors(path), replacing(path) as file:
        write_strips(file, Output(format_, size, pixels.shape[2], "uint8", Metadata(profile)), iter([pixels]))
