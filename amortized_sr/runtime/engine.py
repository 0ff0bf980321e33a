"""A model on numpy: renders pictures as `Upscaler` does, without torch."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Float32

from amortized_sr.axes import Rendering, axes
from amortized_sr.choices import ConditionName, Precision
from amortized_sr.compute import Compute, Notify, ignore
from amortized_sr.coords import Size
from amortized_sr.engine import ReadArrays, Rows
from amortized_sr.model_config import ModelConfig
from amortized_sr.runtime.convolution import Network
from amortized_sr.runtime.grid import interpolation, render_rows, sinusoids
from amortized_sr.runtime.images import TorchNeededError, check_choices, check_memory, draw_images, heights, shrink_rows
from amortized_sr.runtime.weights import read_tensors
from amortized_sr.strength import HALF_CORRECTED, Strength
from amortized_sr.weights_header import Config, find_weights, read_header

# The layers do 28 multiplications in a nanosecond. Before pixels are drawn, each number of a code takes 13. Each pixel
# takes torch 3.3 ns more than numpy.
_WORK_PER_NUMBER, _SAVED_PER_PIXEL = 370, 100


@final
class NumpyEngine:
    """A trained model for pictures, without torch.

    Args:
        path: Its `.safetensors` file.
        compute: How much is computed at once; the device is the CPU and the precision fp32.

    Raises:
        TorchNeededError: If the model or what is asked of it is not among what this engine computes.
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
            tensors["field.basis.frequency"],
            blur,
            self._config.finest_cell,
            self._config.neighbors,
            self._config.keeps_tone,
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

    def work(self, image_size: Size, drawn_alone: Size = (0, 0)) -> int:
        """Return how many multiplications the layers do in the time that this engine takes more than a loaded torch.

        Args:
            image_size: Size of the picture.
            drawn_alone: Size of an output that torch would not draw beside others: there numpy saves time.
        """
        height, width = image_size
        items = 3 if self._config.channels == 1 else 1
        numbers = self._config.channels * (2 * self._config.frequencies + 1) ** 2
        layers = items * (self._network.work_per_pixel + _WORK_PER_NUMBER * numbers) * height * width
        return layers - _SAVED_PER_PIXEL * drawn_alone[0] * drawn_alone[1]

    def check_memory(self, image_size: Size) -> None:
        """Check that an image can be encoded as a whole.

        Raises:
            TorchNeededError: If that takes more than the memory that was given.
        """
        check_memory("numpy", self._config, image_size, self._compute.memory)

    def draw_rows(
        self,
        read_rows: ReadArrays,
        rendering: Rendering,
        strengths: Sequence[Strength],
        tta: bool = False,
        notify: Notify = ignore,
    ) -> Iterator[Rows]:
        """Yield a rendering from the top to the bottom, in strips of rows; see `engine.Engine`."""
        check_choices("numpy", self._compute, tta)
        self.check_memory(rendering.image_size)
        told = [strength.conditions(self.conditions) for strength in strengths]
        return draw_images(self._draw, read_rows, rendering, told)

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
        if not grey and colours == 1:
            # The mean of codes is the code of a mean.
            codes = codes.reshape(3, -1, *codes.shape[1:]).mean(axis=0)
        layers = [(self._field, codes)] + ([] if self._skip is None else [(self._skip, image)])
        return render_rows(layers, *axes(size, rendering.image_size), heights(size, rendering.image_size))


def _supported(config: Config, compute: Compute) -> ModelConfig:
    """Return a configuration that this engine computes, or raise a `TorchNeededError` that says what it lacks."""
    check_choices("numpy", compute, tta=False)
    if not isinstance(config, ModelConfig):
        raise TorchNeededError("the engine numpy has no autoencoders")
    if config.field != "hyper":
        raise TorchNeededError(f"the engine numpy has the field hyper, not {config.field}")
    if config.footprint == "box":
        raise TorchNeededError("the engine numpy has the footprints point and gauss, not box")
    return config
