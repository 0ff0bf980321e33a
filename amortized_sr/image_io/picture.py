"""The short way: 8-bit files of one picture <-> Pillow's pictures.

Grey and RGB, 1-bit and opaque palette images (as grey and RGB), one frame. Every other kind (transparency, 16 bit,
CMYK, float, animation) is refused by name, because a picture of these modes cannot hold it; `reading` can. EXIF
orientation is applied; an ICC profile is carried along.
"""

import os
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from amortized_sr.coords import Size
from amortized_sr.image_io.atomic import replacing
from amortized_sr.image_io.errors import ImageError, reason
from amortized_sr.image_io.formats import check_size, format_of
from amortized_sr.image_io.limits import MAX_OUTPUT_PIXELS
from amortized_sr.image_io.opening import opened

_OPTIONS: dict[str, dict[str, Any]] = {
    # Level 1 takes a sixth of the default level's time and is about a tenth larger.
    "PNG": {"compress_level": 1},
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True, "method": 2},
    "AVIF": {"quality": 95, "subsampling": "4:4:4", "speed": 8},
    "TIFF": {"compression": "tiff_adobe_deflate"},
    "BMP": {},
}


def read_picture(path: Path, background: tuple[int, int, int] | None = None) -> Image.Image:
    """Read an image file as an upright 8-bit picture of mode `L` or `RGB`.

    Args:
        path: The file; its content decides the format, not its name.
        background: Colour to put behind a transparent image; None refuses transparency.

    Returns:
        A decoded picture; `info["icc_profile"]` is there if the file had one.

    Raises:
        ImageError: If the file is not an image, is damaged, or is of a kind that is not supported.
    """
    with opened(path) as image:
        _refuse_unsupported(path, image, background)
        image.load()
        return _as_picture(image, background)


def _refuse_unsupported(path: Path, image: Image.Image, background: tuple[int, int, int] | None) -> None:
    """Refuse, from the header, what would be damaged by converting it to 8-bit grey or RGB."""
    # The further pictures of an MPO file, which phones write as .jpg, are previews or a map of the brightness.
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise ImageError(
            f"{path}: files of several pictures, such as animations, are not supported yet; extract the pictures first"
        )
    if image.mode == "F":
        raise ImageError(f"{path}: floating point images are not supported yet; convert to 8 bit first")
    if (bits := _bits_per_sample(image)) > 8:
        raise ImageError(f"{path}: {bits} bit images are not supported yet; convert to 8 bit first")
    if image.mode in ("CMYK", "YCbCr", "LAB", "HSV", "I"):
        raise ImageError(f"{path}: mode {image.mode} is not supported yet; convert to RGB first")
    if background is None and image.has_transparency_data:
        raise ImageError(
            f"{path}: transparency (mode {image.mode}) is not supported yet; put a background behind it first"
        )


def _bits_per_sample(image: Image.Image) -> int:
    """Return the bit depth that the file has, which is not the depth that Pillow decodes it to."""
    if image.mode.startswith("I;16"):
        return 16
    if image.format == "TIFF":
        return max(getattr(image, "tag_v2", {}).get(258, (8,)))
    # Pillow reads 16-bit colour PNG and PPM files as 8 bit; only what it tells the decoder gives them away.
    tiles = getattr(image, "tile", [])
    options = tiles[0].args if tiles else ""
    if image.format == "PPM" and isinstance(options, tuple):
        return int(options[-1]).bit_length()
    return 16 if ";16B" in str(options) else 8


def _as_picture(image: Image.Image, background: tuple[int, int, int] | None) -> Image.Image:
    upright = ImageOps.exif_transpose(image)
    if background is not None and upright.has_transparency_data:
        rgba = upright.convert("RGBA")
        canvas = Image.new("RGBA", rgba.size, (*background, 255))
        picture = Image.alpha_composite(canvas, rgba).convert("L" if upright.mode == "LA" else "RGB")
    elif upright.mode in ("L", "1"):
        picture = upright.convert("L")
    else:
        picture = upright.convert("RGB")
    profile = image.info.get("icc_profile")
    picture.info = {"icc_profile": profile} if profile else {}
    return picture


def check_output(path: Path, size: Size) -> None:
    """Check that a picture of `size` can be written to `path`, before anything is computed.

    Raises:
        ImageError: If the format is unknown, too small for the picture, or the folder is not there.
    """
    format_ = format_of(path)
    height, width = size
    if height * width > MAX_OUTPUT_PIXELS:
        raise ImageError(
            f"{path}: {width}x{height} pixels are above the limit of {MAX_OUTPUT_PIXELS:,}; ask for a smaller size"
        )
    check_size(path, format_, size)
    check_place(path)


def check_place(path: Path) -> None:
    """Check that a file may be written at `path`.

    Raises:
        ImageError: If it is a directory, or its folder is not there.
    """
    if os.path.isdir(path):
        raise ImageError(f"{path}: is a directory; name a file in it")
    if not os.path.isdir(path.absolute().parent):
        raise ImageError(f"{path}: the folder {path.absolute().parent} does not exist; create it first")


def write_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture in the format that the suffix names; a file already there stays whole if writing fails.

    Raises:
        ImageError: If the file cannot be written.
    """
    check_output(path, (picture.height, picture.width))
    format_ = format_of(path)
    profile = picture.info.get("icc_profile")
    if profile and not format_.profile:
        raise ImageError(f"{path}: {format_.name} cannot hold the picture's colour profile; use .png or .tif")
    try:
        with replacing(path) as file:
            picture.save(file, format=format_.name, icc_profile=profile, **_OPTIONS[format_.name])
    except (OSError, ValueError) as error:
        raise ImageError(f"{path}: cannot be written ({reason(error)}); choose another place with -o") from None
