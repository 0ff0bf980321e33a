"""Where output pixels land on a grid of cells: axes, positions, and the size of a rendering. Loads no torch.

Positions are measured in cells: cell `n` has its centre at position `n`.
"""

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float64, Int64

from amortized_sr.coords import WHOLE, Size, Window

# Positions on a grid are multiples of this, so that offsets `t` and `t - 1` are both exact in float32 and half-open
# cells neither overlap nor leave a gap.
_POSITION_STEP = 2.0**-22

# How many pixels a block of output pixels has, and how many cells it spans at least and at most. Wider blocks multiply
# more zeros, narrower ones make smaller matrix products and copy more cells twice. Of 1 to 12 cells, 8 were fastest at
# x2 to x4, 4 at x8, 2 at x32.
_BLOCK_PIXELS = 32
_BLOCK_CELLS = 2, 8

# Offsets that differ by less, in cells, do so by rounding.
_ALIKE = 1e-9


@final
@dataclass(frozen=True)
class Axis:
    """Evenly spaced output pixels along one axis of a grid of cells.

    Args:
        count: Number of output pixels.
        cells: Number of cells.
        start: Position of the first output pixel's centre, in cells.
        step: Distance between output pixels, which is also their extent, in cells.
    """

    count: int
    cells: int
    start: float
    step: float

    def positions(self) -> Float64[np.ndarray, " count"]:
        """Return the pixels' centres in cells, rounded to multiples of 2^-22.

        Example:
            >>> Axis(count=4, cells=2, start=-0.25, step=0.5).positions()
            array([-0.25,  0.25,  0.75,  1.25])
        """
        return np.round((self.start + self.step * np.arange(self.count)) / _POSITION_STEP) * _POSITION_STEP


def axes(size: Size, grid: Size, window: Window = WHOLE) -> tuple[Axis, Axis]:
    """Return the rows' and the columns' axis of an output of `size` that shows `window` of a grid of cells."""

    def axis(count: int, cells: int, low: float, high: float) -> Axis:
        step = (high - low) / 2 * cells / count
        return Axis(count, cells, (low + 1) / 2 * cells - 0.5 + step / 2, step)

    y0, x0, y1, x1 = window
    return axis(size[0], grid[0], y0, y1), axis(size[1], grid[1], x0, x1)


def num_neighbours(reach: float) -> int:
    """Return the largest number of cells whose centres lie in a half-open interval of length `2 reach`."""
    return max(1, math.ceil(2 * reach - 1e-9))


@final
@dataclass(frozen=True)
class PixelBlocks:
    """An axis' output pixels in blocks of neighbours, which read the same cells: the shape of a banded matrix.

    Args:
        offset: Distance of each pixel of a block from each cell that the block reads, in cells. The last block may have
            pixels past the axis' end.
        index: The cells that each block reads, edges repeated.
    """

    offset: Float64[np.ndarray, "blocks pixels cells"]
    index: Int64[np.ndarray, "blocks cells"]

    @property
    def distinct(self) -> Float64[np.ndarray, "_ pixels cells"]:
        """The offsets of the first block, if all blocks have the same, as at whole scales; otherwise of all."""
        alike = bool((np.abs(self.offset - self.offset[:1]) < _ALIKE).all())
        return self.offset[:1] if alike else self.offset


def pixel_blocks(axis: Axis, reach: float) -> PixelBlocks:
    """Return the output pixels of an axis in blocks, each with all cells within `reach` of its pixels."""
    least, most = _BLOCK_CELLS
    num_blocks = math.ceil(axis.count * axis.step / min(max(_BLOCK_PIXELS * axis.step, least), most))
    num_blocks = min(max(num_blocks, 1), axis.count)
    num_pixels = math.ceil(axis.count / num_blocks)
    padded = Axis(num_blocks * num_pixels, axis.cells, axis.start, axis.step)
    position = padded.positions().reshape(num_blocks, num_pixels, 1)
    first = np.floor(position[:, :1] - reach) + 1
    num_cells = num_neighbours(reach + (num_pixels - 1) * axis.step / 2) + 1
    centre = first + np.arange(num_cells, dtype=np.float64)
    return PixelBlocks(position - centre, centre[:, 0].clip(0, axis.cells - 1).astype(np.int64))


@final
@dataclass(frozen=True)
class Rendering:
    """A picture of `size` pixels of an image of `image_size` pixels.

    An axis with fewer pixels than the window shows of the image is rendered at the image's own resolution, and shrunk
    afterwards.

    Args:
        size: Size of the picture.
        image_size: Size of the image.
        window: The part of the image that the picture shows.
    """

    size: Size
    image_size: Size
    window: Window = WHOLE

    @property
    def drawn(self) -> Size:
        """Size at which the picture is rendered, before it is shrunk."""
        y0, x0, y1, x1 = self.window
        height, width = self.image_size
        # A window's borders carry rounding errors: ignore less than a millionth of a pixel.
        shown = math.ceil((y1 - y0) / 2 * height - 1e-6), math.ceil((x1 - x0) / 2 * width - 1e-6)
        return max(self.size[0], shown[0]), max(self.size[1], shown[1])
