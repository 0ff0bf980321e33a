"""Coordinates: pixel centres, cells, windows and the named normalisations, as plain numbers. Loads no torch.

The only home of the rule that a coordinate is `(y, x)` in [-1, 1] with pixel centres: pixel `i` of `n` lies at
`-1 + (2 i + 1) / n`, so the image's borders are at exactly -1 and 1 and no pixel lies on them.
"""

import math
from dataclasses import dataclass
from typing import assert_never

import numpy as np
from jaxtyping import Float64

from amortized_sr.choices import Normalization

Size = tuple[int, int]
"""`(height, width)` in pixels."""

Window = tuple[float, float, float, float]
"""`(y0, x0, y1, x1)` in coordinates: the part of an image between two corners."""

WHOLE: Window = (-1.0, -1.0, 1.0, 1.0)
"""The window that shows the whole image."""


def pixel_centers(count: int, low: float = -1.0, high: float = 1.0) -> Float64[np.ndarray, " count"]:
    """Return the centres of `count` equal pixels between two borders.

    Args:
        count: Number of pixels, at least 1.
        low: Coordinate of the first pixel's outer border.
        high: Coordinate of the last pixel's outer border.

    Raises:
        ValueError: If `count` is not positive.

    Example:
        >>> pixel_centers(4)
        array([-0.75, -0.25,  0.25,  0.75])
    """
    if count < 1:
        raise ValueError(f"an axis needs at least 1 pixel, got {count}")
    return low + (high - low) * (np.arange(count) + 0.5) / count


def pixel_cell(size: Size, window: Window = WHOLE) -> tuple[float, float]:
    """Return the extent `(y, x)` of one pixel, in coordinates, of an image of `size` that shows `window`.

    Example:
        >>> pixel_cell((4, 8))
        (0.5, 0.25)
    """
    y0, x0, y1, x1 = window
    return (y1 - y0) / size[0], (x1 - x0) / size[1]


def pixel_window(box: tuple[int, int, int, int], size: Size) -> Window:
    """Return the window that shows exactly the pixels `box = (top, left, bottom, right)` of an image of `size`.

    `bottom` and `right` are one past the last pixel, as in a Python slice.

    Example:
        >>> pixel_window((0, 0, 2, 4), (4, 8))
        (-1.0, -1.0, 0.0, 0.0)
    """
    top, left, bottom, right = box
    height, width = size
    return 2 * top / height - 1, 2 * left / width - 1, 2 * bottom / height - 1, 2 * right / width - 1


def window_part(window: Window, size: Size, rows: slice, columns: slice) -> Window:
    """Return the window that some rows and columns show of a rendering of `size` pixels that shows `window`.

    Example:
        >>> window_part((-1.0, -1.0, 1.0, 1.0), (4, 4), slice(0, 2), slice(0, 4))
        (-1.0, -1.0, 0.0, 1.0)
    """
    y0, x0, y1, x1 = window
    height, width = size
    # Rounding must not carry a part past the border of the whole.
    return (
        y0 + (y1 - y0) * rows.start / height,
        x0 + (x1 - x0) * columns.start / width,
        min(y0 + (y1 - y0) * rows.stop / height, y1),
        min(x0 + (x1 - x0) * columns.stop / width, x1),
    )


def check_window(window: Window) -> Window:
    """Return `window` unchanged if it lies inside the image and is not empty.

    Raises:
        ValueError: If it does not.
    """
    y0, x0, y1, x1 = window
    if not (-1 <= y0 < y1 <= 1 and -1 <= x0 < x1 <= 1):
        raise ValueError(
            f"window must be (y0, x0, y1, x1) with -1 <= y0 < y1 <= 1 and -1 <= x0 < x1 <= 1, got {window}; "
            "the whole image is (-1, -1, 1, 1)"
        )
    return window


@dataclass(frozen=True)
class CoordinateSystem:
    """Another system for the same points: `coord[order] * scale + shift`.

    Attributes:
        order: Which of `(y, x)` comes first and second.
        scale: Factor of each.
        shift: Added to each.
    """

    order: tuple[int, int]
    scale: tuple[float, float]
    shift: tuple[float, float]


def coordinate_system(kind: Normalization, size: Size) -> CoordinateSystem:
    """Return one of the other systems that coordinate networks were trained with.

    - `unit`: [0, 1], with the image's upper left corner at (0, 0);
    - `centered`: `(x, y)` with the origin in the middle and y upwards, upper left corner at (-1, 1);
    - `standardized`: zero mean and unit variance over the pixel centres of an image of `size`.

    Args:
        kind: Which system.
        size: Size of the image whose pixels are standardized; the other kinds do not depend on it.

    Raises:
        ValueError: If `standardized` is asked for an axis of one pixel, whose variance is zero.
    """
    match kind:
        case "unit":
            return CoordinateSystem((0, 1), (0.5, 0.5), (0.5, 0.5))
        case "centered":
            return CoordinateSystem((1, 0), (1.0, -1.0), (0.0, 0.0))
        case "standardized":
            if min(size) < 2:
                raise ValueError(f"standardized coordinates need at least 2 pixels on each axis, got size {size}")
            # The standard deviation of n pixel centres is sqrt((n^2 - 1) / (3 n^2)).
            scale = math.sqrt(3 / (1 - size[0] ** -2)), math.sqrt(3 / (1 - size[1] ** -2))
            return CoordinateSystem((0, 1), scale, (0.0, 0.0))
        case _:
            assert_never(kind)
