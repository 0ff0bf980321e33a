"""Image file <-> picture <-> tensor, and nothing silently lost on the way.

Read and written so far: 8-bit grey and RGB, 1-bit and opaque palette images (as grey and RGB), one frame. Every
other kind (transparency, 16 bit, CMYK, float, animation) is refused by name, because converting it without being
asked would damage it. EXIF orientation is applied; an ICC profile is carried along.
"""

import contextlib
import os
import secrets
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from amortized_sr.coords import Size

# Formats that Pillow decodes itself; EPS, PDF and the like would start other programs.
_READABLE = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM")

# suffix -> (Pillow's name, longest side in pixels that the format can hold, options)
_WRITABLE: dict[str, tuple[str, int, dict[str, Any]]] = {
    # Level 1 takes a sixth of the default level's time and is about a tenth larger.
    ".png": ("PNG", 2**31 - 1, {"compress_level": 1}),
    ".jpg": ("JPEG", 65_500, {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", 65_500, {"quality": 95, "subsampling": 0}),
    ".webp": ("WEBP", 16_383, {"lossless": True, "method": 2}),
    ".tif": ("TIFF", 2**31 - 1, {"compression": "tiff_adobe_deflate"}),
    ".tiff": ("TIFF", 2**31 - 1, {"compression": "tiff_adobe_deflate"}),
    ".bmp": ("BMP", 2**31 - 1, {}),
}

READABLE_SUFFIXES = frozenset({*_WRITABLE, ".gif", ".pgm", ".ppm"})
"""Suffixes of files that are looked at when a folder is read."""

MAX_INPUT_PIXELS = 2**24
"""Most pixels of one image as a function: 16 megapixels, whose latent takes about 10 GB of memory."""

MAX_OUTPUT_PIXELS = 2**28
"""Most pixels of one rendering in memory: 268 megapixels."""


class ImageError(ValueError):
    """An image file that cannot be read or written; the message says why and what to do."""


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
    if os.path.isdir(path):
        raise ImageError(f"{path}: is a directory, not an image file; name the files in it, for example {path}/*.png")
    try:
        with warnings.catch_warnings():
            # Pillow warns of damaged metadata, which does not change the picture.
            warnings.simplefilter("ignore")
            # An image whose header asks for gigabytes is an attack or an accident.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_READABLE) as image:
                _refuse_unsupported(path, image, background)
                image.load()
                return _as_picture(image, background)
    except (FileNotFoundError, NotADirectoryError):
        raise ImageError(f"{path}: no such file; check the path") from None
    except PermissionError:
        raise ImageError(f"{path}: permission denied; make the file readable") from None
    except UnidentifiedImageError:
        empty = path.stat().st_size == 0
        what = "the file is empty" if empty else f"not an image in a known format ({', '.join(_READABLE)})"
        raise ImageError(f"{path}: {what}; give an image file") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(
            f"{path}: the header announces more than {Image.MAX_IMAGE_PIXELS:,} pixels; crop the image first"
        ) from None
    except ImageError:
        raise
    # Pillow lets through whatever its parsers run into in a file that was cut or changed.
    except (OSError, SyntaxError, ValueError, EOFError, TypeError, LookupError, ArithmeticError, struct.error) as error:
        raise ImageError(f"{path}: the file is damaged ({error}); get it again") from None


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


def picture_to_tensor(picture: Image.Image) -> Float[Tensor, "1 channel height width"]:
    """Return an 8-bit picture of mode `L` or `RGB` as float32 values in [0, 1].

    Raises:
        ValueError: If the picture has another mode or no pixels.
    """
    if picture.mode not in ("L", "RGB"):
        raise ValueError(
            f"a picture of mode {picture.mode} is not supported yet; convert it to L or RGB first, "
            "for example picture.convert('RGB')"
        )
    if 0 in picture.size:
        raise ValueError(f"a picture of {picture.width}x{picture.height} pixels is empty; give one with pixels")
    values = torch.from_numpy(np.array(picture)).reshape(picture.height, picture.width, -1)
    return values.permute(2, 0, 1)[None].float() / 255


def tensor_to_picture(image: Float[Tensor, "1 channel height width"]) -> Image.Image:
    """Return values in [0, 1], clamped and rounded to 8 bits, as a picture of mode `L` or `RGB`."""
    rounded = image[0].clamp(0, 1).mul_(255).round_().to(torch.uint8)
    if len(rounded) == 1:
        return Image.fromarray(rounded[0].cpu().numpy())
    return Image.fromarray(rounded.permute(1, 2, 0).cpu().contiguous().numpy())


def check_output(path: Path, size: Size) -> None:
    """Check that a picture of `size` can be written to `path`, before anything is computed.

    Raises:
        ImageError: If the format is unknown, too small for the picture, or the folder is not there.
    """
    if path.suffix.lower() not in _WRITABLE:
        known = " ".join(_WRITABLE)
        raise ImageError(f"{path}: cannot write files of type {path.suffix!r}; use one of {known}")
    name, longest, _ = _WRITABLE[path.suffix.lower()]
    height, width = size
    if height * width > MAX_OUTPUT_PIXELS:
        raise ImageError(
            f"{path}: {width}x{height} pixels are above the limit of {MAX_OUTPUT_PIXELS:,}; ask for a smaller size"
        )
    if max(size) > longest:
        raise ImageError(
            f"{path}: {width}x{height} pixels are more than {name} can hold ({longest} a side); use .png or .tif"
        )
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
    name, _, options = _WRITABLE[path.suffix.lower()]
    profile = picture.info.get("icc_profile")
    if profile and name == "BMP":
        raise ImageError(f"{path}: BMP cannot hold the picture's colour profile; use .png or .tif")
    try:
        with replacing(path) as file:
            picture.save(file, format=name, icc_profile=profile, **options)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ImageError(f"{path}: cannot be written ({reason}); choose another place with -o") from None


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a new file that takes the place of `path` when the block ends, and vanishes if the block fails."""
    # File systems count bytes, of which a letter may have four, and take at most 255.
    temporary = path.with_name(f".{path.name[:50]}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
