"""Paths between two codes: a morph's frames before they are drawn."""

import math
from typing import assert_never

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.choices import CodePathName
from amortized_sr.mixture import GaussianMixture

# The optimised path: sinusoids that bend it, points at which it is asked for the density, steps of the optimiser.
_WAVES = 6
_POINTS = 48
_STEPS = 120
_LEARNING_RATE = 0.03
_DENSITY_WEIGHT = 1.0


def code_path(
    name: CodePathName,
    start: Float[Tensor, " code"],
    stop: Float[Tensor, " code"],
    frames: int,
    prior: GaussianMixture | None,
) -> Float[Tensor, "frames code"]:
    """Return codes on a path from one code to another, the first and the last of which are these two.

    Args:
        name: The kind of path, see `CodePathName`.
        start: The first code.
        stop: The last code.
        frames: How many codes, at least 2.
        prior: Where codes lie; `line` does without.

    Raises:
        ValueError: If there are fewer than two frames, or the path needs a mixture that is not there or not fitted.
    """
    if frames < 2:
        raise ValueError(f"a path has at least 2 frames, its ends, got {frames}")
    if name != "line" and prior is None:
        raise ValueError(f"the path {name} needs a distribution of codes, which this model has none of; use line")
    # On the CPU, where it does not depend on the machine's devices, and in a precision that all CPUs have.
    ends = start.detach().double().cpu(), stop.detach().double().cpu()
    position = torch.linspace(0, 1, frames, dtype=torch.float64)[:, None]
    match name:
        case "line":
            path = torch.lerp(*ends, position)
        case "sphere":
            assert prior is not None
            path = _sphere(*ends, position, prior.centre.double().cpu())
        case "prior":
            assert prior is not None
            # The caller's inference mode would leave no gradients to follow.
            with torch.inference_mode(False):
                path = _dense(ends[0].clone(), ends[1].clone(), position, prior)
        case _:
            assert_never(name)
    path = path.to(start)
    # Rounding is no reason to leave the ends.
    path[0], path[-1] = start, stop
    return path


def _sphere(start: Tensor, stop: Tensor, position: Tensor, centre: Tensor) -> Tensor:
    """Interpolate direction and distance as seen from the centre, along the shorter great circle.

    References:
        White, "Sampling Generative Networks", 2016. https://arxiv.org/abs/1609.04468
    """
    first, last = start - centre, stop - centre
    distances = torch.stack((first.norm(), last.norm()))
    # A code at the centre has no direction of its own.
    first, last = (first if distances[0] else last), (last if distances[1] else first)
    direction = first / first.norm().clamp(min=1e-300)
    other = last / last.norm().clamp(min=1e-300)
    cosine = direction @ other
    across = other - cosine * direction
    angle = torch.atan2(across.norm(), cosine)
    if across.norm() < 1e-9:
        # Opposite codes: every great circle is as short, this one starts along the axis that is nearest to a tangent.
        axis = torch.zeros_like(direction)
        axis[direction.abs().argmin()] = 1
        across = axis - (axis @ direction) * direction
    across = across / across.norm().clamp(min=1e-300)
    turned = torch.cos(position * angle) * direction + torch.sin(position * angle) * across
    return centre + torch.lerp(distances[0], distances[1], position) * turned


def _dense(start: Tensor, stop: Tensor, position: Tensor, prior: GaussianMixture) -> Tensor:
    """Bend the line to where the mixture is dense, and divide the result into pieces of equal length.

    The path is the line plus a few sine waves, which leave its ends where they are. Adam minimises

        mean of |velocity|^2 / |stop - start|^2  -  weight * mean of log density / numbers of a code

    in a fixed number of steps that begins at the line. The first term is 1 for the line and 4 for a path of twice its
    length; the second is in nats per number, so that the weight does not depend on the size of a code. The weight is 1.
    """
    line = torch.lerp(start, stop, torch.linspace(0, 1, _POINTS, dtype=torch.float64)[:, None])
    distance = (stop - start).norm()
    number = math.pi * torch.arange(1, _WAVES + 1, dtype=torch.float64)
    # Each wave's velocity has a mean square of its height's square.
    waves = math.sqrt(2) / number * torch.sin(torch.linspace(0, 1, _POINTS, dtype=torch.float64)[:, None] * number)
    # Adam, written out: the first use of torch's own loads a compiler, which takes seconds.
    heights, mean, square = torch.zeros(3, _WAVES, len(start), dtype=torch.float64)
    for step in range(1, _STEPS + 1):
        with torch.enable_grad():
            heights.requires_grad_()
            density = prior.log_density(line + distance * waves @ heights).mean() / len(start)
            loss = heights.square().sum() - _DENSITY_WEIGHT * density
            (gradient,) = torch.autograd.grad(loss, heights)
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.99 * square + 0.01 * gradient.square()
        scaled = mean / (1 - 0.9**step) / ((square / (1 - 0.99**step)).sqrt() + 1e-9)
        heights = heights.detach() - _LEARNING_RATE * scaled
    path = line + distance * waves @ heights
    length = np.concatenate(([0.0], (path[1:] - path[:-1]).norm(dim=1).cumsum(0).numpy()))
    wanted = position[:, 0].numpy() * length[-1]
    return torch.from_numpy(np.stack([np.interp(wanted, length, values) for values in path.numpy().T], axis=1))
