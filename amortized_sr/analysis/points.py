"""Colours, gradients and curvature of an image as a function at positions in pixels: pixel `n` has its centre at `n`.

Derivatives are those of the function itself, by automatic differentiation; nothing is approximated by differences.
"""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.continuous import ContinuousImage
from amortized_sr.coords import Size
from amortized_sr.grids import position_coord

# Points that are evaluated at once. Derivatives keep every step of the computation.
_POINTS, _DERIVED_POINTS = 1 << 14, 1 << 12


@final
@dataclass(frozen=True)
class Derivatives:
    """Derivatives of the brightness, the mean of the channels, with respect to the position.

    Attributes:
        gradient: `(y, x)`, per pixel.
        laplacian: Sum of both second derivatives, per pixel squared.
    """

    gradient: Float[Tensor, "*shape 2"]
    laplacian: Float[Tensor, "*shape"]


def sample_positions(size: Size, samples: int) -> Float[Tensor, "rows columns 2"]:
    """Return positions that divide every pixel of an image evenly into `samples` x `samples`.

    An even number avoids pixel centres, and the middle between them, where interpolated images have kinks.
    """
    rows, columns = ((torch.arange(side * samples, dtype=torch.float64) + 0.5) / samples - 0.5 for side in size)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1)


def query_positions(function: ContinuousImage, position: Float[Tensor, "query 2"]) -> Float[Tensor, "query colour"]:
    """Return the colours of the only image of a function at points, with gradients, on the CPU."""
    if function.device.type == "mps":  # It has no float64.
        position = position.float()
    return function(position_coord(position, function.size))[0].double().cpu()


def colours_at(function: ContinuousImage, position: Float[Tensor, "*shape 2"]) -> Float[Tensor, "*shape colour"]:
    """Return the colours of the only image of a function at points.

    Raises:
        ValueError: If a colour is NaN or infinite.
    """
    with torch.no_grad():
        parts = [query_positions(function, part) for part in position.reshape(-1, 2).split(_POINTS)]
    colours = torch.cat(parts)
    if not colours.isfinite().all():
        raise ValueError("the function returns NaN or infinity; a fit that diverged needs a lower learning rate")
    return colours.view(*position.shape[:-1], colours.shape[-1])


def derivatives(function: ContinuousImage, position: Float[Tensor, "*shape 2"]) -> Derivatives:
    """Return gradient and curvature of the only image of a function at points."""
    parts = [_derivatives(function, part) for part in position.reshape(-1, 2).split(_DERIVED_POINTS)]
    gradient = torch.cat([part.gradient for part in parts]).view(position.shape)
    return Derivatives(gradient, torch.cat([part.laplacian for part in parts]).view(position.shape[:-1]))


def _derivatives(function: ContinuousImage, position: Float[Tensor, "query 2"]) -> Derivatives:
    with torch.enable_grad():
        # No colour depends on another point, so the gradient of their sum holds the gradient of each.
        point = position.detach().clone().requires_grad_()
        gradient = _gradient(query_positions(function, point).mean(dim=-1), point)
        second = [_gradient(gradient[:, axis], point)[:, axis] for axis in (0, 1)]
    return Derivatives(gradient.detach(), (second[0] + second[1]).detach())


def _gradient(values: Float[Tensor, " query"], point: Float[Tensor, "query 2"]) -> Float[Tensor, "query 2"]:
    if not values.requires_grad:  # Constant everywhere, such as a nearest neighbour.
        return torch.zeros_like(point)
    return torch.autograd.grad(values.sum(), point, create_graph=True, materialize_grads=True)[0]
