"""Where output pixels land on the latent grid: axes, neighbours, offsets, and the sums over neighbours.

Everything here is measured in cells of the latent grid: cell `n` has its centre at position `n`. The grid is
continued past its edges by repeating the edge cells, each at its own place.

A *contribution* is what one latent cell adds to an output pixel, blending weight included, and is zero out of the
cell's reach; the colour of a pixel is the sum of all contributions. `sum_contributions` does that at arbitrary
points, `render_points` on a grid without using its structure, and `render_separable` with its structure, for
contributions that are a product of a function of y and a function of x.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from amortized_sr.coords import Size, Window

Contribution = Callable[[Tensor, Tensor, Tensor], Tensor]
"""`(offset (..., 2), cell (..., 2), code (..., D)) -> colour (..., C)`, as `Field.forward`."""

# Offsets on a grid are multiples of this, so that `t` and `t - 1` are both exact in float32 and half-open cells
# neither overlap nor leave a gap.
_OFFSET_STEP = 2.0**-22

# How many latent cells one block of output pixels spans in `render_separable`. Wider blocks multiply more zeros,
# narrower ones make smaller matrix products and copy more cells twice; 8 is faster than 4 at x4 and no slower at x32.
_BLOCK_CELLS = 8

# How many numbers `render_separable` may hold between its two passes: 8 MiB, which stay in a cache. 64 MiB took
# twice the time at 256 -> 1024, 1 MiB a third more.
_BAND_NUMBERS = 1 << 21

# How many neighbour codes `render_points` may gather at once: bounds memory, not speed.
_GATHER_NUMBERS = 1 << 25


@runtime_checkable
class Kernel(Protocol):
    """K functions of one axis, for which a point and a footprint are the same question."""

    def reach(self, cell: float) -> float:
        """Return the distance, in cells, from which on all functions are zero for a footprint of `cell`."""
        ...

    def __call__(self, offset: Tensor, cell: Tensor) -> Tensor:
        """Return the functions' values, `(*shape, K)`, for offsets `(*shape)` and footprints that broadcast."""
        ...


@dataclass(frozen=True)
class Axis:
    """Evenly spaced output pixels along one axis of a latent grid.

    Args:
        count: Number of output pixels.
        cells: Number of latent cells.
        start: Position of the first output pixel's centre, in cells.
        step: Distance between output pixels, which is also their extent, in cells.
    """

    count: int
    cells: int
    start: float
    step: float

    def part(self, begin: int, end: int) -> "Axis":
        """Return the axis of the output pixels `begin` to `end - 1`."""
        return Axis(end - begin, self.cells, self.start + begin * self.step, self.step)

    def positions(self) -> Float[Tensor, " count"]:
        """Return the pixels' centres in cells, float64 on the CPU, as multiples of `_OFFSET_STEP`."""
        exact = self.start + self.step * torch.arange(self.count, dtype=torch.float64)
        return (exact / _OFFSET_STEP).round() * _OFFSET_STEP


def axes(size: Size, latent_size: Size, window: Window) -> tuple[Axis, Axis]:
    """Return the rows' and the columns' axis of an output of `size` that shows `window`."""

    def axis(count: int, cells: int, low: float, high: float) -> Axis:
        step = (high - low) / 2 * cells / count
        return Axis(count, cells, (low + 1) / 2 * cells - 0.5 + step / 2, step)

    y0, x0, y1, x1 = window
    return axis(size[0], latent_size[0], y0, y1), axis(size[1], latent_size[1], x0, x1)


def sum_contributions(
    contribution: Contribution,
    latent: Float[Tensor, "batch channel height width"],
    coord: Float[Tensor, "batch query 2"],
    cell: Float[Tensor, "batch query 2"],
    reach: float,
) -> Float[Tensor, "batch query colour"]:
    """Return the sum of the contributions of all latent cells within `reach` of each query.

    Args:
        contribution: What one latent cell adds.
        latent: Latent grid.
        coord: Query points, `(y, x)` in [-1, 1].
        cell: Extent of each query's footprint in coordinates; 0 asks for a point.
        reach: Distance in latent cells from which on a contribution is zero.
    """
    batch, channels, height, width = latent.shape
    cells = coord.new_tensor((height, width))
    position = (coord + 1) / 2 * cells - 0.5
    first = (position - reach).floor() + 1
    neighbours = torch.arange(_num_neighbours(reach), device=coord.device, dtype=coord.dtype)
    steps = torch.stack(torch.meshgrid(neighbours, neighbours, indexing="ij"), dim=-1).reshape(-1, 2)
    place = first[:, :, None] + steps
    offset = (position[:, :, None] - place).to(latent.dtype)
    inside = torch.minimum(place.clamp(min=0), cells - 1).long()
    index = (inside[..., 0] * width + inside[..., 1]).reshape(batch, 1, -1)
    codes = latent.flatten(2).gather(2, index.expand(-1, channels, -1))
    code = codes.transpose(1, 2).reshape(*offset.shape[:3], channels)
    extent = (cell * cells / 2).to(latent.dtype)[:, :, None].expand_as(offset)
    return contribution(offset, extent, code).sum(dim=2)


def render_points(
    contribution: Contribution,
    latent: Float[Tensor, "batch channel height width"],
    rows: Axis,
    columns: Axis,
    reach: float,
) -> Float[Tensor, "batch colour rows columns"]:
    """Return the sums of contributions on a grid, evaluated point by point in bounded memory."""
    y, x = (((axis.positions() + 0.5) / axis.cells * 2 - 1).to(latent.device, latent.dtype) for axis in (rows, columns))
    extent = latent.new_tensor((2 * rows.step / rows.cells, 2 * columns.step / columns.cells))
    gathered = columns.count * latent.shape[0] * latent.shape[1] * _num_neighbours(reach) ** 2
    band = max(1, _GATHER_NUMBERS // gathered)
    bands = []
    for some in y.split(band):
        coord = torch.stack(torch.meshgrid(some, x, indexing="ij"), dim=-1).reshape(1, -1, 2)
        coord = coord.expand(latent.shape[0], -1, -1)
        colour = sum_contributions(contribution, latent, coord, extent.expand_as(coord), reach)
        bands.append(colour.unflatten(1, (len(some), columns.count)))
    return torch.cat(bands, dim=1).movedim(-1, 1).contiguous()


def separable_contribution(kernel: Kernel) -> Contribution:
    """Return the contribution `sum_jk code[c, j, k] kernel_j(y) kernel_k(x)` of a kernel of K functions.

    A code has `C K K` channels, ordered colour, y-function, x-function.
    """

    def contribution(offset: Tensor, cell: Tensor, code: Tensor) -> Tensor:
        # As in `render_separable`: a training loop's half precision would show as bands.
        with torch.autocast(code.device.type, enabled=False):
            values = kernel(offset, cell)
            functions = values.shape[-1]
            weights = code.unflatten(-1, (-1, functions, functions))
            return torch.einsum("...cjk,...j,...k->...c", weights, values[..., 0, :], values[..., 1, :])

    return contribution


def render_separable(
    kernel: Kernel,
    latent: Float[Tensor, "batch channel height width"],
    rows: Axis,
    columns: Axis,
) -> Float[Tensor, "batch colour rows columns"]:
    """Return the sums of a kernel's separable contributions on a grid.

    The kernel is evaluated once per row and once per column, whatever the scales are; the rest is two banded
    matrix products, first along x, then along y.
    """
    # Colours are sums of many products: a training loop's half precision would show as bands.
    with torch.autocast(latent.device.type, enabled=False):
        return _render_separable(kernel, latent, rows, columns)


def _render_separable(kernel: Kernel, latent: Tensor, rows: Axis, columns: Axis) -> Tensor:
    across, down = _band_matrix(kernel, columns, latent), _band_matrix(kernel, rows, latent)
    functions = across.matrix.shape[-1] // across.index.shape[-1]
    batch, channels = latent.shape[:2]
    colours = channels // functions**2
    # (batch colour y-function x-function height width) -> (batch colour height y-function | width x-function)
    codes = latent.unflatten(1, (colours, functions, functions)).permute(0, 1, 4, 2, 5, 3)
    numbers_per_block = batch * colours * functions * columns.count * down.index.shape[1]
    bands = [
        _render_band(across, part, codes, columns.count)
        for part in down.split(max(1, _BAND_NUMBERS // numbers_per_block))
    ]
    result = bands[0] if len(bands) == 1 else torch.cat(bands, dim=1)
    return result[:, : rows.count].unflatten(0, (batch, colours))


def _render_band(across: "_BandMatrix", down: "_BandMatrix", codes: Tensor, count: int) -> Tensor:
    """Return `(batch * colour, pixels of the blocks of down, count)`, reading only the cells that the band needs."""
    first, last = int(down.index.min()), int(down.index.max())
    stretched = _stretch_columns(across, codes[:, :, first : last + 1], count)
    blocks = stretched.index_select(2, (down.index.flatten() - first).to(codes.device))
    blocks = blocks.view(-1, *down.matrix.shape[::2], count)
    return torch.matmul(down.matrix, blocks).flatten(1, 2)


@dataclass(frozen=True)
class _BandMatrix:
    """A banded matrix from latent cells to output pixels, as blocks of neighbouring pixels.

    Args:
        matrix: `(blocks, pixels per block, cells per block * K)`.
        index: `(blocks, cells per block)`, the latent cells that a block reads; on the CPU, because asking a GPU for
            the first and the last of them would wait for it.
    """

    matrix: Tensor
    index: Int[Tensor, "blocks cells"]

    def split(self, size: int) -> list["_BandMatrix"]:
        """Return parts of at most `size` blocks."""
        parts = zip(self.matrix.split(size), self.index.split(size), strict=True)
        return [_BandMatrix(matrix, index) for matrix, index in parts]


def _band_matrix(kernel: Kernel, axis: Axis, like: Tensor) -> _BandMatrix:
    reach = kernel.reach(axis.step)
    num_blocks = math.ceil(axis.count * axis.step / _BLOCK_CELLS)
    num_blocks = min(max(num_blocks, 1), axis.count)
    num_pixels = math.ceil(axis.count / num_blocks)
    padded = Axis(num_blocks * num_pixels, axis.cells, axis.start, axis.step)
    position = padded.positions().view(num_blocks, num_pixels, 1)
    first = (position[:, :1] - reach).floor() + 1
    num_cells = _num_neighbours(reach + (num_pixels - 1) * axis.step / 2) + 1
    place = first + torch.arange(num_cells, dtype=torch.float64)
    values = kernel(position - place, torch.tensor(axis.step, dtype=torch.float64))
    index = place[:, 0].clamp(0, axis.cells - 1).long()
    return _BandMatrix(values.flatten(2).to(like), index)


def _stretch_columns(across: _BandMatrix, codes: Tensor, count: int) -> Tensor:
    """Map `(batch colour height K width K)` codes to `(batch colour height K count)`."""
    outer = codes.shape[:4]
    blocks = codes.flatten(0, 3).index_select(1, across.index.flatten().to(codes.device))
    blocks = blocks.view(len(blocks), *across.matrix.shape[::2]).transpose(0, 1)
    result = torch.bmm(blocks, across.matrix.transpose(1, 2))
    return result.transpose(0, 1).reshape(*outer, -1)[..., :count]


def _num_neighbours(reach: float) -> int:
    """Return the number of integers in a half-open interval of length `2 reach`, at most."""
    return max(1, math.ceil(2 * reach - 1e-9))
