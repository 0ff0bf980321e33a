"""The address of a drawing in the IIIF Image API 3.0 -> what to draw. Loads no torch.

`{identifier}/{region}/{size}/{rotation}/{quality}.{format}`; `identifier@k` declares the picture k times as large, so
that a viewer that asks for at most the declared size zooms in. Every part has a pattern that limits its length.
"""

import math
import re
from dataclasses import dataclass
from typing import Literal, final

from amortized_sr.choices import FormatName
from amortized_sr.coords import Size, Window
from amortized_sr.server.limits import MAX_SIDE
from amortized_sr.server.refusal import RequestError, shortened

Quality = Literal["default", "color", "gray", "bitonal"]
"""What colours a drawing has."""

FORMATS: dict[str, FormatName] = {"jpg": "jpg", "png": "png", "webp": "webp"}
"""Formats of drawings by the ends of their addresses."""

QUALITIES: dict[str, Quality] = {"default": "default", "color": "color", "gray": "gray", "bitonal": "bitonal"}
"""Colours of drawings by their names in addresses."""

LARGEST_SIDE = 999_999
"""Longest side that a picture can be declared to have; numbers in addresses have six digits."""

_IDENTIFIER = re.compile(r"([0-9a-f]{32})(?:@(\d{1,6}))?", re.ASCII)
_PIXELS = re.compile(r"(\d{1,6}),(\d{1,6}),(\d{1,6}),(\d{1,6})", re.ASCII)
_NUMBER = r"(\d{1,6}(?:\.\d{1,12})?)"
_PERCENT = re.compile(rf"pct:{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}", re.ASCII)
_SIZE = re.compile(rf"(\^?)(?:(max)|pct:{_NUMBER}|(!?)(\d{{1,6}})?,(\d{{1,6}})?)", re.ASCII)
_ROTATION = re.compile(r"(!?)(0|90|180|270|360)(?:\.0{1,6})?", re.ASCII)
_NAME = re.compile(r"([a-z]{1,10})\.([a-z0-9]{1,5})", re.ASCII)


@final
@dataclass(frozen=True)
class Region:
    """A part of a picture, in pixels of its declared size, from 0 to that size."""

    left: int | float
    top: int | float
    right: int | float
    bottom: int | float

    @property
    def size(self) -> Size:
        """`(height, width)` in whole pixels, at least 1 each."""
        return _rounded(self.bottom - self.top), _rounded(self.right - self.left)

    def window(self, declared: Size) -> Window:
        """Return the region as a window of the picture."""
        height, width = declared
        return (
            2 * self.top / height - 1,
            2 * self.left / width - 1,
            2 * self.bottom / height - 1,
            2 * self.right / width - 1,
        )


@final
@dataclass(frozen=True)
class View:
    """A drawing that is asked for.

    Attributes:
        window: Which part of the picture.
        size: `(height, width)` in pixels, before it is turned.
        mirrored: Whether left and right are exchanged, before it is turned.
        quarter_turns: How often it is turned clockwise by 90 degrees.
        quality: Its colours.
        format: Its format.
    """

    window: Window
    size: Size
    mirrored: bool
    quarter_turns: int
    quality: Quality
    format: FormatName


def parse_identifier(text: str) -> tuple[str, int]:
    """Return the id of a picture and how many times as large it is declared.

    Raises:
        RequestError: If it is not one.
    """
    match = _IDENTIFIER.fullmatch(text)
    if match is None:
        raise RequestError(404, "there is no picture of this name; send one to /v1/images and use the id of the answer")
    factor = int(match[2] or 1)
    if factor < 1:
        raise RequestError(400, "the number behind @ must be at least 1")
    return match[1], factor


def declared_size(size: Size, factor: int) -> Size:
    """Return the size that a picture is declared to have.

    Raises:
        RequestError: If a side is too long.
    """
    height, width = size[0] * factor, size[1] * factor
    if max(height, width) > LARGEST_SIDE:
        largest = LARGEST_SIDE // max(size)
        raise RequestError(400, f"@{factor} declares a side above {LARGEST_SIDE:,} pixels; use at most @{largest}")
    return height, width


def parse_view(region: str, size: str, rotation: str, name: str, declared: Size, max_area: int) -> View:
    """Return what the parts of an address ask for.

    Args:
        region: Part of the picture, in pixels of its declared size.
        size: Size of the drawing.
        rotation: How it is turned.
        name: Quality and format.
        declared: `(height, width)` that the picture is declared to have.
        max_area: Most pixels of a drawing.

    Raises:
        RequestError: If a part is malformed, or the drawing is not possible.

    Example:
        >>> parse_view("0,0,32,64", "^512,", "90", "default.png", (64, 64), 2**23).size
        (1024, 512)
    """
    part = parse_region(region, declared)
    drawn = parse_size(size, part, max_area)
    turned = _ROTATION.fullmatch(rotation)
    if turned is None:
        raise RequestError(
            400, f"rotation must be 0, 90, 180 or 270, with ! in front to mirror, got {shortened(rotation)}"
        )
    named = _NAME.fullmatch(name)
    quality, format_ = (QUALITIES.get(named[1]), FORMATS.get(named[2])) if named else (None, None)
    if quality is None or format_ is None:
        offered = f"{' or '.join(QUALITIES)}, a dot, and {' or '.join(FORMATS)}"
        raise RequestError(400, f"the address must end with {offered}, got {shortened(name)}")
    return View(part.window(declared), drawn, turned[1] == "!", int(turned[2]) // 90 % 4, quality, format_)


def parse_region(text: str, declared: Size) -> Region:
    """Return a region, cut at the picture's edges.

    Raises:
        RequestError: If it is malformed, empty or outside of the picture.
    """
    height, width = declared
    if text == "full":
        return Region(0, 0, width, height)
    if text == "square":
        side = min(declared)
        left, top = (width - side) // 2, (height - side) // 2
        return Region(left, top, left + side, top + side)
    if match := _PIXELS.fullmatch(text):
        left, top, wide, high = (int(number) for number in match.groups())
    elif match := _PERCENT.fullmatch(text):
        shares = [float(number) / 100 for number in match.groups()]
        left, top, wide, high = shares[0] * width, shares[1] * height, shares[2] * width, shares[3] * height
    else:
        forms = "full, square, x,y,w,h in pixels, or pct:x,y,w,h"
        raise RequestError(400, f"region must be {forms}, with at most six digits a number, got {shortened(text)}")
    region = Region(left, top, min(left + wide, width), min(top + high, height))
    window = region.window(declared)
    # Compared where it is used: a width that rounding swallows is no width.
    if not (-1 <= window[0] < window[2] <= 1 and -1 <= window[1] < window[3] <= 1):
        raise RequestError(
            400, f"the region {shortened(text)} is empty or outside of the picture of {width}x{height} pixels"
        )
    return region


def parse_size(text: str, region: Region, max_area: int) -> Size:
    """Return the size of a drawing of a region, `(height, width)`.

    Raises:
        RequestError: If it is malformed, larger than the region without ^, or larger than the server draws.
    """
    match = _SIZE.fullmatch(text)
    if match is None or (match[2] is None and match[3] is None and match[5] is None and match[6] is None):
        forms = "max, w, or ,h or w,h or !w,h in pixels, or pct:n, with ^ in front to enlarge"
        raise RequestError(400, f"size must be {forms}, with at most six digits a number, got {shortened(text)}")
    enlarges, percent, confined = match[1] == "^", match[3], match[4] == "!"
    given_width, given_height = (None if number is None else int(number) for number in (match[5], match[6]))
    natural, high, wide = region.size, region.bottom - region.top, region.right - region.left
    if confined and (given_width is None or given_height is None):
        raise RequestError(400, f"!w,h needs both numbers, got {shortened(text)}")
    if 0 in (given_width, given_height) or (percent is not None and float(percent) == 0):
        raise RequestError(400, f"a drawing has at least one pixel; ask for more than {shortened(text)}")
    if match[2] or (confined and given_width and given_height):
        # As large as the limits allow.
        box = (given_width, given_height) if given_width and given_height else (MAX_SIDE, MAX_SIDE)
        factor = min(
            box[0] / wide, box[1] / high, MAX_SIDE / wide, MAX_SIDE / high, math.sqrt(max_area / (wide * high))
        )
        if factor >= 1 and not enlarges:
            return natural if natural[0] * natural[1] <= max_area else _inside(1.0, high, wide, max_area)
        return _inside(factor, high, wide, max_area)
    if percent is not None:
        share = float(percent) / 100
        size = _rounded(high * share), _rounded(wide * share)
    elif given_height is None:
        assert given_width is not None
        size = _rounded(high * given_width / wide), given_width
    elif given_width is None:
        size = given_height, _rounded(wide * given_height / high)
    else:
        size = given_height, given_width
    above = percent is not None and float(percent) > 100
    if not enlarges and (above or size[0] > natural[0] or size[1] > natural[1]):
        asked, own = f"{size[1]}x{size[0]}", f"{natural[1]}x{natural[0]}"
        raise RequestError(400, f"{asked} pixels are more than the region's {own}; write ^{text} to enlarge")
    if max(size) > MAX_SIDE or size[0] * size[1] > max_area:
        limit = f"{max_area:,} pixels and {MAX_SIDE:,} a side"
        raise RequestError(400, f"{size[1]}x{size[0]} pixels are above the limit of {limit}; ask for a smaller size")
    return size


def _rounded(value: int | float) -> int:
    return max(1, math.floor(value + 0.5))


def _inside(factor: int | float, high: int | float, wide: int | float, max_area: int) -> Size:
    """Return a size scaled by a factor and rounded, but down where that would exceed the limits."""
    size = _rounded(high * factor), _rounded(wide * factor)
    if size[0] * size[1] <= max_area and max(size) <= MAX_SIDE:
        return size
    height = min(max(1, math.floor(high * factor)), MAX_SIDE)
    return height, min(max(1, math.floor(wide * factor)), MAX_SIDE, max_area // height)
