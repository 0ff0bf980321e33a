"""What the engines without torch share: images drawn one after another, in strips, within a bound of memory."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Float32
from PIL import Image

from amortized_sr.axes import Rendering
from amortized_sr.compute import Compute
from amortized_sr.coords import Size
from amortized_sr.engine import ReadArrays, Rows
from amortized_sr.model_config import ModelConfig

Draw = Callable[
    [Float32[np.ndarray, "colour height width"], Sequence[float], Rendering],
    Iterator[Float32[np.ndarray, "colour rows width"]],
]
"""Yields an image's strips, with the conditions that the model reads."""

# Features of a layer, its input and its result, beside the codes.
_WIDTHS_HELD = 4

# Fresh memory is slow: the first picture of a process takes a third less with strips of half a megabyte a colour.
_STRIP_PIXELS = 1 << 17


class TorchNeededError(ValueError):
    """Something that only torch computes; the message says what."""


def check_choices(name: str, compute: Compute, tta: bool) -> None:
    """Check that an engine without torch is asked for what it computes.

    Raises:
        TorchNeededError: If it is not.
    """
    if tta:
        raise TorchNeededError(f"the engine {name} has no self-ensemble")
    if compute.device not in ("auto", "cpu"):
        raise TorchNeededError(f"the engine {name} computes on the CPU, not on {compute.device}")
    if compute.precision not in ("auto", "fp32"):
        raise TorchNeededError(f"the engine {name} computes in fp32, not in {compute.precision}")


def check_memory(name: str, config: ModelConfig, image_size: Size, memory: int) -> None:
    """Check that an image can be encoded as a whole.

    Raises:
        TorchNeededError: If that takes more than the memory that was given.
    """
    functions = 2 * config.frequencies + 1
    # At half the resolution, a pixel has a quarter of the features.
    half = config.half_width // 4 if config.encoder == "hybrid" else 0
    width = _WIDTHS_HELD * max(config.encoder_width, config.head_width, half)
    # Codes are held as they are made and in one array. A grey model holds those of three colours.
    needed = 4 * (width + 2 * 3 * functions**2) * image_size[0] * image_size[1]
    if needed > memory:
        raise TorchNeededError(
            f"the engine {name} encodes an image as a whole, and {image_size[1]}x{image_size[0]} pixels take "
            f"{needed >> 20} MiB, more than the {memory >> 20} that it may use"
        )


def draw_images(
    draw: Draw, read_rows: ReadArrays, rendering: Rendering, told: Sequence[Sequence[float]]
) -> Iterator[Rows]:
    """Yield renderings from the top to the bottom, in strips of rows; see `engine.Engine`.

    Args:
        draw: Draws one image.
        read_rows: The images.
        rendering: Size of the picture and of the images.
        told: The conditions of each image.
    """
    images = read_rows(0, rendering.image_size[0])
    whole = Rendering(rendering.drawn, rendering.image_size)
    parts = (draw(image, values, whole) for image, values in zip(images, told, strict=True))
    return shrink_rows((np.stack(rows) for rows in zip(*parts, strict=True)), rendering)


def shrink_rows(strips: Iterator[Rows], rendering: Rendering) -> Iterator[Rows]:
    """Bring strips of a rendering's drawn size to its own size, with Pillow's antialiased bicubic kernel."""
    if rendering.drawn == rendering.size:
        return strips
    return iter([_shrunk(np.concatenate(list(strips), axis=2), rendering.size)])


def heights(size: Size, image_size: Size) -> list[int]:
    """Return the heights of strips that stay in a cache, of four cells at least: each strip reads two more."""
    height = max(4 * size[0] // image_size[0], _STRIP_PIXELS // size[1])
    return [min(height, size[0] - first) for first in range(0, size[0], height)]


def _shrunk(images: Rows, size: Size) -> Rows:
    planes = images.reshape(-1, *images.shape[2:])
    turned = size[1], size[0]
    shrunk = [np.asarray(Image.fromarray(plane).resize(turned, Image.Resampling.BICUBIC)) for plane in planes]
    return np.stack(shrunk).reshape(*images.shape[:2], *size)
