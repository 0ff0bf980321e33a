"""Resampling kernels: antialiased shrinking, and interpolation as one-dimensional kernels.

A kernel is evaluated at a point or over a footprint, the area of one output pixel.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, assert_never, final

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional

from amortized_sr.choices import Interpolation, InterpolationName, ShrinkingName
from amortized_sr.coords import Size


def shrink(
    image: Float[Tensor, "batch channel height width"], size: Size
) -> Float[Tensor, "batch channel rows columns"]:
    """Shrink an image with the antialiased bicubic kernel (a = -0.5), which Pillow calls BICUBIC.

    Args:
        image: Any values.
        size: `(height, width)` of the result in pixels, at most the image's own.
    """
    return shrink_height(shrink_width(image, size[1]), size[0])


def shrink_width(image: Tensor, width: int, kernel: ShrinkingName = "bicubic") -> Tensor:
    """Shrink along x alone; see `shrink`."""
    if width == image.shape[-1]:
        return image
    if kernel != "bicubic":
        return image @ _shrinking_weights(image, image.shape[-1], width, kernel).T
    return _interpolate(image, (image.shape[-2], width))


def shrink_height(image: Tensor, height: int, kernel: ShrinkingName = "bicubic") -> Tensor:
    """Shrink along y alone; see `shrink`."""
    if height == image.shape[-2]:
        return image
    if kernel != "bicubic":
        return _shrinking_weights(image, image.shape[-2], height, kernel) @ image
    if image.shape[-1] == 1:
        # torch 2.15 repeats the first row of a result that is one pixel wide, so two columns are computed.
        return _interpolate(image.expand(-1, -1, -1, 2), (height, 2))[..., :1]
    return _interpolate(image, (height, image.shape[-1]))


def middle(image: Shaped[Tensor, "*items height width"], side: int) -> Shaped[Tensor, "*items rows columns"]:
    """Return the middle of an image, at most `side` pixels high and wide."""
    top, left = (max(0, (length - side) // 2) for length in image.shape[-2:])
    return image[..., top : top + side, left : left + side]


def blur(
    image: Float[Tensor, "batch channel height width"], sigma: float
) -> Float[Tensor, "batch channel height width"]:
    """Blur an image with a Gaussian of `sigma` pixels, with its edges repeated; 0 changes nothing."""
    radius = math.ceil(3 * sigma)
    if radius == 0:
        return image
    weights = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, dtype=image.dtype, device=image.device) / sigma) ** 2)
    weights = weights / weights.sum()

    def matrix(length: int) -> Tensor:
        places = torch.arange(length, device=image.device)[:, None] + torch.arange(-radius, radius + 1).to(image.device)
        return image.new_zeros(length, length).scatter_add_(
            1, places.clamp(0, length - 1), weights.expand(length, -1).contiguous()
        )

    # A fifth of the time of convolutions of single channels.
    return matrix(image.shape[-2]) @ image @ matrix(image.shape[-1]).T


def enlarge(
    image: Float[Tensor, "batch channel height width"], size: Size, rounds: int = 3
) -> Float[Tensor, "batch channel rows columns"]:
    """Enlarge an image in [0, 1] with the bicubic kernel so that `shrink` nearly gives the image back.

    The bicubic picture alone is blurred by both ways. In each round, what its shrunk picture lacks is added twice, and
    the result clamped.

    Args:
        image: Values in [0, 1].
        size: `(height, width)` of the result in pixels, at least the image's own.
        rounds: How often the picture is corrected; 0 is plain interpolation.

    References:
        Irani and Peleg, "Improving Resolution by Image Registration", CVGIP 1991 (back-projection).
    """
    own = image.shape[-2], image.shape[-1]
    result = _interpolate(image, size).clamp(0, 1)
    for _ in range(rounds):
        result = result.add(_interpolate(image - shrink(result, own), size), alpha=2).clamp_(0, 1)
    return result


def _interpolate(image: Tensor, size: Size) -> Tensor:
    return functional.interpolate(image, size=size, mode="bicubic", align_corners=False, antialias=True)


def _shrinking_weights(image: Tensor, source: int, target: int, name: ShrinkingName) -> Float[Tensor, "target source"]:
    cell = torch.tensor(source / target, dtype=torch.float64)
    centres = (torch.arange(target, dtype=torch.float64) + 0.5) * cell - 0.5
    kernel = square_kernel() if name == "box" else pillow_kernel(name)
    weights = kernel(centres[:, None] - torch.arange(source), cell)[..., 0]
    return (weights / weights.sum(dim=1, keepdim=True)).to(image)


@final
@dataclass(frozen=True)
class InterpolationKernel:
    """A one-dimensional interpolation kernel.

    Args:
        radius: The kernel is zero from this distance on, in source pixels.
        value: Kernel at a distance.
        footprint: `point` takes the kernel at the pixel's centre; `box` its exact mean over the pixel; `stretched` a
            kernel as wide as the pixel, where that is wider than a source pixel, as Pillow does. Stretched kernels
            have to be normalised; the others sum to one over the integers.
        integral: Antiderivative of the kernel, exact beyond `radius` too; for `box`.
    """

    radius: float
    value: Callable[[Tensor], Tensor]
    footprint: Literal["point", "box", "stretched"] = "point"
    integral: Callable[[Tensor], Tensor] | None = None

    def reach(self, cell: float) -> float:
        """Return the largest distance at which a source pixel still contributes to a footprint of `cell`."""
        match self.footprint:
            case "point":
                return self.radius
            case "box":
                return self.radius + cell / 2
            case "stretched":
                return self.radius * max(cell, 1.0)

    def __call__(self, offset: Float[Tensor, "*shape"], cell: Float[Tensor, "*#shape"]) -> Float[Tensor, "*shape 1"]:
        """Return the weight of a source pixel for an output pixel.

        Args:
            offset: Output pixel's centre relative to the source pixel's centre, in source pixels.
            cell: Extent of the output pixel, in source pixels; 0 asks for a point.
        """
        if self.footprint == "stretched":
            return self.value(offset / cell.clamp(min=1))[..., None]
        if self.footprint == "point" or self.integral is None:
            return self.value(offset)[..., None]
        # A difference of antiderivatives cancels digits, so it is taken in float64 (which MPS does not have).
        wide = torch.float32 if offset.device.type == "mps" else torch.float64
        centre, extent = offset.to(wide), cell.to(wide).expand_as(offset)
        mean = (self.integral(centre + extent / 2) - self.integral(centre - extent / 2)) / extent.clamp(min=1e-6)
        return torch.where(extent < 1e-6, self.value(centre), mean).to(offset.dtype)[..., None]


def interpolation_kernel(name: InterpolationName, region: bool = False) -> InterpolationKernel:
    """Return a kernel that sums to one over the integers, for points or for regions.

    References:
        Keys, "Cubic Convolution Interpolation for Digital Image Processing", IEEE TASSP 1981 (bicubic, a = -0.5).
    """
    footprint = "box" if region else "point"
    match name:
        case "bilinear":
            return InterpolationKernel(1.0, _tent, footprint, _tent_integral)
        case "bicubic":
            return InterpolationKernel(2.0, _cubic, footprint, _cubic_integral)
        case _:
            assert_never(name)


def square_kernel() -> InterpolationKernel:
    """Return the kernel of pixels that are flat squares, over regions: the exact mean of such a picture."""
    return InterpolationKernel(0.5, _box, "box", _box_integral)


def pillow_kernel(name: Interpolation) -> InterpolationKernel:
    """Return the kernel of a Pillow filter; `nearest` never stretches."""
    match name:
        case "nearest":
            return InterpolationKernel(0.5, _box)
        case "bilinear":
            return InterpolationKernel(1.0, _tent, "stretched")
        case "bicubic":
            return InterpolationKernel(2.0, _cubic, "stretched")
        case "lanczos":
            return InterpolationKernel(3.0, _lanczos, "stretched")
        case _:
            assert_never(name)


def _box(t: Tensor) -> Tensor:
    return ((t >= -0.5) & (t < 0.5)).to(t.dtype)


def _box_integral(t: Tensor) -> Tensor:
    return t.clamp(-0.5, 0.5)


def _lanczos(t: Tensor) -> Tensor:
    return torch.sinc(t) * torch.sinc(t / 3) * (t.abs() < 3)


def _tent(t: Tensor) -> Tensor:
    return (1 - t.abs()).clamp(min=0)


def _tent_integral(t: Tensor) -> Tensor:
    t = t.clamp(-1, 1)
    return t - t * t.abs() / 2


def _cubic(t: Tensor) -> Tensor:
    """Keys' kernel with a = -0.5: 1.5 t^3 - 2.5 t^2 + 1 inside 1, -0.5 t^3 + 2.5 t^2 - 4 t + 2 inside 2."""
    t = t.abs().clamp(max=2)
    return torch.where(t < 1, (1.5 * t - 2.5) * t * t + 1, ((-0.5 * t + 2.5) * t - 4) * t + 2)


def _cubic_integral(t: Tensor) -> Tensor:
    """Antiderivative of `_cubic`, odd: the outer branch's constant makes both branches meet at 1 (13/24)."""
    sign, t = t.sign(), t.abs().clamp(max=2)
    inner = ((0.375 * t - 2.5 / 3) * t * t + 1) * t
    outer = (((-0.125 * t + 2.5 / 3) * t - 2) * t + 2) * t - 1 / 6
    return sign * torch.where(t < 1, inner, outer)
