"""The eight symmetries of a square grid: flips and transpositions of images."""

import itertools
from dataclasses import dataclass
from typing import final

from jaxtyping import Float
from torch import Tensor


@final
@dataclass(frozen=True)
class Turn:
    """One of the eight ways to lay an image on a grid: transposed or not, then flipped along each axis or not."""

    transposed: bool
    vertical: bool
    horizontal: bool

    def apply(self, image: Float[Tensor, "*batch height width"]) -> Float[Tensor, "*batch rows columns"]:
        """Return the turned image."""
        turned = image.transpose(-2, -1) if self.transposed else image
        return turned.flip(self.axes)

    def undo(self, turned: Float[Tensor, "*batch rows columns"]) -> Float[Tensor, "*batch height width"]:
        """Return the image that `apply` turned."""
        image = turned.flip(self.axes)
        return image.transpose(-2, -1) if self.transposed else image

    @property
    def axes(self) -> list[int]:
        """Axes that are flipped."""
        return [axis for axis, flipped in ((-2, self.vertical), (-1, self.horizontal)) if flipped]


TURNS = tuple(Turn(*choice) for choice in itertools.product((False, True), repeat=3))
"""All eight turns; the first one changes nothing."""
