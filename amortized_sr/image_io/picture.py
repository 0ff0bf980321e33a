"""The short way: 8-bit files of one picture <-> Pillow's pictures of mode `L` or `RGB`.

A picture of these modes cannot hold transparency, 16 bits, floats, CMYK or animations, so all of them are refused by
name, or converted by `plain_picture`; `reading` keeps them. EXIF orientation is applied; an ICC profile is carried in
`info`.
"""

import os
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from amortized_sr.coords import Size
from amortized_sr.image_io.atomic import replacing
from amortized_sr.image_io.colours import usable_profile
from amortized_sr.image_io.errors import ImageError
from amortized_sr.image_io.formats import check_size, format_of
from amortized_sr.image_io.image_file import ImageFile, Metadata, Output, Pixels
from amortized_sr.image_io.jpeg import read_jpeg_step
from amortized_sr.image_io.reading import as_pixels, read_image
from amortized_sr.image_io.writing import named_write_errors, write_strips

PictureLike = Image.Image | str | Path | UInt8[np.ndarray, "height width *channel"]
"""A picture of mode `L` or `RGB`, the path of an image file, or an array of bytes, grey or with three channels."""

BACKGROUND = (255, 255, 255)
"""Behind transparent images of a data set, in training as in use: most of them are made for light pages."""


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
    return _plain(_read_plain(path, background), background)


def _read_plain(path: Path, background: tuple[int, int, int] | None) -> ImageFile:
    """Read a file that `L` or `RGB` can hold."""
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
    return image


def plain_picture(image: PictureLike | ImageFile) -> Image.Image:
    """Return anything that counts as a picture, or a file that was read, as an upright one of mode `L` or `RGB`.

    Transparent pictures are put on `BACKGROUND`, 16 bits and floating point are rounded to 8 bits.

    Raises:
        ImageError: If it is a file that cannot be read, or an animation.
        ValueError: If it is no picture.
    """
    path = Path(image) if isinstance(image, str | Path) else Path("picture")
    if isinstance(image, ImageFile):
        file = image
    else:
        file = read_image(path) if isinstance(image, str | Path) else image_of(as_picture(image))
    if len(file.frames) > 1:
        raise ImageError(path, "animations are not supported here", "extract the pictures first")
    return _plain(file, BACKGROUND)


def as_picture(image: PictureLike) -> Image.Image:
    """Return the PIL picture of anything that counts as a picture.

    Raises:
        ValueError: If it is something else.
    """
    if isinstance(image, Image.Image):
        return image
    if isinstance(image, str | Path):
        return read_picture(Path(image))
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and (image.ndim == 2 or image.shape[2:] == (3,)):
        return Image.fromarray(image)
    kind = f"an array of {image.dtype} and shape {image.shape}" if isinstance(image, np.ndarray) else type(image)
    raise ValueError(
        f"an image must be a PIL picture, a path, a uint8 array (height, width) or (height, width, 3), or a tensor "
        f"(batch, channels, height, width), got {kind}"
    )


def picture_with_step(image: PictureLike) -> tuple[Image.Image, float | None]:
    """Return what `as_picture` returns, and the step of the JPEG file that it comes from unchanged, or None.

    Raises:
        ValueError: If it is no picture.
    """
    if isinstance(image, str | Path):
        file = _read_plain(Path(image), None)
        return _plain(file, None), file.jpeg_step
    picture = as_picture(image)
    return picture, read_jpeg_step(picture)


def image_of(picture: Image.Image) -> ImageFile:
    """Return a picture as if it came from a file: palettes and inks become RGB, transparency of any kind alpha.

    Raises:
        ValueError: If the picture is empty or of a mode that cannot be kept.
    """
    if 0 in picture.size:
        raise ValueError(f"a picture of {picture.width}x{picture.height} pixels is empty; give one with pixels")
    deep = picture.mode in ("I;16", "F")
    if not deep and picture.mode.startswith(("I", "HSV")):
        raise ValueError(f"a picture of mode {picture.mode} cannot be kept; convert it to RGB, I;16 or F first")
    pixels = np.array(picture)[..., None] if deep else as_pixels(picture, [])
    # Inks became sRGB.
    profile = None if picture.mode in ("CMYK", "LAB") else picture.info.get("icc_profile")
    profile = usable_profile(profile, "L" if pixels.shape[2] < 3 else "RGB", [], {})
    return ImageFile([pixels], "Pillow", picture.mode, Metadata(profile), jpeg_step=read_jpeg_step(picture))


def as_bytes(pixels: Pixels) -> UInt8[np.ndarray, "height width channel"]:
    """Return pixels of any depth, clamped and rounded to 8 bits."""
    if pixels.dtype == np.uint8:
        return pixels
    white = 65535 if pixels.dtype == np.uint16 else 1
    return np.rint(pixels.astype(np.float32).clip(0, white) * (255 / white)).astype(np.uint8)


def _plain(image: ImageFile, background: tuple[int, int, int] | None) -> Image.Image:
    """Return the first picture of a file with 8 bits and without transparency."""
    pixels = as_bytes(image.frames[0])
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
