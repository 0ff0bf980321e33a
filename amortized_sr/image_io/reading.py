"""Image file -> pixels at their own depth, by rules that only look at the header.

| in the file | becomes |
|---|---|
| 1 bit, grey up to 8 bits | grey, 8 bit |
| palette | RGB, or RGBA if a colour of it is transparent |
| RGB, RGBA, grey with alpha, a colour named transparent | itself, RGBA, grey with alpha |
| 16 bit per channel (PNG, TIFF) | itself, 16 bit |
| floating point (TIFF) | 32-bit float, 1 is white |
| CMYK, YCbCr, Lab | RGB, with the colour profile where there is one |
| animated GIF, WebP, PNG, AVIF | every picture with its duration |
| other depths, 32-bit integers, files of several pages | refused by name |
"""

from pathlib import Path

import numpy as np
from PIL import Image

from amortized_sr.image_io.deep import read_deep
from amortized_sr.image_io.errors import DamagedError, ImageError
from amortized_sr.image_io.image_file import ImageFile, Metadata, Pixels
from amortized_sr.image_io.limits import DEFAULT_MAX_PIXELS
from amortized_sr.image_io.metadata import orientation_of, read_metadata, usable_profile
from amortized_sr.image_io.opening import check_pixels, check_regular, mapped_errors, opened
from amortized_sr.image_io.profile import srgb_profile, to_srgb
from amortized_sr.image_io.turning import upright

_ANIMATED = ("GIF", "WEBP", "PNG", "AVIF")

# What a TIFF says about channels besides the colours: transparency, multiplied into them or not, or anything.
_EXTRA_SAMPLES = 338
_ALPHA = {1, 2}

# A file of more bytes is no image that could be decoded.
_MAX_BYTES = 4 * 2**30


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
        allow_truncated: Whether what a cut file of 8 bits lacks may be grey.

    Raises:
        ImageError: If the file is not an image, is damaged, or is of a kind that cannot be kept.
    """
    if content is None:
        check_regular(path)
        with mapped_errors(path, None):
            if path.stat().st_size > _MAX_BYTES:
                raise ImageError(f"{path}: has more than {_MAX_BYTES:,} bytes; crop the image first")
            content = path.read_bytes()
    try:
        deep = read_deep(path, content, max_pixels)
    except DamagedError as error:
        # What decoders of 16 bits and floats have read of a cut file, they do not tell.
        hint = "; --allow-truncated can only help files of 8 bits" if allow_truncated else ""
        raise DamagedError(f"{error}{hint}") from None
    if deep is not None:
        return deep
    with opened(path, content, max_pixels, allow_truncated) as image:
        _refuse_unsupported(path, image, content)
        notices: list[str] = []
        count = getattr(image, "n_frames", 1)
        if count > 1 and image.format in _ANIMATED:
            check_pixels(path, count * image.width * image.height, max_pixels)
            return _read_animation(image, count, notices)
        # Before decoding, after which Pillow may have changed the mode.
        source = "CMYK" if image.mode == "CMYK" else "LAB" if image.mode == "LAB" else None
        kind = f"{image.format} {image.mode} 8 bit"
        image.load()
        if image.format == "TIFF" and set(getattr(image, "tag_v2", {}).get(_EXTRA_SAMPLES, ())) - _ALPHA:
            notices.append("further channels are not transparency and were left out")
        pixels = upright(_as_pixels(image, notices), orientation_of(image))
        metadata = read_metadata(image, source or ("L" if pixels.shape[2] < 3 else "RGB"), notices)
        if source is not None:
            metadata = Metadata(srgb_profile(), metadata.exif, metadata.xmp, metadata.dpi, metadata.text)
        return ImageFile([pixels], kind, metadata, notices=notices)


def _refuse_unsupported(path: Path, image: Image.Image, content: bytes) -> None:
    """Refuse, from the header, what 8 bits of the modes above cannot hold."""
    bits = _bits_per_sample(image, content)
    if bits > 8:
        raise ImageError(
            f"{path}: {bits} bit {image.format} images cannot be kept; convert to a 16 bit PNG or TIFF first"
        )
    if image.mode in ("I", "F", "HSV"):
        raise ImageError(f"{path}: mode {image.mode} of {image.format} cannot be kept; convert to 16 bit or float TIFF")
    # The further pictures of an MPO file, which phones write as .jpg, are previews or a map of the brightness.
    if image.format == "TIFF" and getattr(image, "n_frames", 1) > 1:
        raise ImageError(f"{path}: TIFF files of several pages are not supported; extract the pages first")


def _bits_per_sample(image: Image.Image, content: bytes) -> int:
    """Return the bit depth that the file has, which is not the depth that Pillow decodes it to."""
    if image.mode.startswith("I;16"):
        return 16
    tiles = getattr(image, "tile", [])
    if image.format == "TIFF":
        return max(getattr(image, "tag_v2", {}).get(258, (8,)))
    if image.format == "PPM" and tiles and isinstance(tiles[0].args, tuple):
        return int(tiles[0].args[-1]).bit_length()
    if image.format == "AVIF":
        # The property "pixi": size, name, version, number of channels, bits of each.
        place = content.find(b"pixi", 0, 4096)
        return max(content[place + 9 : place + 9 + content[place + 8]], default=8) if place > 0 else 8
    return 8


def _read_animation(image: Image.Image, count: int, notices: list[str]) -> ImageFile:
    # A PNG's first picture may be one that is only shown by programs without animations.
    first = 1 if image.info.get("default_image") else 0
    pictures: list[Image.Image] = []
    durations: list[float] = []
    orientation = orientation_of(image)
    repeats = image.info.get("loop", 1 if image.format == "GIF" else 0)
    kind, metadata = f"{image.format} {image.mode} 8 bit, {count} pictures", read_metadata(image, "RGB", notices)
    for number in range(first, count):
        image.seek(number)
        image.load()
        durations.append(float(image.info.get("duration") or 100))
        pictures.append(image.convert("RGBA" if image.has_transparency_data else "RGB"))
    mode = "RGBA" if any(picture.mode == "RGBA" for picture in pictures) else "RGB"
    frames: list[Pixels] = [upright(np.array(picture.convert(mode)), orientation) for picture in pictures]
    if len(frames) == 1:
        durations = []
    return ImageFile(frames, kind, metadata, durations, int(repeats or 0), notices)


def _as_pixels(image: Image.Image, notices: list[str]) -> Pixels:
    match image.mode:
        case "CMYK" | "LAB":
            profile = usable_profile(image.info.get("icc_profile"), image.mode, [])
            if profile is None and image.mode == "CMYK":
                notices.append("CMYK without a usable colour profile; the inks are taken as plain ones")
            picture = to_srgb(image, profile)
        case "1" | "L" | "LA" | "La":
            picture = image.convert("LA" if image.has_transparency_data else "L")
        case _:
            picture = image.convert("RGBA" if image.has_transparency_data else "RGB")
    values = np.array(picture)
    return values.reshape(*values.shape[:2], -1)
