"""ICC colour profiles: checking them, and the two conversions that need them.

RGB and grey profiles are kept: pixels stay numbers of the profile's own space, because sRGB is too small for the
colours of most others, and clipping them would be the damage that this is meant to avoid. Only the *tone* is brought to
that of sRGB for the network, by a gamma that is undone exactly afterwards. CMYK and Lab become sRGB.
"""

import functools
import io
import math

import numpy as np
from PIL import Image, ImageCms

# A profile of a display or printer has at most 3 MB; a larger one is an accident or an attack.
_MAX_BYTES = 4 * 2**20

# Nearer to 1 than this, a gamma changes less than the network's training data varies: gamma 2.2 against sRGB.
_NEGLIGIBLE = 0.1

_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab "}


def profile_problem(profile: bytes, mode: str) -> str | None:
    """Return why a profile cannot be used for pictures of a mode (`L`, `RGB`, `CMYK`), or None if it can."""
    if len(profile) > _MAX_BYTES:
        return f"has {len(profile):,} bytes"
    try:
        parsed = _parse(profile).profile
        assert isinstance(parsed, ImageCms.core.CmsProfile)
        space = parsed.xcolor_space
        if space == _SPACES[mode]:
            # A profile may be well-formed and still have no usable tables.
            to_srgb(Image.new(mode, (1, 1)), profile)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return "is damaged"
    if space != _SPACES[mode]:
        return f"is for {space.strip()} and the picture is {mode}"
    return None


@functools.lru_cache(maxsize=32)
def tone_gamma(profile: bytes, mode: str) -> float:
    """Return the gamma that brings a profile's tones near to those of sRGB; 1 where they are near already."""
    grey = Image.new("L", (1, 1), 128).convert(mode)
    middle = min(max(float(np.array(to_srgb(grey, profile)).mean()) / 255, 0.05), 0.95)
    gamma = math.log(middle) / math.log(128 / 255)
    return 1.0 if abs(gamma - 1) < _NEGLIGIBLE else gamma


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a picture in sRGB; without a profile, CMYK is plain inverted ink, and other colours are Lab."""
    if profile is None and picture.mode == "CMYK":
        return picture.convert("RGB")
    source = ImageCms.createProfile("LAB") if profile is None else _parse(profile)
    converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert converted is not None
    return converted


def srgb_profile() -> bytes:
    """Return the sRGB profile, the same bytes every time: without the time of its making."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[:24] + bytes.fromhex("07d0 0001 0001 0000 0000 0000") + profile[36:]


def _parse(profile: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(profile))
