"""A model on numpy: renders pictures as `Upscaler` does, without torch."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Float32
from PIL import Image

from amortized_sr.axes import Rendering, axes
from amortized_sr.choices import ConditionName, Precision
from amortized_sr.compute import Compute, Notify, ignore
from amortized_sr.coords import Size
from amortized_sr.engine import ReadArrays, Rows
from amortized_sr.model_config import ModelConfig
from amortized_sr.runtime.convolution import Network
from amortized_sr.runtime.grid import Kernel, interpolation, render_rows, sinusoids
from amortized_sr.runtime.weights import read_tensors
from amortized_sr.strength import HALF_CORRECTED, Strength
from amortized_sr.weights_header import Config, find_weights, read_header

# Features of a layer, its input and its result, beside the codes.
_WIDTHS_HELD = 4

_STRIP_PIXELS = 1 << 18

# The layers do 28 multiplications in a nanosecond, and a pixel is drawn in 55.
_WORK_PER_PIXEL = 1500


class NumpyError(ValueError):
    """Something that only torch computes; the message says what."""


@final
class NumpyEngine:
    """A trained model for pictures, without torch.

    Args:
        path: Its `.safetensors` file.
        compute: How much is computed at once; the device is the CPU and the precision fp32.

    Raises:
        NumpyError: If the model or what is asked of it is not among what this engine computes.
        WeightsError: If there are no such weights or they cannot be used.
    """

    def __init__(self, path: Path, compute: Compute) -> None:
        header = read_header(path)
        self._config = _supported(header.config, compute)
        self._compute = compute
        tensors = read_tensors(path, header, self._config)
        self._network = Network(self._config, tensors)
        blur = float(tensors["field.basis.blur"]) if self._config.footprint == "gauss" else None
        self._field = sinusoids(
            tensors["field.basis.frequency"], blur, self._config.finest_cell, self._config.neighbors
        )
        self._skip = None if self._config.skip == "none" else interpolation(self._config.skip)

    @classmethod
    def from_pretrained(cls, source: str | Path, compute: Compute) -> "NumpyEngine":
        """Load bundled weights by name, or a local `.safetensors` file."""
        return cls(find_weights(source), compute)

    @property
    def conditions(self) -> tuple[ConditionName, ...]:
        """What the model reads beside the colours."""
        return self._config.conditions

    @property
    def precision(self) -> Precision:
        """Single precision, the only one of this engine."""
        return "fp32"

    def work(self, image_size: Size, size: Size) -> int:
        """Return how many multiplications the layers have to do for a colour picture in the time that it takes."""
        height, width = image_size
        encoding = self._network.work_per_pixel * height * width * (3 if self._config.channels == 1 else 1)
        return encoding + _WORK_PER_PIXEL * max(size[0], height) * max(size[1], width)

    def check_memory(self, image_size: Size) -> None:
        """Check that an image can be encoded as a whole.

        Raises:
            NumpyError: If that takes more than the memory that was given.
        """
        config, functions = self._config, 2 * self._config.frequencies + 1
        # At half the resolution, a pixel has a quarter of the features.
        half = config.half_width // 4 if config.encoder == "hybrid" else 0
        width = _WIDTHS_HELD * max(config.encoder_width, config.head_width, half)
        # Codes are held as they are made and in one array. A grey model holds those of three colours.
        needed = 4 * (width + 2 * 3 * functions**2) * image_size[0] * image_size[1]
        if needed > self._compute.memory:
            raise NumpyError(
                f"the engine numpy encodes an image as a whole, and {image_size[1]}x{image_size[0]} pixels take "
                f"{needed >> 20} MiB, more than the {self._compute.memory >> 20} that it may use"
            )

    def draw_rows(
        self,
        read_rows: ReadArrays,
        rendering: Rendering,
        strengths: Sequence[Strength],
        tta: bool = False,
        notify: Notify = ignore,
    ) -> Iterator[Rows]:
        """Yield a rendering from the top to the bottom, in strips of rows; see `engine.Engine`."""
        if tta:
            raise NumpyError("the engine numpy has no self-ensemble")
        self.check_memory(rendering.image_size)
        images = read_rows(0, rendering.image_size[0])
        whole = Rendering(rendering.drawn, rendering.image_size)
        told = [strength.conditions(self.conditions) for strength in strengths]
        parts = (self._draw(image, values, whole) for image, values in zip(images, told, strict=True))
        drawn = (np.stack(rows) for rows in zip(*parts, strict=True))
        return self.shrink_rows(drawn, rendering)

    def shrink_rows(self, strips: Iterator[Rows], rendering: Rendering) -> Iterator[Rows]:
        """Bring strips of a rendering's drawn size to its own size, with Pillow's antialiased bicubic kernel."""
        return shrink_rows(strips, rendering)

    def _draw(
        self, image: Float32[np.ndarray, "colour height width"], told: Sequence[float], rendering: Rendering
    ) -> Iterator[Float32[np.ndarray, "colour rows width"]]:
        """Yield one image's strips, with the conditions that the model reads."""
        size, colours = rendering.size, len(image)
        # As in `ImageModel`: a grey model sees each colour alone, a colour model sees grey as three equal colours.
        grey = self._config.channels == 1
        items = image[:, None] if grey else np.broadcast_to(image, (1, 3, *image.shape[1:]))
        known = np.broadcast_to(np.array(told, np.float32)[:, None, None], (len(told), *image.shape[1:]))
        made = [self._network.codes(np.concatenate((item, known))) for item in items]
        codes = np.concatenate([part[: self._config.code_channels] for part in made])
        if self._config.corrects:
            correction = np.concatenate([part[self._config.code_channels :] for part in made])
            if not grey and colours == 1:
                correction = correction.mean(axis=0, keepdims=True)
            image = image + correction * np.float32(max(told) / (max(told) + HALF_CORRECTED))
        parts = heights(size, rendering.image_size)
        learned = _strips(self._field, codes, rendering, parts)
        if not grey and colours == 1:
            learned = (strip.mean(axis=0, keepdims=True) for strip in learned)
        if self._skip is None:
            return learned
        base = _strips(self._skip, image, rendering, parts)
        return (below + above for below, above in zip(base, learned, strict=True))


def shrink_rows(strips: Iterator[Rows], rendering: Rendering) -> Iterator[Rows]:
    """Bring strips of a rendering's drawn size to its own size, with Pillow's antialiased bicubic kernel."""
    if rendering.drawn == rendering.size:
        return strips
    return iter([_shrunk(np.concatenate(list(strips), axis=2), rendering.size)])


def heights(size: Size, image_size: Size) -> list[int]:
    """Return the heights of strips that stay in a cache, of eight cells at least: each strip reads two more."""
    height = max(8 * size[0] // image_size[0], _STRIP_PIXELS // size[1])
    return [min(height, size[0] - first) for first in range(0, size[0], height)]


def _supported(config: Config, compute: Compute) -> ModelConfig:
    """Return a configuration that this engine computes, or raise a `NumpyError` that says what it lacks."""
    if compute.device not in ("auto", "cpu"):
        raise NumpyError(f"the engine numpy computes on the CPU, not on {compute.device}")
    if compute.precision not in ("auto", "fp32"):
        raise NumpyError(f"the engine numpy computes in fp32, not in {compute.precision}")
    if not isinstance(config, ModelConfig):
        raise NumpyError("the engine numpy has no autoencoders")
    if config.field != "hyper":
        raise NumpyError(f"the engine numpy has the field hyper, not {config.field}")
    if config.footprint == "box":
        raise NumpyError("the engine numpy has the footprints point and gauss, not box")
    return config


def _strips(
    kernel: Kernel, codes: Float32[np.ndarray, "channel cells_y cells_x"], rendering: Rendering, parts: list[int]
) -> Iterator[Float32[np.ndarray, "colour rows width"]]:
    return render_rows(kernel, codes, *axes(rendering.size, rendering.image_size), parts)


def _shrunk(images: Rows, size: Size) -> Rows:
    planes = images.reshape(-1, *images.shape[2:])
    turned = size[1], size[0]
    shrunk = [np.asarray(Image.fromarray(plane).resize(turned, Image.Resampling.BICUBIC)) for plane in planes]
    return np.stack(shrunk).reshape(*images.shape[:2], *size)
