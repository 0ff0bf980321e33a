"""TIFF files of 16 bits or floating point, which Pillow would cut to 8 bits, and the pages of all TIFF files."""

import io
from pathlib import Path
from typing import IO, cast

import numpy as np
import tifffile
from PIL import Image
from tifffile import EXTRASAMPLE, FILETYPE, OFILETYPE, PHOTOMETRIC, PLANARCONFIG, SAMPLEFORMAT

from amortized_sr.image_io.errors import ImageError
from amortized_sr.image_io.georeference import mask_nodata
from amortized_sr.image_io.image_file import MODES, ImageFile, Metadata, Pixels, upright
from amortized_sr.image_io.metadata import PROFILE, XMP, collect_metadata
from amortized_sr.image_io.opening import DAMAGE, ORIENTATION, check_pixels, mapped_errors

# None, fax, LZW, JPEG, deflate, PackBits, LZMA, Zstandard: what Pillow can decode.
_PILLOW_COMPRESSIONS = (1, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32946, 34925, 50000)
_SUBFILE_TYPE, _OLD_SUBFILE_TYPE = 254, 255


def open_deep_tiff(path: Path, content: bytes) -> tifffile.TiffFile | None:
    """Open a TIFF of more than 8 bits per channel; None for others that Pillow reads or finds damaged."""
    try:
        file = tifffile.TiffFile(io.BytesIO(content))
        page = file.pages.first
        bits, sample = page.bitspersample, page.sampleformat
    except DAMAGE:
        return None
    if bits > 8 or sample in (SAMPLEFORMAT.INT, SAMPLEFORMAT.IEEEFP):
        return file
    if _is_foreign(file):
        raise ImageError(path, "a big-endian BigTIFF of 8 bits cannot be read", "convert to a plain TIFF first")
    if page.compression not in _PILLOW_COMPRESSIONS:
        name = {50001: "WebP"}.get(page.compression, getattr(page.compression, "name", page.compression))
        raise ImageError(path, f"this TIFF is compressed as {name}, which cannot be read", "convert it to ZIP or LZW")
    return None


def read_deep_tiff(path: Path, file: tifffile.TiffFile, max_pixels: int, notices: list[str]) -> ImageFile:
    """Read a TIFF that `open_deep_tiff` has opened."""
    with mapped_errors(path):
        # Counting finds a directory that names an earlier one as the next; iterating would never end.
        pages = [file.pages[number].aspage() for number in range(len(file.pages))]
        kinds = [(page.tags.valueof(_SUBFILE_TYPE, 0), page.tags.valueof(_OLD_SUBFILE_TYPE, 0)) for page in pages]
        page = pages[_only_page(path, kinds, notices)]
        check_pixels(path, page.imagewidth * page.imagelength, max_pixels)
        _refuse(path, page)
        pixels = _read_pixels(page, notices)
        mode = MODES[pixels.shape[2]]
        pixels, metadata = mask_nodata(pixels, _read_metadata(file, page, mode, notices), notices)
        if not np.isfinite(pixels).all():
            pixels = np.nan_to_num(pixels, nan=0.0, posinf=1.0, neginf=0.0)
            notices.append("values that are not finite became 0 (NaN, -inf) and 1 (inf)")
        pixels = upright(pixels, page.tags.valueof(ORIENTATION, 1))
        return ImageFile([pixels], "TIFF", mode, metadata, notices=notices)


def choose_page(path: Path, image: Image.Image, notices: list[str]) -> None:
    """Turn to the page that is the picture of a TIFF that Pillow has opened; an `ImageError` if there are several."""
    kinds: list[tuple[int, int]] = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        tags = image.tag_v2  # pyright: ignore[reportAttributeAccessIssue]
        kinds.append((tags.get(_SUBFILE_TYPE, 0), tags.get(_OLD_SUBFILE_TYPE, 0)))
    image.seek(_only_page(path, kinds, notices))


def _only_page(path: Path, kinds: list[tuple[int, int]], notices: list[str]) -> int:
    """Return the number of the only page whose NewSubfileType and SubfileType say no thumbnail or smaller copy."""
    reduced, mask = FILETYPE.REDUCEDIMAGE, FILETYPE.MASK
    full = [i for i, (new, old) in enumerate(kinds) if not new & (reduced | mask) and old != OFILETYPE.REDUCEDIMAGE]
    if any(new & mask and not new & reduced for new, _ in kinds):
        notices.append("the page that masks the picture is left out")
    if len(full) > 1:
        raise ImageError(path, "TIFF files of several pages are not supported", "extract the pages first")
    return full[0] if full else 0


def _is_foreign(file: tifffile.TiffFile) -> bool:
    """Return whether a TIFF is of the form that Pillow does not know: BigTIFF with the high bytes first."""
    return file.is_bigtiff and file.byteorder == ">"


def _read_metadata(file: tifffile.TiffFile, page: tifffile.TiffPage, mode: str, notices: list[str]) -> Metadata:
    if _is_foreign(file):
        notices.append("EXIF data and resolution are left out; they are not read from a big-endian BigTIFF")

    def load() -> Image.Exif:
        exif = Image.Exif()
        if not _is_foreign(file):
            exif.bigtiff, exif.endian = file.is_bigtiff, file.byteorder
            exif.load_from_fp(cast("IO[bytes]", file.filehandle), page.offset)
        return exif

    tags = page.tags.valueof
    return collect_metadata(tags, load, tags(PROFILE), tags(XMP), mode, tags(ORIENTATION, 1), notices, {})


def _refuse(path: Path, page: tifffile.TiffPage) -> None:
    """Refuse, from the header, what cannot be kept."""
    bits, sample = page.bitspersample, page.sampleformat
    if (sample, bits) not in ((SAMPLEFORMAT.UINT, 16), *((SAMPLEFORMAT.IEEEFP, known) for known in (16, 32, 64))):
        names: dict[int, str] = {SAMPLEFORMAT.UINT: "integers", SAMPLEFORMAT.INT: "signed integers"}
        kind = names.get(sample, "floats" if sample == SAMPLEFORMAT.IEEEFP else "values")
        raise ImageError(path, f"{bits} bit {kind} cannot be kept", "convert to a 16 bit or float TIFF first")
    if page.samplesperpixel > 4:
        raise ImageError(path, f"{page.samplesperpixel} channels cannot be kept", "extract colours and alpha first")
    if page.photometric not in (PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB):
        kind = PHOTOMETRIC(page.photometric).name
        raise ImageError(path, f"{bits} bit {kind} images cannot be kept", "convert to RGB first")
    if page.imagedepth > 1:
        raise ImageError(path, "TIFF files of several layers are not supported", "extract the layers first")


def _read_pixels(page: tifffile.TiffPage, notices: list[str]) -> Pixels:
    height, width, samples = page.imagelength, page.imagewidth, page.samplesperpixel
    values = page.asarray(maxworkers=1)
    if values.size != height * width * samples:
        raise ValueError("its parts do not make the picture that the header announces")
    if page.planarconfig == PLANARCONFIG.SEPARATE:
        values = np.moveaxis(values.reshape(samples, height, width), 0, 2)
    values = values.reshape(height, width, samples)
    values = values.astype(np.uint16 if values.dtype.kind == "u" else np.float32)
    white = 65535 if values.dtype == np.uint16 else 1
    colours = 3 if page.photometric == PHOTOMETRIC.RGB else 1
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        values[..., 0] = white - values[..., 0]
    if samples == colours:
        return values
    if samples != colours + 1:
        raise ValueError(f"it has {samples} channels")
    match page.extrasamples[:1]:
        case (EXTRASAMPLE.UNSPECIFIED,):
            notices.append("the last channel is not transparency and was left out")
            return values[..., :colours]
        case (EXTRASAMPLE.ASSOCALPHA,):
            # Undoes the multiplication of colours by alpha.
            alpha = values[..., -1:].astype(np.float64)
            plain = np.divide(
                values[..., :-1] * float(white), alpha, out=np.zeros((height, width, colours)), where=alpha > 0
            )
            values[..., :-1] = np.rint(plain.clip(0, white)) if white > 1 else plain
        case _:
            pass
    return values
