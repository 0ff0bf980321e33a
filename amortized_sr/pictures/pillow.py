"""Pillow's pictures <-> pixels at their own depth."""

import numpy as np
from PIL import Image

from amortized_sr.image_io.image_file import Pixels
from amortized_sr.image_io.profile import to_srgb


def pixels_of(picture: Image.Image) -> Pixels:
    """Return a picture's pixels; palettes and CMYK become RGB, transparency of any kind becomes alpha.

    Raises:
        ValueError: If the picture is empty or of a mode that cannot be kept.
    """
    if 0 in picture.size:
        raise ValueError(f"a picture of {picture.width}x{picture.height} pixels is empty; give one with pixels")
    match picture.mode:
        case "I;16" | "F":
            known = picture
        case "CMYK" | "LAB":
            known = to_srgb(picture, picture.info.get("icc_profile"))
        case "1" | "L" | "LA" | "La":
            known = picture.convert("LA" if picture.has_transparency_data else "L")
        case "P" | "PA" | "RGB" | "RGBA" | "RGBa" | "RGBX" | "YCbCr":
            known = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
        case mode:
            raise ValueError(f"a picture of mode {mode} cannot be kept; convert it to RGB, I;16 or F first")
    return np.array(known).reshape(picture.height, picture.width, -1)


def picture_of(pixels: Pixels, profile: bytes | None = None) -> Image.Image:
    """Return pixels as a picture of mode L, LA, RGB, RGBA, I;16 (16-bit grey) or F (grey floats).

    Raises:
        ValueError: If Pillow has no mode for them.
    """
    if pixels.dtype != np.uint8 and pixels.shape[2] > 1:
        depth = "16 bits" if pixels.dtype == np.uint16 else "floating point"
        raise ValueError(f"Pillow cannot hold {depth} with {pixels.shape[2]} channels; use `read` for the pixels")
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    if profile:
        picture.info["icc_profile"] = profile
    return picture
