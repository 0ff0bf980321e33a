"""Functions that are asked for points only, whatever the size of a pixel."""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.continuous import ContinuousImage, check_rendering
from amortized_sr.coords import WHOLE, Size, Window
from amortized_sr.grids import pixel_grid

# Points that are evaluated at once.
_POINTS = 1 << 14


@final
@dataclass(frozen=True)
class PointSampled(ContinuousImage):
    """The same images without footprints: a pixel is the colour at its centre, as in resizing without antialiasing."""

    function: ContinuousImage

    @property
    def size(self) -> Size:
        """`(height, width)` of the images, in pixels."""
        return self.function.size

    @property
    def channels(self) -> int:
        """Number of colour channels."""
        return self.function.channels

    @property
    def values(self) -> Tensor:
        """The function's values."""
        return self.function.values

    def __call__(
        self,
        coord: Float[Tensor, "batch query 2"] | Float[Tensor, "query 2"],
        cell: Float[Tensor, "batch query 2"] | Float[Tensor, " 2"] | None = None,
    ) -> Float[Tensor, "batch query colour"]:
        """Return the colours at points, without regard to `cell`."""
        return self.function(coord)

    def render(self, size: Size, window: Window = WHOLE) -> Float[Tensor, "batch colour rows columns"]:
        """Return the images rendered with `size` pixels, each the colour at its centre."""
        check_rendering(size, window)
        wide = torch.float32 if self.device.type == "mps" else torch.float64
        points = pixel_grid(size, window, wide).flatten(0, 1)
        parts = [self.function(part) for part in points.split(_POINTS)]
        return torch.cat(parts, dim=1).movedim(-1, 1).unflatten(-1, size)
