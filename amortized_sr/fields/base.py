"""What every field promises."""

import itertools
from abc import ABC, abstractmethod
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from amortized_sr.sampling import Axis


@dataclass(frozen=True)
class Turn:
    """One of the eight ways to lay a picture on a grid: transposed or not, then flipped along each axis or not."""

    transposed: bool
    vertical: bool
    horizontal: bool

    def apply(self, image: Float[Tensor, "*batch height width"]) -> Float[Tensor, "*batch rows columns"]:
        """Return the turned image."""
        turned = image.transpose(-2, -1) if self.transposed else image
        return turned.flip(self.axes)

    @property
    def axes(self) -> list[int]:
        """Axes that are flipped."""
        return [axis for axis, flipped in ((-2, self.vertical), (-1, self.horizontal)) if flipped]


TURNS = tuple(Turn(*choice) for choice in itertools.product((False, True), repeat=3))
"""All eight turns; the first one changes nothing."""


class Field(nn.Module, ABC):
    """A coordinate network that one latent cell's code turns into that cell's contribution to an image.

    The learned part of the picture at a pixel is the sum of the contributions of all cells that reach it. Blending
    weights are part of the contribution, because only then a footprint's mean can be exact.

    Attributes:
        code_channels: Number of channels of the latent that the field reads.
        symmetric: Whether pictures are linear in the latent and turn with it, so that latents of a turned image can be
            turned back and averaged.
    """

    code_channels: int
    symmetric = False

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
        """Return what one latent cell contributes to each query.

        Args:
            offset: `(y, x)` of the query relative to the latent cell's centre, in cells of the latent grid.
            cell: Extent `(y, x)` of the query's footprint, in cells of the latent grid; 0 asks for a point.
            code: The latent cell's code.
        """

    @abstractmethod
    def render_grid(
        self, latent: Float[Tensor, "batch channel height width"], rows: Axis, columns: Axis
    ) -> Float[Tensor, "batch colour rows columns"]:
        """Return the sum of contributions for every pixel of a grid; equal to querying each pixel."""

    def turned_back(
        self, latent: Float[Tensor, "batch channel rows columns"], turn: Turn
    ) -> Float[Tensor, "batch channel height width"]:
        """Return the latent whose picture, turned, is the picture of `latent`; only for `symmetric` fields."""
        raise NotImplementedError(f"{type(self).__name__} is not symmetric")
