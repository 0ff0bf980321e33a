"""How far an image as a function departs from linear interpolation between neighbouring pixel centres."""

import math
from dataclasses import dataclass
from typing import Literal, final

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.analysis.points import colours_at, sample_positions
from amortized_sr.continuous import ContinuousImage

Direction = Literal["rows", "columns", "diagonals"]

BIN_EDGES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Lower edges of a histogram's bins, in steps of 8 bits; the last bin has no upper edge."""

_STEPS: dict[Direction, tuple[tuple[int, int], ...]] = {
    "rows": ((0, 1),), "columns": ((1, 0),), "diagonals": ((1, 1), (1, -1)),
}  # fmt: skip

# A segment is divided into eighths.
_PARTS = 8

LEAST_VARIATION = 1e-4
"""A fortieth of a step of 8 bits: nothing is measured relative to less."""


@final
@dataclass(frozen=True)
class Departure:
    """Departure from straight lines in one direction, at seven points inside each segment.

    Attributes:
        absolute: Root of the mean square, in colours.
        relative: The same over the root of the mean square of the differences between the segments' ends; None where
            the ends hardly differ.
    """

    absolute: float
    relative: float | None


@final
@dataclass(frozen=True)
class Departures:
    """Departures along all segments between neighbouring pixel centres of an image.

    Attributes:
        directions: By direction, where the image has such segments: along rows, along columns, both diagonals.
        histogram: Share of all numbers in each bin of `BIN_EDGES`.
        map: Root of the mean square over the segments that meet in each pixel, in colours.
    """

    directions: dict[Direction, Departure]
    histogram: tuple[float, ...]
    map: Float[Tensor, "height width"]


def departures(function: ContinuousImage) -> Departures:
    """Measure a function of one image along the segments between neighbouring pixel centres.

    The straight line joins the function's own colours at the two centres; it need not pass through the pixels.

    Raises:
        ValueError: If the image has one pixel only, or the function returns NaN or infinity.
    """
    height, width = function.size
    if height * width == 1:
        raise ValueError("an image of 1x1 pixels has no neighbouring pixels; give one with at least two")
    position = sample_positions(function.size, 1)
    values = colours_at(function, position)
    share = torch.arange(1, _PARTS, dtype=torch.float64) / _PARTS
    counts = torch.zeros(len(BIN_EDGES), dtype=torch.float64)
    squares, meeting = torch.zeros(2, height, width, dtype=torch.float64)
    found: dict[Direction, Departure] = {}
    for direction, steps in _STEPS.items():
        errors: list[Tensor] = []
        differences: list[Tensor] = []
        for down, right in steps:
            first, last = _ends(height, width, down, right)
            if values[first].numel() == 0:
                continue
            along = position[first][:, :, None] + share[:, None] * position.new_tensor((down, right))
            line = torch.lerp(values[first][:, :, None], values[last][:, :, None], share[:, None])
            error = colours_at(function, along) - line
            mean = error.square().mean(dim=(2, 3))
            for end in (first, last):
                squares[end] += mean
                meeting[end] += 1
            errors.append(error.flatten())
            differences.append((values[last] - values[first]).flatten())
        if errors:
            error = torch.cat(errors)
            found[direction] = _measured(error, torch.cat(differences))
            counts += _counts(error)
    return Departures(found, tuple((counts / counts.sum()).tolist()), (squares / meeting.clamp(min=1)).sqrt())


def _ends(height: int, width: int, down: int, right: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the pixels at which segments of a direction begin, and those at which they end."""
    left, across = max(0, -right), max(0, right)
    first = slice(0, height - down), slice(left, width - across)
    return first, (slice(down, height), slice(left + right, width - across + right))


def _measured(error: Float[Tensor, " number"], difference: Float[Tensor, " segment"]) -> Departure:
    absolute, variation = (math.sqrt(float(values.square().mean())) for values in (error, difference))
    return Departure(absolute, absolute / variation if variation >= LEAST_VARIATION else None)


def _counts(error: Float[Tensor, " number"]) -> Float[Tensor, " bin"]:
    """Return how many numbers lie in each bin."""
    inner = torch.tensor(BIN_EDGES[1:], dtype=torch.float64)
    bins = torch.bucketize(error.abs() * 255, inner, right=True)
    return torch.bincount(bins, minlength=len(BIN_EDGES)).double()
