"""An interpolated image as a function: what the learned part is added to."""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.axes import axes
from amortized_sr.compute import DEFAULT_BOUNDS, Bounds
from amortized_sr.continuous import ContinuousImage, broadcast_query, check_rendering, render_tiles
from amortized_sr.coords import WHOLE, Size, Window
from amortized_sr.resize import InterpolationKernel
from amortized_sr.sampling import Separable, query


@final
@dataclass(frozen=True)
class KernelImage(ContinuousImage):
    """Images between whose pixels a kernel interpolates; past their borders the edge pixels are repeated.

    Attributes:
        image: Any values.
        kernel: Weight of a pixel at a distance; its weights sum to one.
        bounds: How much is rendered at once.
    """

    image: Float[Tensor, "batch colour height width"]
    kernel: InterpolationKernel
    bounds: Bounds = DEFAULT_BOUNDS

    @property
    def size(self) -> Size:
        """`(height, width)` of the image in pixels."""
        return self.image.shape[-2], self.image.shape[-1]

    @property
    def channels(self) -> int:
        """Number of colour channels."""
        return self.image.shape[1]

    @property
    def device(self) -> torch.device:
        """Where the image is."""
        return self.image.device

    @property
    def dtype(self) -> torch.dtype:
        """Number format of the image."""
        return self.image.dtype

    def __call__(
        self,
        coord: Float[Tensor, "batch query 2"] | Float[Tensor, "query 2"],
        cell: Float[Tensor, "batch query 2"] | Float[Tensor, " 2"] | None = None,
    ) -> Float[Tensor, "batch query colour"]:
        """Return the colours at points or over footprints; see `ContinuousImage`."""
        return query(Separable(self.kernel), self.image, *broadcast_query(coord, cell, self.image))

    def render(self, size: Size, window: Window = WHOLE) -> Float[Tensor, "batch colour rows columns"]:
        """Return the image rendered with `size` pixels; see `ContinuousImage`."""
        check_rendering(size, window)
        return render_tiles(self._render, size, window, self.bounds)

    def _render(self, size: Size, window: Window) -> Tensor:
        return Separable(self.kernel).render_grid(self.image, *axes(size, self.size, window), bounds=self.bounds)
