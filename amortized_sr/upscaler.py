"""Weights -> device -> pictures: what users call. PIL in -> PIL out, tensor in -> tensor out."""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final, overload

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from amortized_sr.choices import DeviceName, Precision
from amortized_sr.continuous import ContinuousImage
from amortized_sr.coords import WHOLE, Size, Window, check_window
from amortized_sr.devices import choose_device
from amortized_sr.image_io import MAX_INPUT_PIXELS
from amortized_sr.model import AmortizedSR, check_image
from amortized_sr.picture_tensor import picture_to_tensor, tensor_to_picture
from amortized_sr.resize import shrink
from amortized_sr.sizes import check_size, scaled_size
from amortized_sr.strips import ReadRows, draw_strips
from amortized_sr.tiling import DEFAULT_MEMORY, TiledEncoder
from amortized_sr.weights import DEFAULT_MODEL, TrainedModel, load_weights

# Larger outputs are drawn in tiles of this side: beyond it, one tile's intermediates leave the caches anyway.
_TILE = 2048


@final
class Upscaler:
    """A trained model on a device, ready for pictures.

    Args:
        trained: The model with its configuration.
        device: Where to compute; `auto` takes the fastest there is, and goes on with the CPU if that is too small.
        memory: Bytes that one picture's working set may take, besides the picture and its rendering themselves.
        precision: Number format of the encoder.
        notify: Told in one sentence of everything that was not as planned.
        tta: Whether to encode all eight flips and transpositions of an image and to use their mean.

    Raises:
        ValueError: If the device is not available, or the model's field has no self-ensemble.

    Example:
        >>> upscaler = Upscaler.from_pretrained()
        >>> upscaler.upscale(Image.new("RGB", (8, 6)), scale=2.5).size
        (20, 15)
    """

    def __init__(
        self,
        trained: TrainedModel,
        device: DeviceName = "auto",
        memory: int = DEFAULT_MEMORY,
        precision: Precision = "fp32",
        notify: Callable[[str], None] = lambda sentence: None,
        tta: bool = False,
    ) -> None:
        self.trained = trained
        # A copy, because moving a module moves it for everyone.
        model = copy.deepcopy(trained.model)
        model.ensemble = tta
        if tta and not model.field.symmetric:
            raise ValueError(
                f"the field {trained.config.field!r} has no self-ensemble; leave tta out or use a model with `hyper`"
            )
        self._encoder = TiledEncoder(model, choose_device(device), memory, precision, device == "auto", notify)

    @property
    def model(self) -> AmortizedSR:
        """The model, on the device."""
        return self._encoder.model

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self._encoder.device

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path = DEFAULT_MODEL,
        device: DeviceName = "auto",
        memory: int = DEFAULT_MEMORY,
        precision: Precision = "fp32",
        notify: Callable[[str], None] = lambda sentence: None,
        tta: bool = False,
    ) -> "Upscaler":
        """Load bundled weights by name, or a local `.safetensors` file.

        Raises:
            WeightsError: If there are no such weights or they cannot be used.
            ValueError: If the device is not available, or the model's field has no self-ensemble.
        """
        return cls(load_weights(source), device, memory, precision, notify, tta)

    @overload
    def encode(self, image: Image.Image) -> "Picture": ...
    @overload
    def encode(self, image: Tensor) -> ContinuousImage: ...
    def encode(self, image: Image.Image | Tensor) -> "Picture | ContinuousImage":
        """Return the image as a function that can be rendered at any size.

        Args:
            image: A picture of mode `L` or `RGB`, or a tensor `(batch, 1 or 3, height, width)` in [0, 1].

        Returns:
            A `Picture`, whose renderings are pictures, or a `ContinuousImage`, whose renderings are tensors.

        Raises:
            ValueError: If the mode or the shape is not supported.
        """
        if isinstance(image, Image.Image):
            return Picture(self._encode(picture_to_tensor(image)), image.info.get("icc_profile"))
        return self._encode(image)

    @overload
    def upscale(self, image: Image.Image, scale: float | None = None, size: Size | None = None) -> Image.Image: ...
    @overload
    def upscale(self, image: Tensor, scale: float | None = None, size: Size | None = None) -> Tensor: ...
    def upscale(
        self, image: Image.Image | Tensor, scale: float | None = None, size: Size | None = None
    ) -> Image.Image | Tensor:
        """Return the image with `scale` times as many pixels a side, or with `size` pixels.

        Sizes below the image's own are reached by shrinking the rendering with the antialiased bicubic kernel.

        Args:
            image: As for `encode`.
            scale: Output size over input size, any positive number.
            size: `(height, width)` of the result in pixels.

        Returns:
            A picture for a picture; for a tensor a tensor in [0, 1] of its type and on its device.

        Raises:
            ValueError: If not exactly one of `scale` and `size` is given, or its value makes no sense.
        """
        if (scale is None) == (size is None):
            raise ValueError("give either scale or size, not both and not neither")
        values = picture_to_tensor(image) if isinstance(image, Image.Image) else _checked(image)
        own = values.shape[-2], values.shape[-1]
        # Before the encoder runs: a size that makes no sense should cost nothing.
        if size is not None:
            target = check_size(size)
        else:
            assert scale is not None
            target = scaled_size(own, scale)
        strips = self.strips(lambda first, stop: values[:, :, first:stop].float(), own, target, len(values))
        if not isinstance(image, Image.Image):
            # `new_empty` and not a list of strips: those and their concatenation would take the memory twice.
            result = image.new_empty((*image.shape[:2], *target))
            _collect(result, (strip.clamp_(0, 1) for strip in strips))
            return result
        picture = Image.new(image.mode, (target[1], target[0]))
        row = 0
        for strip in strips:
            picture.paste(tensor_to_picture(strip), (0, row))
            row += strip.shape[-2]
        profile = image.info.get("icc_profile")
        picture.info = {"icc_profile": profile} if profile else {}
        return picture

    def strips(
        self, read_rows: ReadRows, own: Size, size: Size, batch: int = 1
    ) -> Iterator[Float[Tensor, "batch colour rows width"]]:
        """Draw an image with `size` pixels from the top to the bottom, holding only what the next strip needs.

        Args:
            read_rows: Returns rows of the image as values in [0, 1]; called from the top to the bottom.
            own: Size of the image.
            size: Size of the whole rendering; may be larger than any memory.
            batch: How many images `read_rows` returns, to be drawn together.

        Yields:
            Strips of rows of any height, on the device, not clamped.

        Raises:
            MemoryError: If there is not enough memory for a single row.
        """
        return draw_strips(self._encoder, read_rows, own, size, batch)

    def _encode(self, image: Tensor) -> ContinuousImage:
        height, width = _checked(image).shape[-2:]
        if height * width > MAX_INPUT_PIXELS:
            raise ValueError(
                f"an image of {width}x{height} pixels as a function is above the limit of {MAX_INPUT_PIXELS:,}; "
                "crop it first, or use upscale, which needs no such memory"
            )
        return self._encoder.encode(image.float())


def _checked(image: Tensor) -> Tensor:
    if not image.is_floating_point():
        raise ValueError(f"an image tensor must hold floats in [0, 1], got {image.dtype}; divide bytes by 255")
    check_image(image)
    return image


@torch.inference_mode()
def _collect(result: Tensor, strips: Iterator[Tensor]) -> None:
    row = 0
    for strip in strips:
        result[:, :, row : row + strip.shape[-2]] = strip
        row += strip.shape[-2]


@final
@dataclass(frozen=True)
class Picture:
    """One PIL picture as a function: a `ContinuousImage` whose renderings are pictures again.

    Attributes:
        function: The image as a function of the coordinate, for everything that is not a picture.
        icc_profile: Colour profile of the original, given to every rendering.
    """

    function: ContinuousImage
    icc_profile: bytes | None = None

    @torch.inference_mode()
    def __call__(
        self, coord: Float[Tensor, "query 2"], cell: Float[Tensor, " 2"] | None = None
    ) -> Float[Tensor, "query colour"]:
        """Return the colours at points `(y, x)` in [-1, 1], not clamped."""
        return self.function(coord, cell)[0]

    def render(self, size: Size, window: Window = WHOLE) -> Image.Image:
        """Return the picture, or the part of it in `window = (y0, x0, y1, x1)`, with `size = (height, width)`."""
        picture = tensor_to_picture(_render(self.function, size, window))
        if self.icc_profile:
            picture.info["icc_profile"] = self.icc_profile
        return picture


@torch.inference_mode()
def _render(function: ContinuousImage, size: Size, window: Window = WHOLE) -> Tensor:
    """Render in tiles; what is asked for with fewer pixels than the image has is drawn in full, then shrunk."""
    size = check_size(size)
    y0, x0, y1, x1 = check_window(window)
    height, width = function.size
    # A window's borders are rounded numbers: a millionth of a pixel is none.
    own = math.ceil((y1 - y0) / 2 * height - 1e-6), math.ceil((x1 - x0) / 2 * width - 1e-6)
    drawn = max(size[0], own[0]), max(size[1], own[1])
    return shrink(function.render(drawn, window, tile=_TILE), size)
