"""Rendering on grids: the functions of `fields.hyper` and of `resize`, and the two banded matrix products."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never, final

import numpy as np
from jaxtyping import Float32, Float64, Int64

from amortized_sr.axes import Axis, PixelBlocks, pixel_blocks
from amortized_sr.choices import InterpolationName, Neighbors
from amortized_sr.runtime.convolution import LARGEST_PRODUCT

# How many rows one product has, so that it has a hundred columns.
_ROWS = 32

Codes = Float32[np.ndarray, "_ cells_y cells_x"]
"""Codes of one image on its grid, ordered colour, y-function, x-function."""


@final
@dataclass(frozen=True)
class Kernel:
    """K functions of one axis.

    Attributes:
        reach: Distance, in cells, from which on all functions are zero.
        functions: `(offset, cell)` -> values; `cell` is the pixel's extent, and both are measured in cells.
    """

    reach: float
    functions: Callable[[Float64[np.ndarray, "*shape"], int | float], Float64[np.ndarray, "*shape functions"]]


def sinusoids(
    frequency: Float32[np.ndarray, " number"],
    blur: float | None,
    finest_cell: float,
    neighbors: Neighbors,
    keeps_tone: bool,
) -> Kernel:
    """Return the functions of `fields.hyper.LocalFourier`, without blur for the footprint `point`."""
    radius = neighbors**0.5 / 2
    omega = math.pi * np.concatenate(([0.0], frequency.astype(np.float64)))
    means = cosine_means(frequency, neighbors) if keeps_tone else np.zeros(len(frequency))
    lowered = np.concatenate(([0.0], means))

    def functions(offset: Float64[np.ndarray, "*shape"], cell: int | float) -> Float64[np.ndarray, "*shape functions"]:
        window = ((offset >= -radius) & (offset < radius)).astype(np.float64)
        if neighbors == 4:
            window *= (1 + np.cos(math.pi * offset)) / 2
        width = 0.0 if blur is None else blur * max(cell, finest_cell)
        damped = window[..., None] * np.exp(-0.5 * (width * omega) ** 2)
        angle = offset[..., None] * omega
        return np.concatenate((damped * (np.cos(angle) - lowered), damped[..., 1:] * np.sin(angle[..., 1:])), axis=-1)

    return Kernel(radius, functions)


def cosine_means(frequency: Float32[np.ndarray, " number"], neighbors: Neighbors) -> Float64[np.ndarray, " number"]:
    """Return `fields.hyper.LocalFourier.means`."""
    window = [(0.0, 1.0)] if neighbors == 1 else [(-1.0, 0.25), (0.0, 0.5), (1.0, 0.25)]
    radius = neighbors**0.5 / 2
    parts = [share * np.sinc(radius * (frequency.astype(np.float64) + shift)) for shift, share in window]
    return 2 * radius * np.sum(parts, axis=0)


def interpolation(name: InterpolationName) -> Kernel:
    """Return the one function of `resize.interpolation_kernel`, at points."""
    match name:
        case "bilinear":
            return Kernel(1.0, lambda offset, cell: (1 - np.abs(offset)).clip(min=0)[..., None])
        case "bicubic":
            return Kernel(2.0, lambda offset, cell: _cubic(np.abs(offset))[..., None])
        case _:
            assert_never(name)


def _cubic(t: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
    """Keys' kernel with a = -0.5, see `resize`."""
    outer = ((-0.5 * t + 2.5) * t - 4) * t + 2
    return np.where(t < 1, (1.5 * t - 2.5) * t * t + 1, np.where(t < 2, outer, 0))


def render_rows(
    layers: Sequence[tuple[Kernel, Codes]], rows: Axis, columns: Axis, heights: list[int]
) -> Iterator[Float32[np.ndarray, "colour rows columns"]]:
    """Yield the sums of all layers' contributions, in strips of rows of the given heights; see `sampling`."""
    across = [Bands.of(kernel, columns) for kernel, _ in layers]
    first = 0
    for height in heights:
        axis = Axis(height, rows.cells, rows.start + first * rows.step, rows.step)
        parts = [
            _Layer(wide, Bands.of(kernel, axis), codes) for wide, (kernel, codes) in zip(across, layers, strict=True)
        ]
        yield _render_strip(parts, columns.count)[:, :height]
        first += height


@final
@dataclass(frozen=True)
class Bands:
    """A banded matrix from cells to output pixels, as blocks of neighbouring pixels.

    Args:
        matrix: The weights of the functions of the cells that a block reads.
        blocks: Which cells these are.
    """

    matrix: Float32[np.ndarray, "blocks pixels weights"]
    blocks: PixelBlocks

    @staticmethod
    def of(kernel: Kernel, axis: Axis) -> "Bands":
        """Return the matrix of a kernel for an axis."""
        blocks = pixel_blocks(axis, kernel.reach)
        values = kernel.functions(blocks.distinct, axis.step)
        matrix = values.reshape(*values.shape[:2], -1).astype(np.float32)
        return Bands(np.broadcast_to(matrix, (len(blocks.offset), *matrix.shape[1:])), blocks)


@final
@dataclass(frozen=True)
class _Layer:
    """What one kernel adds to a strip."""

    across: Bands
    down: Bands
    codes: Codes

    def stretched(self, count: int) -> Float32[np.ndarray, "colour lines columns"]:
        """Return a line for each function of each row of cells that the strip reads, stretched to so many columns."""
        index, first, functions = self.across.blocks.index, self.first, self.functions
        codes = self.codes.reshape(-1, functions, functions, *self.codes.shape[1:])
        # (colour, cells_y, y_function, block, cell, x_function)
        near = codes[:, :, :, first : self.down.blocks.index.max() + 1].transpose(0, 3, 1, 4, 2)[:, :, :, index]
        colours, height, _, blocks = near.shape[:4]
        gathered = near.transpose(3, 0, 1, 2, 4, 5).reshape(blocks, colours * height, functions, -1)
        # One product for each row of cells, and below for some columns: see `LARGEST_PRODUCT`.
        result = gathered @ self.across.matrix.transpose(0, 2, 1)[:, None]
        return result.transpose(1, 2, 0, 3).reshape(colours, height * functions, -1)[..., :count]

    def lines(self) -> Int64[np.ndarray, "blocks lines"]:
        """Return which of these lines each block of rows reads."""
        index = self.down.blocks.index
        return ((index - self.first)[..., None] * self.functions + np.arange(self.functions)).reshape(len(index), -1)

    @property
    def functions(self) -> int:
        return self.across.matrix.shape[-1] // self.across.blocks.index.shape[1]

    @property
    def first(self) -> int:
        return int(self.down.blocks.index.min())


def _render_strip(layers: Sequence[_Layer], count: int) -> Float32[np.ndarray, "colour rows columns"]:
    stretched = [layer.stretched(count) for layer in layers]
    above = np.cumsum([0, *(part.shape[1] for part in stretched[:-1])])
    lines = np.concatenate([layer.lines() + start for layer, start in zip(layers, above, strict=True)], axis=1)
    read = np.concatenate(stretched, axis=1)[:, lines]
    matrix = np.concatenate([layer.down.matrix for layer in layers], axis=2)
    blocks, pixels, weights = matrix.shape
    result = np.empty((len(read), blocks, pixels, count), np.float32)
    width = max(1, LARGEST_PRODUCT // (_ROWS * weights))
    for top in range(0, pixels, _ROWS):
        for left in range(0, count, width):
            part = slice(top, top + _ROWS), slice(left, left + width)
            np.matmul(matrix[:, part[0]], read[..., part[1]], out=result[:, :, part[0], part[1]])
    return result.reshape(len(result), -1, count)
