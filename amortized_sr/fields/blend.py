"""How the cells that reach a point share it, for fields that are asked point by point."""

from typing import Literal, assert_never

from jaxtyping import Float
from torch import Tensor

from amortized_sr.fields.base import Field
from amortized_sr.sampling import Axis, render_points

Neighbors = Literal[1, 4]
"""How many latent cells answer for a point: the nearest, or the four around it."""


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
    """A field that has no faster way to draw a grid than to ask for every pixel.

    Args:
        neighbors: Cells that answer for a point.
    """

    def __init__(self, neighbors: Neighbors) -> None:
        super().__init__()
        self.neighbors: Neighbors = neighbors

    def reach(self, cell: float) -> float:
        """Return the blend's radius: the footprint is an input, it does not widen the support."""
        return blend_radius(self.neighbors)

    def render_grid(
        self, latent: Float[Tensor, "batch channel height width"], rows: Axis, columns: Axis
    ) -> Float[Tensor, "batch colour rows columns"]:
        """Return the sum of contributions for every pixel of a grid, point by point."""
        return render_points(self, latent, rows, columns, self.reach(max(rows.step, columns.step)))
