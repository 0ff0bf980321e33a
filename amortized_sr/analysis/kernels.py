"""Effective resampling kernels: how much each pixel of an image counts for the brightness of one point."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.analysis.places import Place
from amortized_sr.analysis.points import query_positions
from amortized_sr.continuous import ContinuousImage

Forward = Callable[[Float[Tensor, "batch colour height width"]], ContinuousImage]
"""Turns images into their function, with gradients that reach the images."""

PHASES = 8
"""Points per pixel of a profile."""

# Side of the patch around a place whose dependence is measured as a whole, in points, and their distance in pixels.
_PATCH, _DISTANCE = 4, 0.5

# Share of a kernel's absolute weights that lies within its reach.
_REACHED = 0.95


@final
@dataclass(frozen=True)
class KernelNumbers:
    """Size and shape of one kernel; None where all weights are zero.

    Attributes:
        total: Sum of the weights; 1 for an interpolation.
        negative: Share of negative weights in the sum of absolute weights.
        pixels: How many pixels an even kernel of the same concentration has: the squared sum of the absolute weights
            over the sum of their squares.
        reach: Distance in pixels within which 95 % of the absolute weights lie.
        elongation: Length of the kernel over its breadth: deviations of the absolute weights along their principal
            axes; None if one of them is zero.
    """

    total: float
    negative: float | None
    pixels: float | None
    reach: float | None
    elongation: float | None


@final
@dataclass(frozen=True)
class LocalKernel:
    """What the function depends on at one place.

    Attributes:
        place: The pixel.
        position: `(y, x)` of the point whose kernel it is, in pixels: in the middle between four pixels where there
            are four.
        kernel: Weight of every pixel of the image for that point.
        numbers: Its size and shape.
        offset: Distances along the place's row, from a point to a pixel, in pixels.
        profile: Weights at these distances: the kernel as a curve, if it is the same for all points.
        dependence: For every pixel, the length of the vector of its weights for a patch of points around the place.
        pattern: The change of the image, of length one, that changes the patch most (the first right singular vector
            of the weights).
        share: How much of all changes of the patch that pattern makes: its squared singular value over the sum.
    """

    place: Place
    position: tuple[float, float]
    kernel: Float[Tensor, "height width"]
    numbers: KernelNumbers
    offset: Float[Tensor, " distance"]
    profile: Float[Tensor, " distance"]
    dependence: Float[Tensor, "height width"]
    pattern: Float[Tensor, "height width"]
    share: float | None


def effective_kernels(
    forward: Forward, image: Float[Tensor, "1 colour height width"], position: Float[Tensor, "point 2"]
) -> Float[Tensor, "point height width"]:
    """Return the derivative of the brightness at points with respect to the brightness of every pixel.

    Brightness is the mean of the channels; a pixel changes in all channels alike. For a linear interpolation these are
    its weights; for a network they are the weights of the filter that acts like it on images near this one.
    """
    with torch.enable_grad():
        pixels = image.detach().clone().requires_grad_()
        brightness = query_positions(forward(pixels), position).mean(dim=-1)
        rows = [torch.autograd.grad(value, pixels, retain_graph=True)[0] for value in brightness]
    return torch.cat(rows).sum(dim=1).double().cpu()


def local_kernel(forward: Forward, image: Float[Tensor, "1 colour height width"], place: Place) -> LocalKernel:
    """Return what the function of an image depends on at a place."""
    height, width = image.shape[-2:]
    middle = min(place.row + 0.5, height - 1.0), min(place.column + 0.5, width - 1.0)
    phases = torch.arange(PHASES, dtype=torch.float64) / PHASES
    along = torch.stack((torch.full_like(phases, place.row), place.column + phases), dim=1)
    steps = (torch.arange(_PATCH, dtype=torch.float64) - (_PATCH - 1) / 2) * _DISTANCE
    patch = torch.cartesian_prod(place.row + steps, place.column + steps)
    everywhere = torch.cat((torch.tensor([middle], dtype=torch.float64), along, patch))
    kernels = effective_kernels(forward, image, everywhere)
    kernel, lines, weights = kernels[0], kernels[1 : 1 + PHASES, place.row], kernels[1 + PHASES :]
    offset = along[:, 1:] - torch.arange(width)
    order = offset.flatten().argsort()
    _, singular, patterns = torch.linalg.svd(weights.flatten(1), full_matrices=False)
    pattern = patterns[0].view(height, width)
    power = float(singular.square().sum())
    return LocalKernel(
        place=place,
        position=middle,
        kernel=kernel,
        numbers=kernel_numbers(kernel, middle),
        offset=offset.flatten()[order],
        profile=lines.flatten()[order],
        dependence=weights.square().sum(dim=0).sqrt(),
        # The sign of a singular vector is arbitrary.
        pattern=-pattern if float(pattern.sum()) < 0 else pattern,
        share=float(singular[0].square()) / power if power > 0 else None,
    )


def kernel_numbers(kernel: Float[Tensor, "height width"], position: tuple[float, float]) -> KernelNumbers:
    """Return size and shape of the kernel of a point at `position`, `(y, x)` in pixels."""
    kernel = kernel.double()
    weight, total = kernel.abs(), float(kernel.sum())
    mass = float(weight.sum())
    if mass == 0:
        return KernelNumbers(total, None, None, None, None)
    places = torch.cartesian_prod(*(torch.arange(side, dtype=torch.float64) for side in kernel.shape)).view(-1, 2)
    share = weight.flatten() / mass
    distance = (places - places.new_tensor(position)).norm(dim=1)
    nearest = distance.argsort()
    reached = int(torch.searchsorted(share[nearest].cumsum(0), _REACHED))
    centred = places - share @ places
    spread = torch.linalg.eigvalsh((centred.T * share) @ centred)
    # Rounding may leave a breadth that is not exactly zero.
    breadth, length = (math.sqrt(max(float(value), 0.0)) for value in spread)
    return KernelNumbers(
        total=total,
        negative=float(weight[kernel < 0].sum()) / mass,
        pixels=1 / float(share.square().sum()),
        reach=float(distance[nearest[min(reached, len(nearest) - 1)]]),
        elongation=length / breadth if breadth > 1e-6 else None,
    )
