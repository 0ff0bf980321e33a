"""Sums of the contributions of cells, at points and on grids of output pixels.

Everything here is measured in cells of the grid: cell `n` has its centre at position `n`. The grid is continued past
its edges by repeating the edge cells, each at its own place.

A *contribution* is what one cell adds to an output pixel, blending weight included, and is zero out of the cell's
reach; the colour of a pixel is the sum of all contributions. `sum_contributions` computes it at arbitrary points,
`render_points` on a grid without using its structure, and `render_separable` with its structure, for contributions
that are a product of a function of y and a function of x.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, final, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from amortized_sr.axes import Axis, num_neighbours, pixel_blocks
from amortized_sr.compute import Bounds

# Largest side in cells of grids that are drawn, for a gradient, by matrices without gaps.
_WHOLE_CELLS = 64


@runtime_checkable
class Contributor(Protocol):
    """The interface that turns codes into contributions."""

    def reach(self, cell: float) -> float:
        """Return the distance, in cells, from which on a contribution to a footprint of `cell` is zero."""
        ...

    def __call__(self, offset: Tensor, cell: Tensor, code: Tensor) -> Tensor:
        """Return contributions `(..., colour)` for `offset (..., 2)`, `cell (..., 2)` and `code (..., channel)`."""
        ...

    def render_grid(self, codes: Tensor, rows: Axis, columns: Axis, bounds: Bounds) -> Tensor:
        """Return the sum of contributions for every pixel of a grid; equal to querying each pixel."""
        ...


@runtime_checkable
class Kernel(Protocol):
    """K functions of one axis, for points and for footprints alike."""

    def reach(self, cell: float) -> float:
        """Return the distance, in cells, from which on all functions are zero for a footprint of `cell`."""
        ...

    def __call__(self, offset: Tensor, cell: Tensor) -> Tensor:
        """Return the functions' values, `(*shape, K)`, for offsets `(*shape)` and footprints that broadcast."""
        ...


@final
@dataclass(frozen=True)
class Separable:
    """The contribution `sum_jk code[c, j, k] kernel_j(y) kernel_k(x)` of a kernel of K functions.

    A code has `C K K` channels, ordered colour, y-function, x-function.
    """

    kernel: Kernel

    def reach(self, cell: float) -> float:
        """Return the kernel's reach."""
        return self.kernel.reach(cell)

    def __call__(
        self,
        offset: Float[Tensor, "*shape 2"],
        cell: Float[Tensor, "*shape 2"],
        code: Float[Tensor, "*shape channel"],
    ) -> Float[Tensor, "*shape colour"]:
        """Return the contribution of one cell to each query."""
        # As in `render_separable`: the half precision of a training loop would show as bands.
        with torch.autocast(code.device.type, enabled=False):
            values = self.kernel(offset, cell)
            functions = values.shape[-1]
            weights = code.unflatten(-1, (-1, functions, functions))
            return torch.einsum("...cjk,...j,...k->...c", weights, values[..., 0, :], values[..., 1, :])

    def render_grid(
        self, codes: Float[Tensor, "batch channel cells_y cells_x"], rows: Axis, columns: Axis, bounds: Bounds
    ) -> Float[Tensor, "batch colour rows columns"]:
        """Return the sum of contributions for every pixel of a grid, by two banded matrix products."""
        return render_separable([(self.kernel, codes)], rows, columns, bounds)


def query(
    contributor: Contributor,
    codes: Float[Tensor, "batch channel cells_y cells_x"],
    coord: Float[Tensor, "batch query 2"],
    cell: Float[Tensor, "batch query 2"],
) -> Float[Tensor, "batch query colour"]:
    """Return the sum of contributions at points; the largest footprint decides how many cells are summed."""
    grid = cell.new_tensor(codes.shape[-2:])
    largest = float((cell * grid / 2).max()) if cell.numel() else 0.0
    return sum_contributions(contributor, codes, coord, cell, contributor.reach(largest))


def sum_contributions(
    contributor: Contributor,
    codes: Float[Tensor, "batch channel cells_y cells_x"],
    coord: Float[Tensor, "batch query 2"],
    cell: Float[Tensor, "batch query 2"],
    reach: float,
) -> Float[Tensor, "batch query colour"]:
    """Return the sum of the contributions of all cells within `reach` of each query.

    Args:
        contributor: Computes the contribution of a cell.
        codes: Grid of codes.
        coord: Query points, `(y, x)` in [-1, 1].
        cell: Extent of each query's footprint in coordinates; 0 asks for a point.
        reach: Distance in cells from which on a contribution is zero.
    """
    batch, channels, height, width = codes.shape
    cells = coord.new_tensor((height, width))
    position = (coord + 1) / 2 * cells - 0.5
    first = (position - reach).floor() + 1
    neighbours = torch.arange(num_neighbours(reach), device=coord.device, dtype=coord.dtype)
    steps = torch.stack(torch.meshgrid(neighbours, neighbours, indexing="ij"), dim=-1).reshape(-1, 2)
    centre = first[:, :, None] + steps
    offset = (position[:, :, None] - centre).to(codes.dtype)
    inside = torch.minimum(centre.clamp(min=0), cells - 1).long()
    index = (inside[..., 0] * width + inside[..., 1]).reshape(batch, 1, -1)
    gathered = codes.flatten(2).gather(2, index.expand(-1, channels, -1))
    code = gathered.transpose(1, 2).reshape(*offset.shape[:3], channels)
    extent = (cell * cells / 2).to(codes.dtype)[:, :, None].expand_as(offset)
    return contributor(offset, extent, code).sum(dim=2)


def render_points(
    contributor: Contributor,
    codes: Float[Tensor, "batch channel cells_y cells_x"],
    rows: Axis,
    columns: Axis,
    bounds: Bounds,
) -> Float[Tensor, "batch colour rows columns"]:
    """Return the sums of contributions on a grid, evaluated point by point in bounded memory."""
    y, x = ((_positions(axis) + 0.5) / axis.cells * 2 - 1 for axis in (rows, columns))
    y, x = y.to(codes.device, codes.dtype), x.to(codes.device, codes.dtype)
    extent = codes.new_tensor((2 * rows.step / rows.cells, 2 * columns.step / columns.cells))
    reach = contributor.reach(max(rows.step, columns.step))
    gathered = columns.count * codes.shape[0] * codes.shape[1] * num_neighbours(reach) ** 2
    bands = []
    for band in y.split(max(1, bounds.gathered_numbers // gathered)):
        coord = torch.stack(torch.meshgrid(band, x, indexing="ij"), dim=-1).reshape(1, -1, 2)
        coord = coord.expand(codes.shape[0], -1, -1)
        colour = sum_contributions(contributor, codes, coord, extent.expand_as(coord), reach)
        bands.append(colour.unflatten(1, (len(band), columns.count)))
    return torch.cat(bands, dim=1).movedim(-1, 1).contiguous()


def render_separable(
    layers: Sequence[tuple[Kernel, Float[Tensor, "batch _ cells_y cells_x"]]],
    rows: Axis,
    columns: Axis,
    bounds: Bounds,
) -> Float[Tensor, "batch colour rows columns"]:
    """Return the sums of separable contributions on a grid.

    A kernel is evaluated once per row and once per column, whatever the scales are; the rest is two banded matrix
    products, first along x, then along y. The second sums all layers at once, so that each pixel is written once.

    Args:
        layers: Kernels with their codes, for the same images on the same cells.
        rows: The rows of the grid.
        columns: Its columns.
        bounds: How much is rendered at once.
    """
    # Colours are sums of many products: the half precision of a training loop would show as bands.
    with torch.autocast(layers[0][1].device.type, enabled=False):
        if max(rows.cells, columns.cells) <= _WHOLE_CELLS and any(codes.requires_grad for _, codes in layers):
            return _render_whole(layers, rows, columns)
        parts = [_Layer.of(kernel, codes, rows, columns) for kernel, codes in layers]
        batch, colours = parts[0].codes.shape[:2]
        numbers_per_block = batch * colours * columns.count * sum(part.down.matrix.shape[2] for part in parts)
        size = max(1, bounds.band_numbers // numbers_per_block)
        bands = [_render_band(band, columns.count) for band in zip(*(part.split(size) for part in parts), strict=True)]
        result = bands[0] if len(bands) == 1 else torch.cat(bands, dim=1)
        return result[:, : rows.count].unflatten(0, (batch, colours))


def _render_whole(layers: Sequence[tuple[Kernel, Tensor]], rows: Axis, columns: Axis) -> Tensor:
    """Return the picture by two matrices that read all cells.

    Most of their numbers are zero, but nothing is gathered: a training step's drawing and its gradient take half of the
    time.
    """
    matrices, stretched = [], []
    for kernel, codes in layers:
        across, down = (_BandMatrix.of(kernel, axis, codes).whole(axis) for axis in (columns, rows))
        functions = across.shape[2]
        ordered = codes.unflatten(1, (-1, functions, functions)).permute(0, 1, 4, 2, 5, 3)
        stretched.append((ordered.flatten(4) @ across.flatten(1).T).flatten(0, 1).flatten(1, 2))
        matrices.append(down.flatten(1))
    source, matrix = torch.cat(stretched, dim=1), torch.cat(matrices, dim=1)
    return torch.bmm(matrix.expand(len(source), -1, -1), source).unflatten(0, (len(layers[0][1]), -1))


def _render_band(layers: Sequence["_Layer"], count: int) -> Tensor:
    """Return `(batch * colour, pixels of the blocks of down, count)`, reading only the cells that the band needs."""
    lines, stretched, above = [], [], 0
    for layer in layers:
        first, last = int(layer.down.index.min()), int(layer.down.index.max())
        cells, functions = layer.down.index - first, layer.codes.shape[3]
        lines.append((cells[:, :, None] * functions + torch.arange(functions)).flatten(1) + above)
        stretched.append(_stretch_columns(layer.across, layer.codes[:, :, first : last + 1]))
        above += stretched[-1].shape[1]
    index = torch.cat(lines, dim=1)
    source = torch.cat(stretched, dim=1).flatten(2)[:, :, :count]
    blocks = source.index_select(1, index.flatten().to(source.device)).unflatten(1, index.shape)
    return torch.matmul(torch.cat([layer.down.matrix for layer in layers], dim=2), blocks).flatten(1, 2)


@final
@dataclass(frozen=True)
class _BandMatrix:
    """A banded matrix from cells to output pixels, as blocks of neighbouring pixels.

    Args:
        matrix: `(blocks, pixels per block, cells per block * K)`.
        index: `(blocks, cells per block)`, the cells that a block reads; on the CPU, because reading the
            first and the last of them from a GPU would wait for it.
    """

    matrix: Tensor
    index: Int[Tensor, "blocks cells"]

    @staticmethod
    def of(kernel: Kernel, axis: Axis, like: Tensor) -> "_BandMatrix":
        """Return the matrix of an axis, in the type and on the device of a tensor."""
        parts = pixel_blocks(axis, kernel.reach(axis.step))
        values = kernel(torch.from_numpy(parts.distinct), torch.tensor(axis.step, dtype=torch.float64))
        matrix = values.flatten(2).to(like).expand(len(parts.offset), -1, -1)
        return _BandMatrix(matrix, torch.from_numpy(parts.index))

    def whole(self, axis: Axis) -> Float[Tensor, "pixels cells functions"]:
        """Return the matrix with a column for every cell of the axis."""
        values = self.matrix.unflatten(2, (self.index.shape[1], -1)).flatten(0, 1)[: axis.count]
        cells = self.index.repeat_interleave(self.matrix.shape[1], dim=0)[: axis.count].to(values.device)
        pixels = torch.arange(axis.count, device=values.device)[:, None].expand_as(cells)
        # Edge cells come more than once.
        empty = values.new_zeros(axis.count, axis.cells, values.shape[2])
        return empty.index_put((pixels, cells), values, accumulate=True)

    def split(self, size: int) -> list["_BandMatrix"]:
        """Return parts of at most `size` blocks."""
        parts = zip(self.matrix.split(size), self.index.split(size), strict=True)
        return [_BandMatrix(matrix, index) for matrix, index in parts]


@final
@dataclass(frozen=True)
class _Layer:
    """One kernel's matrices, and its codes in the order in which both products read them."""

    across: _BandMatrix
    down: _BandMatrix
    codes: Float[Tensor, "batch colour height y_function width x_function"]

    @staticmethod
    def of(kernel: Kernel, codes: Tensor, rows: Axis, columns: Axis) -> "_Layer":
        """Return the layer of codes whose channels are colours, functions of y, functions of x."""
        across, down = _BandMatrix.of(kernel, columns, codes), _BandMatrix.of(kernel, rows, codes)
        functions = across.matrix.shape[-1] // across.index.shape[-1]
        ordered = codes.unflatten(1, (-1, functions, functions)).permute(0, 1, 4, 2, 5, 3)
        return _Layer(across, down, ordered)

    def split(self, size: int) -> list["_Layer"]:
        """Return the layers of at most `size` blocks of rows each."""
        return [_Layer(self.across, down, self.codes) for down in self.down.split(size)]


def _stretch_columns(across: _BandMatrix, codes: Tensor) -> Tensor:
    """Map `(batch colour height K width K)` codes to `(batch * colour, height * K, blocks, pixels per block)`."""
    blocks = codes.flatten(0, 3).index_select(1, across.index.flatten().to(codes.device))
    blocks = blocks.view(len(blocks), *across.matrix.shape[::2]).transpose(0, 1)
    result = torch.bmm(blocks, across.matrix.transpose(1, 2)).transpose(0, 1)
    return result.unflatten(0, (codes.shape[0] * codes.shape[1], -1))


def _positions(axis: Axis) -> Float[Tensor, " count"]:
    return torch.from_numpy(axis.positions())
