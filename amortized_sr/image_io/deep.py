"""Reading 16-bit and floating point images, which Pillow would cut to 8 bits: PNG and TIFF."""

import dataclasses
import io
import logging
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from amortized_sr.image_io.errors import ImageError
from amortized_sr.image_io.georeference import mask_nodata
from amortized_sr.image_io.image_file import ImageFile, Pixels
from amortized_sr.image_io.metadata import is_foreign, read_metadata, read_tiff_metadata
from amortized_sr.image_io.opening import DAMAGE, check_pixels, mapped_errors, opened
from amortized_sr.image_io.orientation import ORIENTATION, orientation_of, upright
from amortized_sr.image_io.png_chunks import SIGNATURE

if TYPE_CHECKING:
    import tifffile

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB = 0, 1, 2
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_UNSPECIFIED = 0


# Both log what they find odd in a file, which Python prints if nobody listens.
_NOT_PRINTED = logging.NullHandler()

# None, fax, LZW, JPEG, deflate, PackBits, LZMA, Zstandard: what Pillow can decode.
_PILLOW_COMPRESSIONS = (1, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32946, 34925, 50000)
_REDUCED, _MASK, _OLD_REDUCED = 1, 4, 2
_SUBFILE_TYPE, _OLD_SUBFILE_TYPE = 254, 255


def read_deep(
    path: Path, content: bytes, max_pixels: int, chunks: dict[bytes, bytes], notices: list[str]
) -> ImageFile | None:
    """Return an image of more than 8 bits per channel, or None if the header announces another kind.

    Args:
        path: The file's name for sentences.
        content: The file's bytes.
        max_pixels: Most pixels that the header may announce.
        chunks: What a PNG says about its colours.
        notices: Gets a sentence for everything that is left out.

    Raises:
        ImageError: If it is damaged, or of a kind that cannot be kept.
    """
    for name in ("tifffile", "imagecodecs"):
        logging.getLogger(name).addHandler(_NOT_PRINTED)
    if content.startswith(SIGNATURE) and content[24:25] == b"\x10":
        return _read_png(path, content, max_pixels, chunks, notices)
    if content.startswith(_TIFF):
        with mapped_errors(path, content):
            return _read_tiff(path, content, max_pixels, notices)
    return None


def only_page(path: Path, kinds: list[tuple[int, int]], notices: list[str]) -> int:
    """Return the number of a TIFF's only page that is no thumbnail or copy of lower resolution.

    Args:
        path: The file's name for sentences.
        kinds: NewSubfileType and SubfileType of each page, 0 if not named.
        notices: Gets a sentence for what is left out.

    Raises:
        ImageError: If there are several.
    """
    full = [i for i, (new, old) in enumerate(kinds) if not new & (_REDUCED | _MASK) and old != _OLD_REDUCED]
    if any(new & _MASK and not new & _REDUCED for new, _ in kinds):
        notices.append("the page that masks the picture is left out")
    if len(full) > 1:
        raise ImageError(path, "TIFF files of several pages are not supported", "extract the pages first")
    return full[0] if full else 0


def _read_png(path: Path, content: bytes, max_pixels: int, chunks: dict[bytes, bytes], notices: list[str]) -> ImageFile:
    import imagecodecs

    # Pillow reads the header and the metadata, imagecodecs the pixels.
    with opened(path, content, max_pixels) as image:
        if getattr(image, "n_frames", 1) > 1:
            raise ImageError(path, "animations of 16 bit cannot be kept", "convert to 8 bit first")
        width, height = struct.unpack_from(">II", content, 16)
        if (width, height) != image.size:
            raise ValueError("two headers")
        pixels = np.atleast_3d(imagecodecs.png_decode(content))
        image.load()  # Metadata after the pixels, such as EXIF, is only read with them.
        metadata = read_metadata(image, "L" if pixels.shape[2] < 3 else "RGB", chunks, notices)
        return ImageFile([upright(pixels, orientation_of(image))], "PNG", _mode(pixels), metadata, notices=notices)


def _read_tiff(path: Path, content: bytes, max_pixels: int, notices: list[str]) -> ImageFile | None:
    import tifffile

    try:
        file = tifffile.TiffFile(io.BytesIO(content))
        page = file.pages.first
        bits, sample = page.bitspersample, page.sampleformat
    except DAMAGE:
        return None  # Pillow will say what is wrong with it.
    if bits <= 8 and sample not in (_SIGNED, _FLOAT):
        if is_foreign(file):
            raise ImageError(path, "a big-endian BigTIFF of 8 bits cannot be read", "convert to a plain TIFF first")
        if page.compression not in _PILLOW_COMPRESSIONS:
            name = {50001: "WebP"}.get(page.compression, getattr(page.compression, "name", page.compression))
            raise ImageError(
                path, f"this TIFF is compressed as {name}, which cannot be read", "convert it to ZIP or LZW"
            )
        return None
    kinds = [(other.tags.valueof(_SUBFILE_TYPE, 0), other.tags.valueof(_OLD_SUBFILE_TYPE, 0)) for other in _pages(file)]
    page = _pages(file)[only_page(path, kinds, notices)]
    check_pixels(path, page.imagewidth * page.imagelength, max_pixels)
    _refuse_tiff(path, page)
    pixels = _tiff_pixels(page, notices)
    mode = _mode(pixels)
    metadata = read_tiff_metadata(file, page, "L" if pixels.shape[2] < 3 else "RGB", notices)
    pixels, nodata = mask_nodata(pixels, metadata.nodata, notices)
    if not np.isfinite(pixels).all():
        pixels = np.nan_to_num(pixels, nan=0.0, posinf=1.0, neginf=0.0)
        notices.append("values that are not finite became 0 (NaN, -inf) and 1 (inf)")
    pixels = upright(pixels, page.tags.valueof(ORIENTATION, 1))
    return ImageFile([pixels], "TIFF", mode, dataclasses.replace(metadata, nodata=nodata), notices=notices)


def _pages(file: "tifffile.TiffFile") -> "list[tifffile.TiffPage]":
    return [page.aspage() for page in file.pages]


def _refuse_tiff(path: Path, page: "tifffile.TiffPage") -> None:
    import tifffile

    bits, sample = page.bitspersample, page.sampleformat
    if not (sample == _UNSIGNED and bits == 16) and not (sample == _FLOAT and bits in (16, 32, 64)):
        kind = {_UNSIGNED: "integers", _SIGNED: "signed integers", _FLOAT: "floats"}.get(sample, "values")
        raise ImageError(path, f"{bits} bit {kind} cannot be kept", "convert to a 16 bit or float TIFF first")
    if page.samplesperpixel > 4:
        raise ImageError(path, f"{page.samplesperpixel} channels cannot be kept", "extract colours and alpha first")
    if page.photometric not in (_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB):
        kind = tifffile.PHOTOMETRIC(page.photometric).name
        raise ImageError(path, f"{bits} bit {kind} images cannot be kept", "convert to RGB first")
    if page.imagedepth > 1:
        raise ImageError(path, "TIFF files of several layers are not supported", "extract the layers first")


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


def _mode(pixels: Pixels) -> str:
    return {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[pixels.shape[2]]
