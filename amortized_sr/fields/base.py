"""The interface of fields."""

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn

from amortized_sr.axes import Axis
from amortized_sr.compute import Bounds
from amortized_sr.symmetry import Turn


class Field(nn.Module, ABC):
    """A coordinate network that one latent cell's code turns into that cell's contribution to an image.

    The learned part of the picture at a pixel is the sum of the contributions of all cells that reach it. Blending
    weights are part of the contribution, because only then a footprint's mean can be exact.

    Attributes:
        code_channels: Number of channels of the latent that the field reads.
    """

    code_channels: int

    @abstractmethod
    def reach(self, cell: float) -> float:
        """Return the distance, in latent cells, from which on a contribution to a footprint of `cell` is zero."""

    @abstractmethod
    def forward(
        self,
        offset: Float[Tensor, "*shape 2"],
        cell: Float[Tensor, "*shape 2"],
        code: Float[Tensor, "*shape channel"],
    ) -> Float[Tensor, "*shape colour"]:
        """Return the contribution of one latent cell to each query.

        Args:
            offset: `(y, x)` of the query relative to the latent cell's centre, in cells of the latent grid.
            cell: Extent `(y, x)` of the query's footprint, in cells of the latent grid; 0 asks for a point.
            code: The latent cell's code.
        """

    @abstractmethod
    def render_grid(
        self, codes: Float[Tensor, "batch channel cells_y cells_x"], rows: Axis, columns: Axis, bounds: Bounds
    ) -> Float[Tensor, "batch colour rows columns"]:
        """Return the sum of contributions for every pixel of a grid; equal to querying each pixel."""


class SymmetricField(Field):
    """A field whose pictures are linear in the latent and turn with it.

    Latents of the eight turned images can then be turned back and averaged: EDSR's self-ensemble. It averages pictures;
    for a linear field averaging latents gives the same.
    """

    @abstractmethod
    def turned_back(
        self, codes: Float[Tensor, "batch channel rows columns"], turn: Turn
    ) -> Float[Tensor, "batch channel cells_y cells_x"]:
        """Return the codes whose picture, turned, is the picture of `codes`."""
