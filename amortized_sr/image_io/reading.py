"""Image file -> pixels at their own depth, by rules that only look at the header.

| in the file | becomes |
|---|---|
| 1 bit, grey up to 8 bits | grey, 8 bit |
| palette | RGB, or RGBA if a colour of it is transparent |
| RGB, RGBA, grey with alpha, a colour named transparent | itself, RGBA, grey with alpha |
| 16 bit per channel (PNG, TIFF) | itself, 16 bit |
| floating point (TIFF) | 32-bit float, 1 is white |
| a value that means "no data" (GeoTIFF) | transparent |
| CMYK, YCbCr, Lab | RGB, with the colour profile where there is one |
| animated GIF, WebP, PNG, AVIF | every picture with its duration |
| other depths, 32-bit integers, files of several pages | refused by name |
"""

import dataclasses
import logging
import struct
from pathlib import Path

import numpy as np
from PIL import Image

from amortized_sr.image_io.animation import ANIMATED, read_animation
from amortized_sr.image_io.colours import avif_colours, usable_profile
from amortized_sr.image_io.errors import DamagedError, ImageError
from amortized_sr.image_io.formats import DEFAULT_MAX_PIXELS
from amortized_sr.image_io.georeference import mask_nodata
from amortized_sr.image_io.image_file import MODES, ImageFile, Pixels, upright
from amortized_sr.image_io.jpeg import read_jpeg_step
from amortized_sr.image_io.metadata import read_metadata
from amortized_sr.image_io.opening import check_pixels, mapped_errors, opened, orientation_of, read_bytes
from amortized_sr.image_io.png import SIGNATURE, check_chunks
from amortized_sr.image_io.profile import srgb_profile, to_srgb

# TIFF's tag for channels besides the colours, and its values for transparency, multiplied into the colours or not.
_EXTRA_SAMPLES = 338
_ALPHA = {1, 2}
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# These log what they find odd in a file, which Python prints if nobody listens.
_NOT_PRINTED = logging.NullHandler()


def read_image(
    path: Path, content: bytes | None = None, max_pixels: int = DEFAULT_MAX_PIXELS, allow_truncated: bool = False
) -> ImageFile:
    """Read an image file with everything that can be kept of it.

    Args:
        path: The file; its content decides the format, not its name.
        content: The file's bytes, if they are not on the disk; `path` is then only a name.
        max_pixels: Most pixels that the header may announce, all pictures of an animation together.
        allow_truncated: Whether missing pixels of a cut file of 8 bits may be grey.

    Raises:
        ImageError: If the file is not an image, is damaged, or is of a kind that cannot be kept.
    """
    for name in ("tifffile", "imagecodecs", "PIL"):
        logging.getLogger(name).addHandler(_NOT_PRINTED)
    content = read_bytes(path) if content is None else content
    notices: list[str] = []
    chunks, tiff = avif_colours(content), None
    if content.startswith(SIGNATURE):
        content, chunks = check_chunks(path, content, notices)
    elif content.startswith(_TIFF):
        from amortized_sr.image_io.deep_tiff import open_deep_tiff

        with mapped_errors(path, content):
            tiff = open_deep_tiff(path, content)
    deep = tiff is not None or _is_deep_png(content)
    try:
        if tiff is not None:
            from amortized_sr.image_io.deep_tiff import read_deep_tiff

            return read_deep_tiff(path, tiff, max_pixels, notices)
        with opened(path, content, max_pixels, allow_truncated and not deep) as image:
            return _read_opened(path, content, image, max_pixels, chunks, notices)
    except DamagedError as error:
        if not (allow_truncated and deep):
            raise
        # Only Pillow can leave out a part, and it would cut the pixels to 8 bits.
        remedy = "missing pixels can be left grey in files of 8 bits only"
        raise ImageError(path, error.problem, remedy, setting="allow_truncated") from None


def _read_opened(
    path: Path, content: bytes, image: Image.Image, max_pixels: int, chunks: dict[bytes, bytes], notices: list[str]
) -> ImageFile:
    """Read an image that Pillow has opened."""
    # None means that segments of it are missing.
    if image.info.get("icc_profile", b"") is None:
        image.info["icc_profile"] = b"damaged"
    count, deep = getattr(image, "n_frames", 1), _is_deep_png(content)
    if image.format in ANIMATED and count > 1:
        if deep:
            raise ImageError(path, "animations of 16 bit cannot be kept", "convert to 8 bit first")
        check_pixels(path, image.width * image.height * count, max_pixels)
        return read_animation(image, read_metadata(image, "RGB", chunks, notices), notices)
    # Other formats' first picture is the one. The further ones of an MPO file, which phones write as .jpg, are
    # previews or a map of the brightness.
    if image.format == "TIFF":
        from amortized_sr.image_io.deep_tiff import choose_page

        choose_page(path, image, notices)
    if not deep:
        _refuse_unsupported(path, image, content)
    # Before decoding, after which Pillow may have changed the mode, and turned a TIFF.
    mode, orientation = image.mode, orientation_of(image)
    image.load()
    if image.format == "TIFF" and set(getattr(image, "tag_v2", {}).get(_EXTRA_SAMPLES, ())) - _ALPHA:
        notices.append("further channels are not transparency and were left out")
    pixels = _decode_deep_png(image, content) if deep else as_pixels(image, notices)
    metadata = read_metadata(image, MODES[pixels.shape[2]], chunks, notices, orientation)
    if mode == "P" and metadata.nodata is not None:
        notices.append("the nodata value, a number of the palette, is left out")
        metadata = dataclasses.replace(metadata, nodata=None)
    pixels, metadata = mask_nodata(upright(pixels, orientation_of(image)), metadata, notices)
    mode = MODES[pixels.shape[2]] if deep else mode
    return ImageFile([pixels], str(image.format), mode, metadata, notices=notices, jpeg_step=read_jpeg_step(image))


def _is_deep_png(content: bytes) -> bool:
    return content.startswith(SIGNATURE) and content[24:25] == b"\x10"


def _decode_deep_png(image: Image.Image, content: bytes) -> Pixels:
    import imagecodecs

    if struct.unpack_from(">II", content, 16) != image.size:
        raise ValueError("two headers")
    return np.atleast_3d(imagecodecs.png_decode(content))


def _refuse_unsupported(path: Path, image: Image.Image, content: bytes) -> None:
    """Refuse, from the header, what 8 bits of the modes above cannot hold."""
    bits = _bits_per_sample(image, content)
    if bits > 8:
        problem = f"{bits} bit {image.format} images cannot be kept"
        raise ImageError(path, problem, "convert to a 16 bit PNG or TIFF first")
    if image.mode in ("I", "F", "HSV"):
        problem = f"mode {image.mode} of {image.format} cannot be kept"
        raise ImageError(path, problem, "convert to a 16 bit or float TIFF first")


def _bits_per_sample(image: Image.Image, content: bytes) -> int:
    """Return the bit depth that the file has, which is not the depth that Pillow decodes it to."""
    if image.mode.startswith("I;16"):
        return 16
    tiles = getattr(image, "tile", [])
    if image.format == "TIFF":
        return max(getattr(image, "tag_v2", {}).get(258, (8,)))
    if image.format == "PPM" and tiles:
        args = tiles[0].args
        return int(args[-1]).bit_length() if isinstance(args, tuple) else 16 if ";16" in str(args) else 8
    if image.format == "AVIF":
        # The property "pixi": size, name, version, number of channels, bits of each.
        start = content.find(b"pixi", 0, 4096)
        return max(content[start + 9 : start + 9 + content[start + 8]], default=8) if start > 0 else 8
    return 8


def as_pixels(image: Image.Image, notices: list[str]) -> Pixels:
    """Return a decoded picture's pixels by the rules for 8 bits; `notices` gets sentences about what is not kept."""
    match image.mode:
        case "CMYK" | "LAB":
            profile = usable_profile(image.info.get("icc_profile"), image.mode, notices, {})
            if profile is None and image.mode == "CMYK":
                notices.append("CMYK without a usable colour profile; its inks are converted as plain ones")
            image.info["icc_profile"] = srgb_profile()
            picture = to_srgb(image, profile)
        case "1" | "L" | "LA" | "La":
            picture = image.convert("LA" if image.has_transparency_data else "L")
        case _:
            picture = image.convert("RGBA" if image.has_transparency_data else "RGB")
    return np.atleast_3d(np.array(picture))
