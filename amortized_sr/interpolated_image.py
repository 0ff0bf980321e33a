"""An interpolated image as a function: the base of learned parts, and Pillow's `resize` for comparison."""

from dataclasses import dataclass, field
from typing import final

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from amortized_sr.axes import Axis, axes
from amortized_sr.choices import Interpolation
from amortized_sr.compute import DEFAULT_BOUNDS, Bounds
from amortized_sr.continuous import ContinuousImage, broadcast_query, check_rendering, render_tiles
from amortized_sr.coords import WHOLE, Size, Window
from amortized_sr.resize import InterpolationKernel, pillow_kernel
from amortized_sr.sampling import Separable, query, sum_contributions


@final
@dataclass(frozen=True)
class InterpolatedImage(ContinuousImage):
    """Images between whose pixels a kernel interpolates.

    A kernel that sums to one repeats the edge pixels past the image's borders. A stretched kernel, as Pillow's, has its
    weights inside the image scaled to sum to one. `nearest`, exactly between two pixels, takes the one below or to the
    right, where Pillow's rounded positions may take the other.

    Attributes:
        image: Any values.
        kernel: Weight of a pixel at a distance.
        bounds: How much is rendered at once.

    Example:
        >>> import torch
        >>> edge = InterpolatedImage.like_pillow(torch.tensor([[[[0.0, 1.0]]]]), "bilinear")
        >>> edge.render((1, 4))
        tensor([[[[0.0000, 0.2500, 0.7500, 1.0000]]]])
        >>> edge(torch.tensor([[0.0, 0.25]]))  # one point (y, x)
        tensor([[[0.7500]]])
    """

    image: Float[Tensor, "batch colour height width"] = field(repr=False)
    kernel: InterpolationKernel
    bounds: Bounds = DEFAULT_BOUNDS

    @staticmethod
    def like_pillow(
        image: Float[Tensor, "batch colour height width"], name: Interpolation, bounds: Bounds = DEFAULT_BOUNDS
    ) -> "InterpolatedImage":
        """Return images interpolated as Pillow's `resize` does with the filter of that name."""
        return InterpolatedImage(image, pillow_kernel(name), bounds)

    @property
    def values(self) -> Tensor:
        """The image."""
        return self.image

    @property
    def size(self) -> Size:
        """`(height, width)` of the image in pixels."""
        return self.image.shape[-2], self.image.shape[-1]

    @property
    def channels(self) -> int:
        """Number of colour channels."""
        return self.image.shape[1]

    def __call__(
        self,
        coord: Float[Tensor, "batch query 2"] | Float[Tensor, "query 2"],
        cell: Float[Tensor, "batch query 2"] | Float[Tensor, " 2"] | None = None,
    ) -> Float[Tensor, "batch query colour"]:
        """Return the colours at points or over footprints; see `ContinuousImage`."""
        coord, cell = broadcast_query(coord, cell, self.image)
        if self.kernel.footprint != "stretched":
            return query(Separable(self.kernel), self.image, coord, cell)
        size = coord.new_tensor(self.size)
        reach = self.kernel.reach(float((cell * size / 2).max()) if cell.numel() else 0.0)
        padded, margin = self._padded(reach)
        # The padded image is larger, so the same place and the same extent have smaller coordinates.
        shrunk = size / (size + 2 * margin)
        sums = sum_contributions(Separable(self.kernel), padded, coord * shrunk, cell * shrunk, reach)
        return sums[..., :-1] / sums[..., -1:]

    def render(self, size: Size, window: Window = WHOLE) -> Float[Tensor, "batch colour rows columns"]:
        """Return the image rendered with `size` pixels; see `ContinuousImage`."""
        check_rendering(size, window)
        return render_tiles(self._render, size, window, self.bounds)

    def _render(self, size: Size, window: Window) -> Tensor:
        rows, columns = axes(size, self.size, window)
        if self.kernel.footprint != "stretched":
            return Separable(self.kernel).render_grid(self.image, rows, columns, self.bounds)
        padded, margin = self._padded(self.kernel.reach(max(rows.step, columns.step)))
        rows, columns = (
            Axis(axis.count, axis.cells + 2 * margin, axis.start + margin, axis.step) for axis in (rows, columns)
        )
        sums = Separable(self.kernel).render_grid(padded, rows, columns, self.bounds)
        return sums[:, :-1] / sums[:, -1:]

    def _padded(self, reach: float) -> tuple[Tensor, int]:
        """Return image and mask in a margin of zeros as wide as the kernel: the mask's sums are the weights inside."""
        margin = int(reach) + 1
        masked = functional.pad(self.image, (0, 0, 0, 0, 0, 1), value=1.0)
        return functional.pad(masked, (margin,) * 4), margin
