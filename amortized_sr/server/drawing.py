"""Work of the server's threads: files -> functions, functions -> files, files -> larger files."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import final

from PIL import Image

from amortized_sr.choices import FormatName
from amortized_sr.image_io.formats import FORMATS
from amortized_sr.image_io.image_file import ImageFile
from amortized_sr.image_io.picture import plain_picture
from amortized_sr.image_io.reading import read_image
from amortized_sr.jpeg_strength import nearest_quality
from amortized_sr.picture import Picture
from amortized_sr.pictures.options import PictureOptions
from amortized_sr.pictures.picture_file import PictureFile
from amortized_sr.pictures.upscale import upscale_file
from amortized_sr.server.image_address import View
from amortized_sr.server.limits import MAX_SIDE, Limits
from amortized_sr.server.refusal import RequestError
from amortized_sr.strength import Dial
from amortized_sr.upscaler import Upscaler

# Tiles are looked at, not kept: fast, and small enough.
_EFFORTS: dict[FormatName, dict[str, int]] = {
    "png": {"compress_level": 1},
    "jpg": {"quality": 90, "subsampling": 0},
    "webp": {"quality": 90, "method": 2},
}

# Pillow counts counter-clockwise, addresses clockwise.
_TURNS = (Image.Transpose.ROTATE_270, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_90)


@final
@dataclass(frozen=True)
class Encoding:
    """A picture that was encoded.

    Attributes:
        picture: The function.
        digest: Hash of the file and of the weights, for ETags.
        notices: Sentences about what could not be kept.
    """

    picture: Picture
    digest: str
    notices: list[str]


def encode_file(content: bytes, upscaler: Upscaler, limits: Limits, noise: Dial, jpeg: Dial) -> Encoding:
    """Return the picture in a file as a function of 8-bit colours without metadata, but with its colour profile.

    Raises:
        ValueError: With a sentence, if it is no picture or an animation.
    """
    # The header's size is checked before anything is decoded.
    image = read_image(Path("picture"), content, limits.function_pixels)
    notices = list(image.notices)
    if image.alpha:
        notices.append("transparency is put on white; POST /v1/upscale keeps it")
    if image.depth != "uint8":
        notices.append("the picture is drawn with 8 bits; POST /v1/upscale keeps its depth")
    if jpeg == "auto" and "jpeg" in upscaler.conditions:
        jpeg = nearest_quality(image.jpeg_step) if image.jpeg_step else "off"
    picture = upscaler.encode(plain_picture(image), notify=notices.append, noise=noise, jpeg=jpeg)
    digest = hashlib.sha256(content + f"{upscaler.trained.digest} {noise} {jpeg}".encode()).hexdigest()
    return Encoding(picture, digest, notices)


def draw_view(picture: Picture, view: View) -> bytes:
    """Return the file of a drawing; it holds pixels and a colour profile, and nothing else."""
    drawn = picture.render(view.size, view.window)
    profile = drawn.info.get("icc_profile")
    if view.quality in ("gray", "bitonal") and drawn.mode != "L":
        # The profile describes three colours.
        drawn, profile = drawn.convert("L"), None
    if view.quality == "bitonal":
        drawn = drawn.convert("1")
    if view.format == "webp" and drawn.mode != "RGB":
        drawn, profile = drawn.convert("RGB"), None
    if view.mirrored:
        drawn = drawn.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if view.quarter_turns:
        drawn = drawn.transpose(_TURNS[view.quarter_turns - 1])
    file = io.BytesIO()
    drawn.save(file, FORMATS[view.format].name, icc_profile=profile, **_EFFORTS[view.format])
    return file.getvalue()


def upscale_content(content: bytes, upscaler: Upscaler, limits: Limits, options: PictureOptions) -> PictureFile:
    """Return a file made from another, as the command line makes it.

    Raises:
        RequestError: If the result would be too large.
        ValueError: With a sentence, if the file cannot be read or its format cannot hold the result.
    """
    image = read_image(Path("picture"), content, limits.pixels)
    _check_area(image, options, limits)
    return upscale_file(image, options, upscaler)


def _check_area(image: ImageFile, options: PictureOptions, limits: Limits) -> None:
    height, width = options.size.resolve(image.size)
    if height * width * len(image.frames) > limits.area or max(height, width) > MAX_SIDE:
        pictures = f"{len(image.frames)} pictures of " if len(image.frames) > 1 else ""
        limit = f"{limits.area:,} pixels and {MAX_SIDE:,} a side"
        raise RequestError(400, f"{pictures}{width}x{height} pixels are above the limit of {limit}; ask for fewer")
