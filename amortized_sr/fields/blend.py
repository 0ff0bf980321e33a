"""Blending of neighbouring cells, for fields that are evaluated point by point."""

from typing import assert_never

from jaxtyping import Float
from torch import Tensor

from amortized_sr.axes import Axis
from amortized_sr.choices import Neighbors
from amortized_sr.compute import Bounds
from amortized_sr.fields.base import Field
from amortized_sr.sampling import render_points


def blend_radius(neighbors: Neighbors) -> float:
    """Return the distance, in cells, from which on a cell has no weight."""
    return neighbors**0.5 / 2


def blend_weight(offset: Float[Tensor, "*shape 2"], neighbors: Neighbors) -> Float[Tensor, "*shape 1"]:
    """Return the weight of a cell: a partition of unity over the cells around a point.

    One neighbour: the half-open cell itself. Four: the bilinear weights, LIIF's "local ensemble".

    References:
        Chen et al., "Learning Continuous Image Representation with Local Implicit Image Function", CVPR 2021,
        section 3. https://arxiv.org/abs/2012.09161
    """
    match neighbors:
        case 1:
            weight = ((offset >= -0.5) & (offset < 0.5)).to(offset.dtype)
        case 4:
            weight = (1 - offset.abs()).clamp(min=0)
        case _:
            assert_never(neighbors)
    return weight.prod(dim=-1, keepdim=True)


class PointwiseField(Field):
    """A field that renders a grid pixel by pixel.

    Args:
        neighbors: Cells that contribute to a point.
    """

    def __init__(self, neighbors: Neighbors) -> None:
        super().__init__()
        self.neighbors: Neighbors = neighbors

    def reach(self, cell: float) -> float:
        """Return the blend's radius: the footprint is an input, it does not widen the support."""
        return blend_radius(self.neighbors)

    def render_grid(
        self, codes: Float[Tensor, "batch channel cells_y cells_x"], rows: Axis, columns: Axis, bounds: Bounds
    ) -> Float[Tensor, "batch colour rows columns"]:
        """Return the sum of contributions for every pixel of a grid, point by point."""
        return render_points(self, codes, rows, columns, bounds)
