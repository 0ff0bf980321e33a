"""Coordinates as tensors: the grid of an image's pixels, and points in other coordinate systems."""

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.choices import Normalization
from amortized_sr.coords import WHOLE, Size, Window, coordinate_system, pixel_centers


def pixel_grid(
    size: Size, window: Window = WHOLE, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "height width 2"]:
    """Return the `(y, x)` centres of all pixels of an image of `size` that shows `window`.

    Example:
        >>> pixel_grid((1, 2))
        tensor([[[ 0.0000, -0.5000],
                 [ 0.0000,  0.5000]]])
    """
    y0, x0, y1, x1 = window
    rows, columns = pixel_centers(size[0], y0, y1), pixel_centers(size[1], x0, x1)
    grid = torch.meshgrid(torch.from_numpy(rows), torch.from_numpy(columns), indexing="ij")
    return torch.stack(grid, dim=-1).to(dtype)


def normalize(coord: Float[Tensor, "*shape 2"], kind: Normalization, size: Size) -> Float[Tensor, "*shape 2"]:
    """Express coordinates `(y, x)` in [-1, 1] in another system; see `coords.coordinate_system`."""
    system = coordinate_system(kind, size)
    return coord[..., list(system.order)] * coord.new_tensor(system.scale) + coord.new_tensor(system.shift)


def position_coord(position: Float[Tensor, "*shape 2"], size: Size) -> Float[Tensor, "*shape 2"]:
    """Return the coordinates of positions `(y, x)` in pixels of an image of `size`: pixel `n` has its centre at `n`.

    Example:
        >>> position_coord(torch.tensor([0.0, 1.5]), (1, 2))
        tensor([0., 1.])
    """
    return (2 * position + 1) / position.new_tensor(size) - 1
