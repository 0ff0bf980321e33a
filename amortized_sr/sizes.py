"""Sizes of outputs: a request such as "scale 4" or "1024 pixels wide" -> height and width in pixels."""

import contextlib
import dataclasses
import math
from dataclasses import dataclass
from numbers import Integral
from typing import Any, final

from amortized_sr.coords import Size
from amortized_sr.image_io.formats import MAX_FILE_PIXELS, MAX_OUTPUT_PIXELS

# One pixel at this scale is near the largest output; no image can be larger with it.
_LARGEST_SCALE = 65_536


@final
@dataclass(frozen=True)
class SizeRequest:
    """The size of an output; exactly one of the attributes is given, and sides keep the proportions.

    Attributes:
        scale: Output size over input size.
        size: `(height, width)` in pixels.
        width: Width in pixels.
        height: Height in pixels.
        longest: Longer side in pixels.

    Raises:
        ValueError: If none or several are given, or the value is invalid.

    Example:
        >>> SizeRequest(width=20).resolve((6, 8)), SizeRequest(scale=2.5).label
        ((15, 20), 'x2.5')
    """

    scale: float | None = None
    size: Size | None = None
    width: int | None = None
    height: int | None = None
    longest: int | None = None

    def __post_init__(self) -> None:
        values = dataclasses.asdict(self)
        given = [name for name, value in values.items() if value is not None]
        if len(given) != 1:
            raise ValueError(f"choose one of {', '.join(values)}; got {' and '.join(given) or 'none'}")
        # Frozen: this is how a dataclass replaces a list, or a number of numpy, by plain ones.
        object.__setattr__(self, given[0], _checked(given[0], values[given[0]]))

    @property
    def label(self) -> str:
        """The request as the names of output files hold it, such as `x2.5`, `1024x768` or `w640`."""
        if self.scale is not None:
            return f"x{self.scale:g}" if float(f"{self.scale:g}") == self.scale else f"x{self.scale!r}"
        if self.size is not None:
            return f"{self.size[1]}x{self.size[0]}"
        return next(f"{name[0]}{side}" for name, side in dataclasses.asdict(self).items() if side is not None)

    def resolve(self, image_size: Size) -> Size:
        """Return the output's size for an image of `image_size`.

        Raises:
            ValueError: If a scale gives more pixels than any file can hold.
        """
        if self.scale is not None:
            return scaled_size(image_size, self.scale, MAX_FILE_PIXELS)
        if self.size is not None:
            return self.size
        height, width = image_size
        pairs = (self.width, width), (self.height, height), (self.longest, max(image_size))
        wanted, side = next((wanted, side) for wanted, side in pairs if wanted is not None)
        # Half a pixel is rounded up; the side itself becomes exactly what is wanted.
        return max(1, (2 * height * wanted + side) // (2 * side)), max(1, (2 * width * wanted + side) // (2 * side))


def scaled_size(size: Size, scale: float, limit: int = MAX_OUTPUT_PIXELS) -> Size:
    """Return the size of an image of `size` at `scale`: rounded, at least one pixel.

    Raises:
        ValueError: If the scale is not a positive number, or the result would have more than `limit` pixels.
    """
    _check_scale(scale)
    # Beyond this limit one row is too long already, and the products below might be infinite.
    limited = min(scale, 2 * limit)
    height, width = (max(1, math.floor(side * limited + 0.5)) for side in size)
    if height * width > limit:
        raise ValueError(
            f"scale {scale} of a {size[1]}x{size[0]} image gives {width}x{height} pixels"
            f"{'' if scale == limited else ' and more'}, above the limit of {limit:,}; use a smaller scale"
        )
    return height, width


def check_size(size: Size) -> Size:
    """Return the size of a rendering in memory, as plain numbers.

    Raises:
        ValueError: If it is not two positive whole numbers, or absurdly large.
    """
    height, width = _whole_numbers(size)
    if height * width > MAX_OUTPUT_PIXELS:
        raise ValueError(
            f"size {width}x{height} is more than the limit of {MAX_OUTPUT_PIXELS:,} pixels; ask for a smaller one"
        )
    return height, width


def _checked(name: str, value: Any) -> float | int | Size:  # noqa: ANN401 (whatever a caller gives)
    """Return a requested value as plain numbers."""
    if name == "size":
        return _whole_numbers(value)
    if name == "scale":
        _check_scale(value)
        if value > _LARGEST_SCALE:
            side = f"{_LARGEST_SCALE}x{_LARGEST_SCALE}"
            raise ValueError(f"scale {value:g} makes more than {side} pixels of a single one; use a smaller scale")
        return float(value)
    if not (isinstance(value, Integral) and int(value) >= 1):
        raise ValueError(f"{name} must be a whole number of pixels, at least 1, got {value!r}")
    return int(value)


def _check_scale(scale: float) -> None:
    if not (isinstance(scale, int | float) and 0 < scale < math.inf):
        raise ValueError(f"scale must be a positive number, got {scale!r}; for example 4 or 2.5")


def _whole_numbers(size: Size) -> Size:
    with contextlib.suppress(TypeError, ValueError):  # Not two of anything.
        height, width = size
        if isinstance(height, Integral) and isinstance(width, Integral) and min(height, width) > 0:
            return int(height), int(width)
    raise ValueError(f"size must be (height, width) in whole pixels, at least 1 each, got {size!r}")
