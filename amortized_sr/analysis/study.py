"""Runs every measurement for several methods on several images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.analysis.additivity import MIXTURES, Additivity, image_additivity, latent_additivity
from amortized_sr.analysis.departure import Departures, departures
from amortized_sr.analysis.kernels import LocalKernel, local_kernel
from amortized_sr.analysis.places import typical_places
from amortized_sr.analysis.points import Derivatives, derivatives, sample_positions
from amortized_sr.analysis.quantization import psnr_by_bits
from amortized_sr.benchmark.faults import CLEAN
from amortized_sr.benchmark.methods import Method
from amortized_sr.coords import Size

SAMPLES = 2
"""Samples of the derivatives per pixel and axis."""

# Mixtures are compared in renderings of so many pixels for each of the images'.
_SCALE = 4


@final
@dataclass(frozen=True)
class FunctionStudy:
    """What was found about one image as one method's function.

    Attributes:
        departures: From linear interpolation.
        derivatives: On the grid of `sample_positions` with `SAMPLES`.
        kernels: At typical places; empty for functions that are optimised for their image.
        psnr_by_bits: Of quantised latents; None without a latent.
    """

    departures: Departures
    derivatives: Derivatives
    kernels: list[LocalKernel]
    psnr_by_bits: dict[str, float] | None


@final
@dataclass(frozen=True)
class ImageStudy:
    """One image, or the part of it that was studied, and its functions by method."""

    name: str
    image: Float[Tensor, "1 colour height width"]
    functions: dict[str, FunctionStudy] = field(default_factory=dict)


@final
@dataclass(frozen=True)
class Mixture:
    """Errors for the mixture `a x + b y` of two images; `latent` mixes their latents instead, None without."""

    first: str
    second: str
    a: float
    b: float
    image: Additivity
    latent: Additivity | None


@final
@dataclass(frozen=True)
class MethodStudy:
    """A method's mixtures of images, which are empty for one that optimises functions; `error` is why it failed."""

    method: str
    mixtures: list[Mixture]
    error: str | None = None


@final
@dataclass(frozen=True)
class Study:
    """What was found, by method and by image."""

    methods: list[MethodStudy]
    images: list[ImageStudy]


def middle_part(image: Float[Tensor, "1 colour height width"], size: Size) -> Float[Tensor, "1 colour rows columns"]:
    """Return the middle of an image, with at most `size = (height, width)` pixels."""
    top, left = (max(0, (own - wanted) // 2) for own, wanted in zip(image.shape[-2:], size, strict=True))
    return image[..., top : top + size[0], left : left + size[1]]


def study(
    named: Sequence[tuple[str, Float[Tensor, "1 _ _ _"]]], methods: Sequence[Method], report: Callable[[str], None]
) -> Study:
    """Study every image as every method's function.

    A method that fails has its error and no result; the others continue.

    Args:
        named: Names and images in [0, 1].
        methods: Turn an image into a function.
        report: Called with a method and an image before each is studied.
    """
    images = [ImageStudy(name, image) for name, image in named]
    found: list[MethodStudy] = []
    for method in methods:
        try:
            functions = [_studied(method, one, report) for one in images]
            mixtures = _mixtures(method, images)
        # Any error of a method is a result of the study.
        except Exception as error:
            found.append(MethodStudy(method.name, [], f"{type(error).__name__}: {error}"))
            continue
        for one, function in zip(images, functions, strict=True):
            one.functions[method.name] = function
        found.append(MethodStudy(method.name, mixtures))
    return Study(found, images)


def _studied(method: Method, one: ImageStudy, report: Callable[[str], None]) -> FunctionStudy:
    report(f"{method.name}  {one.name}")
    function = method.make(one.image, CLEAN).function
    forward = method.forward
    return FunctionStudy(
        departures=departures(function),
        derivatives=derivatives(function, sample_positions(function.size, SAMPLES)),
        kernels=[local_kernel(forward, one.image, place) for place in typical_places(one.image)] if forward else [],
        psnr_by_bits=psnr_by_bits(forward, one.image) if forward else None,
    )


def _mixtures(method: Method, images: Sequence[ImageStudy]) -> list[Mixture]:
    """Return the errors for each image and the next one, the last and the first; a single one and its mirror image."""
    forward = method.forward
    if forward is None:
        return []
    found: list[Mixture] = []
    for first, second in _pairs(images):
        x, y = _alike(first.image, second.image)
        size = x.shape[-2] * _SCALE, x.shape[-1] * _SCALE
        with torch.no_grad():
            functions = forward(x), forward(y)
        for a, b in MIXTURES:
            image, latent = image_additivity(forward, x, y, a, b, size), latent_additivity(*functions, a, b, size)
            found.append(Mixture(first.name, second.name, a, b, image, latent))
    return found


def _pairs(images: Sequence[ImageStudy]) -> list[tuple[ImageStudy, ImageStudy]]:
    if len(images) == 1:
        (one,) = images
        return [(one, ImageStudy(f"{one.name}, mirrored", one.image.flip(-1)))]
    pairs = list(zip(images, [*images[1:], images[0]], strict=True))
    return pairs[: len(images) - 1] if len(images) == 2 else pairs


def _alike(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the middle of two images with the size and the channels that both can have."""
    size = min(x.shape[-2], y.shape[-2]), min(x.shape[-1], y.shape[-1])
    colours = max(x.shape[1], y.shape[1])
    first, second = (middle_part(one, size).expand(-1, colours, -1, -1) for one in (x, y))
    return first, second
