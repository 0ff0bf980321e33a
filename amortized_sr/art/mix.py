"""The coarse part of one image with the fine part of another: a hybrid image, made of latents."""

from dataclasses import replace

from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.art.morph import check_latents
from amortized_sr.resize import blur

LARGEST_RADIUS = 64.0
"""Largest radius in cells: beyond it, only the mean colour of an image is coarse."""

# The second radius of a film: below it, nothing changes that could be seen.
_SMALLEST = 0.4


def mixed(coarse: AmortizedImage, fine: AmortizedImage, radius: int | float) -> AmortizedImage:
    """Return the image whose latent is the blurred one of `coarse`, plus what blurring takes from that of `fine`.

    Codes and base image are split alike, by a Gaussian along the grid of cells.

    Args:
        coarse: Gives what is larger than the radius.
        fine: Gives what is smaller, of the same size.
        radius: Standard deviation of the Gaussian in cells; 0 returns `coarse`, a large one nearly `fine`.

    Raises:
        ValueError: If the radius has no meaning, or the latents have different sizes.

    References:
        Oliva, Torralba and Schyns, "Hybrid images", SIGGRAPH 2006 (the same with the pixels of photographs).
    """
    check_radius(radius)
    check_latents(coarse, fine)
    grid, other = coarse.latent, fine.latent
    codes = blur(grid.codes, float(radius)) + other.codes - blur(other.codes, float(radius))
    image = None
    if grid.image is not None and other.image is not None:
        image = blur(grid.image, float(radius)) + other.image - blur(other.image, float(radius))
    return replace(coarse, latent=replace(grid, codes=codes, image=image))


def check_radius(radius: int | float) -> None:
    """Check a radius in cells.

    Raises:
        ValueError: If it has no meaning.
    """
    if not 0 <= radius <= LARGEST_RADIUS:
        raise ValueError(f"radius must be 0 to {LARGEST_RADIUS:g} pixels of the images, got {radius:g}")


def radii(largest: int | float, frames: int) -> list[float]:
    """Return radii from 0 to the largest: after the first, each larger than the one before by the same factor.

    Raises:
        ValueError: If there are less than two, or nothing would change.

    Example:
        >>> [round(radius, 3) for radius in radii(6.4, 4)]
        [0.0, 0.4, 1.6, 6.4]
    """
    if frames < 2:
        raise ValueError(f"a film needs at least 2 frames, got {frames}")
    if largest == 0:
        raise ValueError("with radius 0 a film shows the coarse image only; choose a larger one")
    second, steps = min(_SMALLEST, largest / 2), max(1, frames - 2)
    factor = (largest / second) ** (1 / steps)
    return [0.0, *(largest * factor ** (number + 1 - frames) for number in range(1, frames))]
