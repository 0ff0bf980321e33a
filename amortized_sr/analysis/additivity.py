"""Whether a map is linear: its value for a mixture, against the mixture of its values."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.analysis.departure import LEAST_VARIATION
from amortized_sr.analysis.kernels import Forward
from amortized_sr.continuous import ContinuousImage
from amortized_sr.coords import Size

MIXTURES = ((0.5, 0.5), (0.25, 0.75), (0.5, 0.0))
"""Shares of two images; the last one is the first image at half the contrast."""

EQUAL = 200.0
"""PSNR in dB of what is equal: JSON has no infinity."""


@final
@dataclass(frozen=True)
class Additivity:
    """Error of `f(a x + b y)` against `a f(x) + b f(y)`.

    Attributes:
        absolute: Root of its mean square, in colours.
        relative: The same over the standard deviation of `a f(x) + b f(y)`; None where that hardly varies.
        learned: The same over what the field adds to the interpolated image of `a x + b y`; None without a base image.
    """

    absolute: float
    relative: float | None
    learned: float | None = None

    @property
    def decibels(self) -> float:
        """The error as PSNR in dB; 200 for equality."""
        return EQUAL if self.absolute == 0 else min(-20 * math.log10(self.absolute), EQUAL)


def additivity(of: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, a: int | float, b: int | float) -> Additivity:
    """Return the error of a map for a mixture of two inputs."""
    return _compared(of(a * x + b * y), a * of(x) + b * of(y))


@torch.no_grad()
def image_additivity(
    forward: Forward,
    x: Float[Tensor, "1 colour height width"],
    y: Float[Tensor, "1 colour height width"],
    a: int | float,
    b: int | float,
    size: Size,
) -> Additivity:
    """Return the error of images' renderings with `size` pixels for a mixture of two images."""
    function = forward(a * x + b * y)
    mixed = function.render(size)
    found = _compared(mixed, a * forward(x).render(size) + b * forward(y).render(size))
    base = function.base if isinstance(function, AmortizedImage) else None
    if base is None:
        return found
    added = _root_mean_square(mixed - base.render(size))
    return replace(found, learned=found.absolute / added if added >= LEAST_VARIATION else None)


@torch.no_grad()
def latent_additivity(
    first: ContinuousImage, second: ContinuousImage, a: int | float, b: int | float, size: Size
) -> Additivity | None:
    """Return the error of renderings for a mixture of two latents, base images included; None without a latent.

    Raises:
        ValueError: If the latents have different sizes.
    """
    if not isinstance(first, AmortizedImage) or not isinstance(second, AmortizedImage):
        return None
    one, other = first.latent, second.latent
    if one.codes.shape != other.codes.shape or (one.image is None) != (other.image is None):
        raise ValueError(
            f"latents of {tuple(one.codes.shape)} and {tuple(other.codes.shape)} codes cannot be mixed; "
            "crop the images to one size first"
        )
    image = None if one.image is None or other.image is None else a * one.image + b * other.image
    mixture = replace(first, latent=replace(one, codes=a * one.codes + b * other.codes, image=image))
    return _compared(mixture.render(size), a * first.render(size) + b * second.render(size))


def _compared(mixed: Tensor, expected: Tensor) -> Additivity:
    absolute, variation = _root_mean_square(mixed - expected), _root_mean_square(expected - expected.mean())
    return Additivity(absolute, absolute / variation if variation >= LEAST_VARIATION else None)


def _root_mean_square(values: Tensor) -> float:
    return float(values.double().square().mean().sqrt())
