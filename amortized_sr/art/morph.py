"""What lies between two images: through pixels, latents, weights and codes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.baselines.fitting import FitSettings, FittedImage, Progress, fit
from amortized_sr.choices import CodePathName, FitStart, MorphName
from amortized_sr.coder import Coder
from amortized_sr.continuous import ContinuousImage
from amortized_sr.coords import Size
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.upscaler import Upscaler


@final
@dataclass(frozen=True)
class Morph:
    """Functions from one image to another.

    Attributes:
        name: What is interpolated.
        function: The image at a number, from 0 to one less than the frames.
    """

    name: MorphName
    function: Callable[[int], ContinuousImage]


def through_pixels(
    first: Float[Tensor, "1 colour height width"], last: Float[Tensor, "1 colour rows columns"], frames: int
) -> Morph:
    """Fade from one image of a size to another; drawn by bicubic interpolation.

    Raises:
        ValueError: If the images are the same or differ in size.
    """
    check_ends(first, last, frames)
    if first.shape != last.shape:
        raise ValueError(f"images of one size are needed, got {tuple(first.shape)} and {tuple(last.shape)}; resize one")
    return Morph(
        "pixels",
        lambda number: InterpolatedImage.like_pillow(torch.lerp(first, last, number / (frames - 1)), "bicubic"),
    )


@torch.inference_mode()
def through_latents(
    upscaler: Upscaler,
    first: Float[Tensor, "1 colour height width"],
    last: Float[Tensor, "1 colour rows columns"],
    frames: int,
) -> Morph:
    """Go straight from the latent of one image to that of another of the same size.

    Raises:
        ValueError: If the images are the same or differ in size.
    """
    check_ends(first, last, frames)
    ends = upscaler.encode(first), upscaler.encode(last)
    return Morph("latents", lambda number: between_latents(*ends, number / (frames - 1)))


def between_latents(first: AmortizedImage, last: AmortizedImage, share: int | float) -> AmortizedImage:
    """Return the image whose latent lies at a share of the way from one image's to another's.

    Raises:
        ValueError: If the latents have different sizes.
    """
    check_latents(first, last)
    image = None
    if first.latent.image is not None and last.latent.image is not None:
        image = torch.lerp(first.latent.image, last.latent.image, share)
    codes = torch.lerp(first.latent.codes, last.latent.codes, share)
    return replace(first, latent=replace(first.latent, codes=codes, image=image))


def through_weights(
    first: Float[Tensor, "1 colour height width"],
    last: Float[Tensor, "1 colour rows columns"],
    frames: int,
    settings: FitSettings,
    start: FitStart = "first",
    report: Callable[[Progress], None] | None = None,
) -> Morph:
    """Fit a network to each of two images of a size, and go straight from the weights of one to those of the other.

    Args:
        first: The first image.
        last: The last image.
        frames: How many functions.
        settings: Settings of both fits.
        start: Where the second fit begins.
        report: Called at every step of both fits.

    Raises:
        ValueError: If the images are the same, differ in size, or are too large for a fit.
    """
    check_ends(first, last, frames)
    one = fit(first, settings, report)
    other = fit(last, settings, report, start=one if start == "first" else None)
    return Morph("weights", lambda number: between_weights(one, other, number / (frames - 1)))


def between_weights(first: FittedImage, last: FittedImage, share: int | float) -> FittedImage:
    """Return the image whose network's weights lie at a share of the way from one's to another's.

    Raises:
        ValueError: If the networks are of different kinds or shapes.
    """
    return replace(first, networks=first.networks.between(last.networks, share))


def through_codes(
    coder: Coder, codes: Float[Tensor, "2 code"], frames: int, path: CodePathName = "line", size: Size | None = None
) -> Morph:
    """Go from the code of one image to that of another.

    Args:
        coder: The autoencoder that made the codes.
        codes: Both codes.
        frames: How many functions.
        path: The way between the codes.
        size: `(height, width)` of the images in pixels; the autoencoder's frame if None.

    Raises:
        ValueError: If the codes are the same, or the path needs a mixture that the weights lack.
    """
    check_ends(codes[0], codes[1], frames)
    between = coder.morph(codes[0], codes[1], frames, path)
    return Morph("codes", lambda number: coder.decode(between[number : number + 1], size))


def check_ends(first: Tensor, last: Tensor, frames: int) -> None:
    """Check that something lies between two images.

    Raises:
        ValueError: If they are the same, or there are less than two frames.
    """
    if frames < 2:
        raise ValueError(f"a morph needs at least 2 frames, its ends, got {frames}")
    if first.shape == last.shape and torch.equal(first, last):
        raise ValueError("both images are the same, so nothing lies between them; give two different ones")


def check_latents(first: AmortizedImage, last: AmortizedImage) -> None:
    """Check that two latents have the same cells.

    Raises:
        ValueError: If they do not.
    """
    if first.latent.codes.shape != last.latent.codes.shape or first.size != last.size:
        sizes = [f"{width}x{height}" for height, width in (first.size, last.size)]
        raise ValueError(
            f"images of {sizes[0]} and {sizes[1]} pixels have latents of different sizes; resize one of them first"
        )
