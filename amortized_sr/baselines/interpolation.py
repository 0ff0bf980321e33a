"""Interpolation as a function of the coordinate: equals Pillow's `resize`, at any coordinate and in any window."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, assert_never, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from amortized_sr.continuous import ContinuousImage, broadcast_query, tiles
from amortized_sr.coords import WHOLE, Size, Window, check_window
from amortized_sr.resize import cubic, tent
from amortized_sr.sampling import Axis, axes, render_separable, separable_contribution, sum_contributions

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
"""Pillow's filters of these names: bicubic has a = -0.5, lanczos three lobes."""


@final
class InterpolatedImage(ContinuousImage):
    """Images between whose pixels a kernel interpolates.

    At the edges the kernel's weights inside the image are scaled to sum to one, as Pillow does. A footprint larger
    than a pixel stretches the kernel, as Pillow does when it shrinks; `nearest` stays one pixel, and exactly between
    two pixels takes the one below or to the right, where Pillow's rounded positions may take the other.

    Args:
        image: Any values.
        interpolation: The kernel.
    """

    def __init__(self, image: Float[Tensor, "batch colour height width"], interpolation: Interpolation) -> None:
        self.image = image
        self.kernel = _kernel(interpolation)

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
        """Device of the image, and of all renderings."""
        return self.image.device

    @property
    def dtype(self) -> torch.dtype:
        """Type of the image's values, and of all renderings."""
        return self.image.dtype

    def __call__(
        self,
        coord: Float[Tensor, "batch query 2"] | Float[Tensor, "query 2"],
        cell: Float[Tensor, "batch query 2"] | Float[Tensor, " 2"] | None = None,
    ) -> Float[Tensor, "batch query colour"]:
        """Return the colours at points or over footprints; see `ContinuousImage`."""
        coord, cell = broadcast_query(coord, cell, self.image)
        image_size = coord.new_tensor(self.size)
        reach = self.kernel.reach(float((cell * image_size / 2).max()) if cell.numel() else 0.0)
        padded, margin = self._padded(reach)
        # The padded image is larger, so the same point and the same extent have smaller coordinates.
        shrunk = image_size / (image_size + 2 * margin)
        sums = sum_contributions(separable_contribution(self.kernel), padded, coord * shrunk, cell * shrunk, reach)
        return sums[..., :-1] / sums[..., -1:]

    def render(
        self, size: Size, window: Window = WHOLE, tile: int | None = None
    ) -> Float[Tensor, "batch colour rows columns"]:
        """Return the image rendered with `size` pixels; see `ContinuousImage`."""
        rows, columns = axes(size, self.size, check_window(window))
        padded, margin = self._padded(self.kernel.reach(max(rows.step, columns.step)))
        rows, columns = (
            Axis(axis.count, axis.cells + 2 * margin, axis.start + margin, axis.step) for axis in (rows, columns)
        )
        result = self.image.new_empty((len(self.image), self.channels, *size))
        for y, x in tiles(size, tile):
            part = rows.part(y.start, y.stop), columns.part(x.start, x.stop)
            sums = render_separable(self.kernel, padded, *part)
            result[:, :, y, x] = sums[:, :-1] / sums[:, -1:]
        return result

    def _padded(self, reach: float) -> tuple[Tensor, int]:
        """Return image and mask in a margin of zeros as wide as the kernel: the mask's sums are the weights inside."""
        margin = int(reach) + 1
        masked = torch.cat((self.image, torch.ones_like(self.image[:, :1])), dim=1)
        return functional.pad(masked, (margin,) * 4), margin


@final
@dataclass(frozen=True)
class _StretchedKernel:
    """A kernel that is as wide as the footprint, if that is wider than a pixel.

    Args:
        radius: The kernel is zero from this distance on, in pixels.
        value: Kernel at a distance.
        stretched: Whether it follows the footprint.
    """

    radius: float
    value: Callable[[Tensor], Tensor]
    stretched: bool = True

    def reach(self, cell: float) -> float:
        """Return the distance from which a pixel does not contribute."""
        return self.radius * max(cell, 1.0) if self.stretched else self.radius

    def __call__(self, offset: Tensor, cell: Tensor) -> Tensor:
        """Return the weight of a pixel; weights are not normalised."""
        return self.value(offset / cell.clamp(min=1) if self.stretched else offset)[..., None]


def _kernel(name: Interpolation) -> _StretchedKernel:
    match name:
        case "nearest":
            return _StretchedKernel(0.5, lambda t: ((t >= -0.5) & (t < 0.5)).to(t.dtype), stretched=False)
        case "bilinear":
            return _StretchedKernel(1.0, tent)
        case "bicubic":
            return _StretchedKernel(2.0, cubic)
        case "lanczos":
            return _StretchedKernel(3.0, lambda t: torch.sinc(t) * torch.sinc(t / 3) * (t.abs() < 3))
        case _:
            assert_never(name)
