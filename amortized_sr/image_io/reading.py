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
from pathlib import Path

import numpy as np
from PIL import Image

from amortized_sr.image_io.animation import ANIMATED, read_animation
from amortized_sr.image_io.colours import avif_colours, usable_profile
from amortized_sr.image_io.deep import only_page, read_deep
from amortized_sr.image_io.errors import DamagedError, ImageError
from amortized_sr.image_io.georeference import mask_nodata
from amortized_sr.image_io.image_file import ImageFile, Pixels
from amortized_sr.image_io.limits import DEFAULT_MAX_PIXELS
from amortized_sr.image_io.metadata import read_metadata
from amortized_sr.image_io.opening import check_pixels, opened, read_bytes
from amortized_sr.image_io.orientation import orientation_of, upright
from amortized_sr.image_io.png_chunks import SIGNATURE, check_chunks
from amortized_sr.image_io.profile import srgb_profile, to_srgb

# TIFF's tag for channels besides the colours, and its values for transparency, multiplied into the colours or not.
_EXTRA_SAMPLES = 338
_ALPHA = {1, 2}


def read_image(
    path: Path,
    content: bytes | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    allow_truncated: bool = False,
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
    content = read_bytes(path) if content is None else content
    notices: list[str] = []
    chunks = avif_colours(content)
    if content.startswith(SIGNATURE):
        content, chunks = check_chunks(path, content, notices)
    try:
        deep = read_deep(path, content, max_pixels, chunks, notices)
    except DamagedError as error:
        if not allow_truncated:
            raise
        # Only Pillow can leave out a part, and it would cut the pixels to 8 bits.
        remedy = "missing pixels can be left grey in files of 8 bits only"
        raise ImageError(path, error.problem, remedy, setting="allow_truncated") from None
    if deep is not None:
        return deep
    with opened(path, content, max_pixels, allow_truncated) as image:
        count = getattr(image, "n_frames", 1)
        if image.format in ANIMATED and count > 1:
            check_pixels(path, image.width * image.height * count, max_pixels)
            return read_animation(image, read_metadata(image, "RGB", chunks, notices), notices)
        _choose_page(path, image, notices)
        _refuse_unsupported(path, image, content)
        # Before decoding, after which Pillow may have changed the mode, and turned a TIFF.
        mode, orientation = image.mode, orientation_of(image)
        image.load()
        if image.format == "TIFF" and set(getattr(image, "tag_v2", {}).get(_EXTRA_SAMPLES, ())) - _ALPHA:
            notices.append("further channels are not transparency and were left out")
        pixels = upright(as_pixels(image, notices), orientation_of(image))
        inks = mode in ("CMYK", "LAB")
        metadata = read_metadata(
            image, mode if inks else "L" if pixels.shape[2] < 3 else "RGB", chunks, notices, orientation
        )
        if inks:
            metadata = dataclasses.replace(metadata, profile=srgb_profile(), chunks={})
        if mode == "P" and metadata.nodata is not None:
            notices.append("the nodata value, a number of the palette, is left out")
            metadata = dataclasses.replace(metadata, nodata=None)
        pixels, nodata = mask_nodata(pixels, metadata.nodata, notices)
        metadata = dataclasses.replace(metadata, nodata=nodata)
        return ImageFile([pixels], str(image.format), mode, metadata, notices=notices)


def _choose_page(path: Path, image: Image.Image, notices: list[str]) -> None:
    """Turn to the page of a TIFF that is the picture. Other formats' first picture is the one.

    The further pictures of an MPO file, which phones write as .jpg, are previews or a map of the brightness.
    """
    if image.format != "TIFF":
        return
    kinds: list[tuple[int, int]] = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        tags = image.tag_v2  # pyright: ignore[reportAttributeAccessIssue]
        kinds.append((tags.get(254, 0), tags.get(255, 0)))
    image.seek(only_page(path, kinds, notices))


def _refuse_unsupported(path: Path, image: Image.Image, content: bytes) -> None:
    """Refuse, from the header, what 8 bits of the modes above cannot hold."""
    bits = _bits_per_sample(image, content)
    if bits > 8:
        raise ImageError(
            path, f"{bits} bit {image.format} images cannot be kept", "convert to a 16 bit PNG or TIFF first"
        )
    if image.mode in ("I", "F", "HSV"):
        raise ImageError(
            path, f"mode {image.mode} of {image.format} cannot be kept", "convert to a 16 bit or float TIFF first"
        )


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
            profile = usable_profile(image.info.get("icc_profile"), image.mode, [])
            if profile is None and image.mode == "CMYK":
                notices.append("CMYK without a usable colour profile; its inks are converted as plain ones")
            picture = to_srgb(image, profile)
        case "1" | "L" | "LA" | "La":
            picture = image.convert("LA" if image.has_transparency_data else "L")
        case _:
            picture = image.convert("RGBA" if image.has_transparency_data else "RGB")
    values = np.array(picture)
    return values.reshape(*values.shape[:2], -1)
