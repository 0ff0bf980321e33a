"""Images past their borders, and with more or less of what the image wrote into its function."""

import copy
from dataclasses import dataclass, replace
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.axes import Rendering
from amortized_sr.baselines.fitting import FittedImage
from amortized_sr.continuous import ContinuousImage
from amortized_sr.coords import Size, Window, pixel_cell
from amortized_sr.grids import pixel_grid
from amortized_sr.resize import shrink

_LARGEST_STRENGTH, _LARGEST_MARGIN = 4.0, 8.0

# Points that are asked at once: four cells with 75 numbers each take 40 MB.
_POINTS = 1 << 15

# Pixels of a rendering as float colours: 200 MB, and as much again while it is put together or shrunk.
_MAX_PIXELS = 1 << 24


@final
@dataclass(frozen=True)
class Dream:
    """How an image is drawn.

    Attributes:
        strength: Factor of what the image itself wrote, 0 to 4: its latent's codes, or the last layer of a fitted
            network. With 0, a latent leaves the base image, a fit leaves grey.
        margin: What to show past each border, in sides of the image, 0 to 8.

    Example:
        >>> Dream(margin=0.5).window
        (-2.0, -2.0, 2.0, 2.0)
    """

    strength: int | float = 1.0
    margin: int | float = 0.0

    def __post_init__(self) -> None:
        """Refuse values that have no meaning."""
        if not 0 <= self.strength <= _LARGEST_STRENGTH:
            raise ValueError(f"strength must be 0 to {_LARGEST_STRENGTH:g}, got {self.strength:g}")
        if not 0 <= self.margin <= _LARGEST_MARGIN:
            raise ValueError(f"margin must be 0 to {_LARGEST_MARGIN:g} sides of the image, got {self.margin:g}")

    @property
    def window(self) -> Window:
        """The window that shows the image in the middle of its margin."""
        half = 1.0 + 2 * self.margin
        return -half, -half, half, half


def swelling(dream: Dream, frames: int) -> list[Dream]:
    """Return dreams from the plain image to one; the image in them shrinks at a constant speed.

    Raises:
        ValueError: If there are less than two frames, or the dream is the plain image.
    """
    if frames < 2:
        raise ValueError(f"a dream needs at least 2 frames, got {frames}")
    if dream == Dream():
        raise ValueError("with strength 1 and margin 0 a film shows the plain image only; choose another of the two")
    shares = [number / (frames - 1) for number in range(frames)]
    return [
        *(Dream(1 + (dream.strength - 1) * share, ((1 + 2 * dream.margin) ** share - 1) / 2) for share in shares[:-1]),
        dream,
    ]


def stronger(image: AmortizedImage | FittedImage, strength: int | float) -> AmortizedImage | FittedImage:
    """Return the image with its codes times `strength`; of a fit, the weights of the last layer."""
    if isinstance(image, AmortizedImage):
        return image.with_codes(image.latent.codes * strength)
    networks = copy.deepcopy(image.networks)
    with torch.no_grad():
        for last in (networks.weights[-1], networks.biases[-1]):
            last.mul_(strength)
    return replace(image, networks=networks)


def check_rendering(image_size: Size, size: Size, window: Window) -> Size:
    """Return the size at which a window is drawn, before it is shrunk to `size`: no pixel is left out.

    Args:
        image_size: `(height, width)` of the image.
        size: `(height, width)` of the result.
        window: The part to show, which may lie outside the image.

    Raises:
        ValueError: If the rendering takes too much memory.
    """
    height, width = drawn = Rendering(size, image_size, window).drawn
    if height * width > _MAX_PIXELS:
        raise ValueError(
            f"{width}x{height} pixels of the image and its margin are above the limit of {_MAX_PIXELS:,}, which take "
            f"{24 * _MAX_PIXELS / 1e9:.1f} GB of memory; ask for a smaller size or margin, or shrink the image"
        )
    return drawn


@torch.inference_mode()
def render_beyond(image: ContinuousImage, size: Size, window: Window) -> Float[Tensor, "batch colour rows columns"]:
    """Return a rendering with `size` pixels of a window that may lie outside the image, point by point.

    Past the border of a latent, the cells at its edges are repeated, each at its own place. A fitted network is asked
    for coordinates that it never saw.

    Raises:
        ValueError: If it takes too much memory.
    """
    drawn = check_rendering(image.size, size, window)
    grid = pixel_grid(drawn, window, torch.float64).flatten(0, 1)
    cell = torch.tensor(pixel_cell(drawn, window), dtype=torch.float64)
    parts = [image(points, cell) for points in grid.split(_POINTS)]
    return shrink(torch.cat(parts, dim=1).movedim(-1, 1).unflatten(-1, drawn), size)


def draw_dream(
    image: AmortizedImage | FittedImage, dream: Dream, size: Size
) -> Float[Tensor, "batch colour rows columns"]:
    """Return a dream of an image, rendered with `size` pixels."""
    return render_beyond(stronger(image, dream.strength), size, dream.window)
