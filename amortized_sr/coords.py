"""Coordinates: pixel centres, cells, windows and the named normalisations. Nothing about networks.

The only home of the rule that a coordinate is `(y, x)` in [-1, 1] with pixel centres: pixel `i` of `n` lies at
`-1 + (2 i + 1) / n`, so the image's border is at exactly -1 and 1 and no pixel lies on it.
"""

import math
from typing import assert_never

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.choices import Normalization

Size = tuple[int, int]
"""`(height, width)` in pixels."""

Window = tuple[float, float, float, float]
"""`(y0, x0, y1, x1)` in coordinates: the part of an image between two corners."""

WHOLE: Window = (-1.0, -1.0, 1.0, 1.0)
"""The window that shows the whole image."""


def pixel_centers(
    count: int,
    low: float = -1.0,
    high: float = 1.0,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, " count"]:
    """Return the centres of `count` equal pixels between two borders.

    Args:
        count: Number of pixels, at least 1.
        low: Coordinate of the first pixel's outer border.
        high: Coordinate of the last pixel's outer border.
        dtype: Type of the result; the arithmetic is done in float64.

    Raises:
        ValueError: If `count` is not positive.

    Example:
        >>> pixel_centers(4)
        tensor([-0.7500, -0.2500,  0.2500,  0.7500])
    """
    if count < 1:
        raise ValueError(f"an axis needs at least 1 pixel, got {count}")
    index = torch.arange(count, dtype=torch.float64)
    return (low + (high - low) * (index + 0.5) / count).to(dtype)


def pixel_grid(
    size: Size, window: Window = WHOLE, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "height width 2"]:
    """Return the `(y, x)` centres of all pixels of an image of `size` that shows `window`."""
    y0, x0, y1, x1 = window
    rows = pixel_centers(size[0], y0, y1, dtype)
    columns = pixel_centers(size[1], x0, x1, dtype)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1)


def pixel_cell(size: Size, window: Window = WHOLE) -> tuple[float, float]:
    """Return the extent `(y, x)` of one pixel, in coordinates, of an image of `size` that shows `window`."""
    y0, x0, y1, x1 = window
    return (y1 - y0) / size[0], (x1 - x0) / size[1]


def pixel_window(box: tuple[int, int, int, int], size: Size) -> Window:
    """Return the window that shows exactly the pixels `box = (top, left, bottom, right)` of an image of `size`.

    `bottom` and `right` are one past the last pixel, as in a Python slice.
    """
    top, left, bottom, right = box
    height, width = size
    return (
        2 * top / height - 1,
        2 * left / width - 1,
        2 * bottom / height - 1,
        2 * right / width - 1,
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


def normalize(coord: Float[Tensor, "*shape 2"], kind: Normalization, size: Size) -> Float[Tensor, "*shape 2"]:
    """Express coordinates in one of the other systems that coordinate networks were trained with.

    - `unit`: [0, 1], with the image's upper left corner at (0, 0);
    - `centered`: `(x, y)` with the origin in the middle and y upwards, upper left corner at (-1, 1);
    - `standardized`: zero mean and unit variance over the pixel centres of an image of `size`.

    Args:
        coord: `(y, x)` in [-1, 1].
        kind: Which system.
        size: Size of the image whose pixels are standardized; the other kinds do not depend on it.

    Raises:
        ValueError: If `standardized` is asked for an axis of one pixel, whose variance is zero.
    """
    match kind:
        case "unit":
            return (coord + 1) / 2
        case "centered":
            return torch.stack((coord[..., 1], -coord[..., 0]), dim=-1)
        case "standardized":
            return coord / coord.new_tensor(_deviation(size))
        case _:
            assert_never(kind)


def denormalize(coord: Float[Tensor, "*shape 2"], kind: Normalization, size: Size) -> Float[Tensor, "*shape 2"]:
    """Undo `normalize`."""
    match kind:
        case "unit":
            return coord * 2 - 1
        case "centered":
            return torch.stack((-coord[..., 1], coord[..., 0]), dim=-1)
        case "standardized":
            return coord * coord.new_tensor(_deviation(size))
        case _:
            assert_never(kind)


def _deviation(size: Size) -> tuple[float, float]:
    """Return the standard deviation of the pixel centres along each axis: sqrt((n^2 - 1) / (3 n^2))."""
    if min(size) < 2:
        raise ValueError(f"standardized coordinates need at least 2 pixels on each axis, got size {size}")
    return math.sqrt((1 - size[0] ** -2) / 3), math.sqrt((1 - size[1] ** -2) / 3)
