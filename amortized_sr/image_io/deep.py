"""Reading 16-bit and floating point images, which Pillow would cut to 8 bits: PNG and TIFF."""

import contextlib
import io
import logging
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from amortized_sr.image_io.errors import ImageError
from amortized_sr.image_io.image_file import ImageFile, Pixels
from amortized_sr.image_io.metadata import is_foreign, orientation_of, read_metadata, read_tiff_metadata
from amortized_sr.image_io.opening import DAMAGE, check_pixels, mapped_errors, opened
from amortized_sr.image_io.turning import upright

if TYPE_CHECKING:
    import tifffile

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB = 0, 1, 2
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_UNSPECIFIED = 0


def read_deep(path: Path, content: bytes, max_pixels: int) -> ImageFile | None:
    """Return an image of more than 8 bits per channel, or None if the header announces another kind.

    Raises:
        ImageError: If it is damaged, or of a kind that cannot be kept.
    """
    if content.startswith(b"\x89PNG\r\n\x1a\n") and content[24:25] == b"\x10":
        return _read_png(path, content, max_pixels)
    if content.startswith(_TIFF):
        with mapped_errors(path, content):
            return _read_tiff(path, content, max_pixels)
    return None


def _read_png(path: Path, content: bytes, max_pixels: int) -> ImageFile:
    import imagecodecs

    notices: list[str] = []
    # Pillow reads the header and what stands beside the picture; only the pixels are not its business.
    with opened(path, content, max_pixels) as image:
        if getattr(image, "n_frames", 1) > 1:
            raise ImageError(f"{path}: animations of 16 bit cannot be kept; convert to 8 bit first")
        width, height = struct.unpack_from(">II", content, 16)
        if (width, height) != image.size:
            raise ImageError(f"{path}: the file is damaged (two headers); get it again")
        pixels = np.atleast_3d(imagecodecs.png_decode(content))
        image.load()  # What follows the pixels, EXIF data for one, is only read with them.
        metadata = read_metadata(image, "L" if pixels.shape[2] < 3 else "RGB", notices)
        return ImageFile([upright(pixels, orientation_of(image))], f"PNG {_kind(pixels)}", metadata, notices=notices)


def _read_tiff(path: Path, content: bytes, max_pixels: int) -> ImageFile | None:
    import tifffile

    notices: list[str] = []
    with _quiet():
        try:
            file = tifffile.TiffFile(io.BytesIO(content))
            page = file.pages.first
            bits, sample = page.bitspersample, page.sampleformat
        except DAMAGE:
            return None  # Pillow will say what is wrong with it.
        if bits <= 8 and sample not in (_SIGNED, _FLOAT):
            if is_foreign(file):
                raise ImageError(
                    f"{path}: a big-endian BigTIFF of 8 bits cannot be read; convert to a plain TIFF first"
                )
            return None
        check_pixels(path, page.imagewidth * page.imagelength, max_pixels)
        _refuse_tiff(path, file, page)
        pixels = _tiff_pixels(page, notices)
        orientation = page.tags.valueof(274, 1)
        mode = "L" if pixels.shape[2] < 3 else "RGB"
        metadata = read_tiff_metadata(file, mode, notices)
    if not np.isfinite(pixels).all():
        pixels = np.nan_to_num(pixels, nan=0.0, posinf=1.0, neginf=0.0)
        notices.append("values that are not finite became 0 (NaN, -inf) and 1 (inf)")
    return ImageFile([upright(pixels, orientation)], f"TIFF {_kind(pixels)}", metadata, notices=notices)


def _refuse_tiff(path: Path, file: "tifffile.TiffFile", page: "tifffile.TiffPage") -> None:
    import tifffile

    bits, sample = page.bitspersample, page.sampleformat
    if not (sample == _UNSIGNED and bits == 16) and not (sample == _FLOAT and bits in (16, 32, 64)):
        what = {_UNSIGNED: "integers", _SIGNED: "signed integers", _FLOAT: "floats"}.get(sample, "values")
        raise ImageError(f"{path}: {bits} bit {what} cannot be kept; convert to a 16 bit or float TIFF first")
    if page.samplesperpixel > 4:
        raise ImageError(f"{path}: {page.samplesperpixel} channels cannot be kept; extract colours and alpha first")
    if page.photometric not in (_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB):
        kind = tifffile.PHOTOMETRIC(page.photometric).name
        raise ImageError(f"{path}: {bits} bit {kind} images cannot be kept; convert to RGB first")
    if page.imagedepth > 1 or len(file.pages) > 1:
        raise ImageError(f"{path}: TIFF files of several pages are not supported; extract the pages first")


def _tiff_pixels(page: "tifffile.TiffPage", notices: list[str]) -> Pixels:
    height, width, samples = page.imagelength, page.imagewidth, page.samplesperpixel
    values = page.asarray(maxworkers=1)
    if values.size != height * width * samples:
        raise ValueError("its parts do not make the picture that the header announces")
    if page.planarconfig == 2:
        values = np.moveaxis(values.reshape(samples, height, width), 0, 2)
    values = values.reshape(height, width, samples)
    values = values.astype(np.uint16 if values.dtype.kind == "u" else np.float32)
    colours = 1 if page.photometric != _RGB else 3
    if page.photometric == _MIN_IS_WHITE:
        values[..., 0] = (65535 if values.dtype == np.uint16 else 1) - values[..., 0]
    if samples == colours:
        return values
    if samples != colours + 1:
        raise ValueError(f"it has {samples} channels")
    if page.extrasamples[:1] == (_UNSPECIFIED,):
        notices.append("the last channel is not transparency and was left out")
        return values[..., :colours]
    if page.extrasamples[:1] == (1,):
        _divide_by_alpha(values)
    return values


def _divide_by_alpha(values: Pixels) -> None:
    """Undo the multiplication of colours by alpha, in place."""
    white = 65535.0 if values.dtype == np.uint16 else 1.0
    alpha = values[..., -1:].astype(np.float64)
    colours = np.divide(values[..., :-1] * white, alpha, out=np.zeros(values[..., :-1].shape), where=alpha > 0)
    values[..., :-1] = np.rint(colours.clip(0, white)) if values.dtype == np.uint16 else colours


def _kind(pixels: Pixels) -> str:
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[pixels.shape[2]]
    return f"{mode} {'16 bit' if pixels.dtype == np.uint16 else 'float'}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep tifffile, which logs what it finds odd in a file, from writing to the terminal."""
    logger = logging.getLogger("tifffile")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)
