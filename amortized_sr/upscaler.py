"""Weights -> device -> pictures: PIL in -> PIL out, tensor in -> tensor out."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import final, overload

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.axes import Rendering
from amortized_sr.choices import Precision
from amortized_sr.compute import DEFAULT_COMPUTE, DEFAULT_MEMORY, Compute, Notify, ignore
from amortized_sr.coords import WHOLE, Size, Window, check_window
from amortized_sr.image_io import MAX_INPUT_PIXELS, read_picture
from amortized_sr.latent import Latent, LatentError
from amortized_sr.model import AmortizedSR
from amortized_sr.picture_tensor import picture_to_tensor, tensor_to_picture
from amortized_sr.resize import shrink
from amortized_sr.sizes import check_size, scaled_size
from amortized_sr.strips import ReadRows, render_strips
from amortized_sr.tiling import AdaptiveEncoder
from amortized_sr.weights import TrainedModel, load_weights
from amortized_sr.weights_header import DEFAULT_MODEL

PictureLike = Image.Image | str | Path | UInt8[np.ndarray, "height width *channel"]
"""A picture of mode `L` or `RGB`, the path of an image file, or an array of bytes, grey or with three channels."""


@final
class Upscaler:
    """A trained model on a device, ready for pictures.

    Args:
        trained: The model with its configuration.
        compute: Where and how much is computed at once.

    Raises:
        ValueError: If the device is not available.

    Example:
        >>> upscaler = Upscaler.from_pretrained()
        >>> upscaler.upscale(Image.new("RGB", (8, 6)), scale=2.5).size
        (20, 15)
    """

    def __init__(self, trained: TrainedModel, compute: Compute = DEFAULT_COMPUTE) -> None:
        self.trained = trained
        self._encoder = AdaptiveEncoder.of(trained.model, compute)

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path = DEFAULT_MODEL,
        device: str | torch.device = "auto",
        memory: int = DEFAULT_MEMORY,
        precision: Precision = "fp32",
    ) -> "Upscaler":
        """Load bundled weights by name, or a local `.safetensors` file; see `Compute` for the other arguments.

        Raises:
            WeightsError: If there are no such weights or they cannot be used.
            ValueError: If the device is not available.
        """
        return cls(load_weights(source), Compute(str(device), memory, precision))

    @property
    def model(self) -> AmortizedSR:
        """The model, on the device."""
        return self._encoder.encoder.model

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self._encoder.encoder.device

    @overload
    def encode(self, image: PictureLike, tta: bool = ..., notify: Notify = ...) -> "Picture": ...
    @overload
    def encode(self, image: Tensor, tta: bool = ..., notify: Notify = ...) -> AmortizedImage: ...
    def encode(
        self, image: PictureLike | Tensor, tta: bool = False, notify: Notify = ignore
    ) -> "Picture | AmortizedImage":
        """Return the image as a function that can be rendered at any size.

        Args:
            image: A picture, or a tensor `(batch, 1 or 3, height, width)` in [0, 1], conditions behind the colours.
            tta: Whether to encode all eight flips and transpositions and to use their mean: better, slower.
            notify: Called when a fallback is used.

        Returns:
            A `Picture`, whose renderings are pictures, or an `AmortizedImage`, whose renderings are tensors.

        Raises:
            ValueError: If the mode or the shape is not supported, or the model's field has no self-ensemble.
        """
        if not isinstance(image, Tensor):
            picture = _as_picture(image)
            return Picture(self._encode(picture_to_tensor(picture), tta, notify), picture.info.get("icc_profile"))
        return self._encode(self._checked(image), tta, notify)

    def decode(self, latent: Latent) -> AmortizedImage:
        """Return the function of a latent that was made with the same weights.

        Raises:
            LatentError: If it was made with others.
        """
        if latent.model not in ("", self.trained.digest):
            raise LatentError(
                f"the latent was made with other weights (SHA-256 {latent.model[:12]}..., these are "
                f"{self.trained.digest[:12]}...); load those"
            )
        return self.model.decode(latent.to(self.device), self._encoder.encoder.compute.bounds)

    @overload
    def upscale(
        self,
        image: PictureLike,
        scale: float | None = ...,
        size: Size | None = ...,
        tta: bool = ...,
        notify: Notify = ...,
    ) -> Image.Image: ...
    @overload
    def upscale(
        self, image: Tensor, scale: float | None = ..., size: Size | None = ..., tta: bool = ..., notify: Notify = ...
    ) -> Tensor: ...
    def upscale(
        self,
        image: PictureLike | Tensor,
        scale: float | None = None,
        size: Size | None = None,
        tta: bool = False,
        notify: Notify = ignore,
    ) -> Image.Image | Tensor:
        """Return the image with `scale` times as many pixels a side, or with `size` pixels.

        Sizes below the image's own are reached by shrinking the rendering with the antialiased bicubic kernel.

        Args:
            image: As for `encode`.
            scale: Output size over input size, any positive number.
            size: `(height, width)` of the result in pixels.
            tta: As for `encode`.
            notify: As for `encode`.

        Returns:
            A picture for a picture; for a tensor a tensor in [0, 1] of its type and on its device.

        Raises:
            ValueError: If not exactly one of `scale` and `size` is given, or its value is invalid.
        """
        if (scale is None) == (size is None):
            raise ValueError("give either scale or size, not both and not neither")
        if isinstance(image, Tensor):
            picture, planes = None, self._checked(image)
        else:
            picture = _as_picture(image)
            planes = picture_to_tensor(picture)
        image_size = planes.shape[-2], planes.shape[-1]
        # Before the encoder runs: an invalid size should cost nothing.
        if size is not None:
            target = check_size(size)
        else:
            assert scale is not None
            target = scaled_size(image_size, scale)
        rendering = Rendering(target, image_size)
        strips = self.strips(lambda start, stop: planes[:, :, start:stop].float(), rendering, len(planes), tta, notify)
        if picture is not None:
            return _with_profile(_paste_strips(strips, picture.mode, target), picture.info.get("icc_profile"))
        # `new_empty` and not a list of strips: those and their concatenation would take the memory twice.
        result = planes.new_empty((len(planes), planes.shape[1] - len(self.model.conditions), *target))
        _collect(result, strips)
        return result

    def strips(
        self, read_rows: ReadRows, rendering: Rendering, batch: int = 1, tta: bool = False, notify: Notify = ignore
    ) -> Iterator[Float[Tensor, "batch colour rows width"]]:
        """Render an image from the top to the bottom, holding only what the next strip needs.

        Args:
            read_rows: Returns rows of the image as colours in [0, 1] and conditions; called from the top to the bottom.
            rendering: Size of the whole picture, which may be larger than any memory, and of the image.
            batch: How many images `read_rows` returns, to be rendered together.
            tta: As for `encode`.
            notify: As for `encode`.

        Yields:
            Strips of rows of any height, on the device, not clamped.

        Raises:
            MemoryError: If there is not enough memory for a single row.
        """
        return render_strips(self._encoder, read_rows, rendering, batch, tta, notify)

    def _encode(self, planes: Tensor, tta: bool, notify: Notify) -> AmortizedImage:
        height, width = planes.shape[-2:]
        if height * width > MAX_INPUT_PIXELS:
            raise ValueError(
                f"an image of {width}x{height} pixels as a function is above the limit of {MAX_INPUT_PIXELS:,}; "
                "crop it first, or use upscale, which needs no such memory"
            )
        function = self._encoder.encode(planes.float(), slice(0, height), tta, notify)
        return replace(function, latent=replace(function.latent, model=self.trained.digest))

    def _checked(self, image: Tensor) -> Tensor:
        if not image.is_floating_point():
            raise ValueError(f"an image tensor must hold floats in [0, 1], got {image.dtype}; divide bytes by 255")
        self.model.check_planes(image)
        # Colours may leave [0, 1] a little, as those of a resized image do.
        largest = image.amax().item()
        if largest > 2:
            raise ValueError(f"an image tensor must hold values in [0, 1], got up to {largest:g}; divide by 255")
        return image.detach()  # inference only; gradients pass through `model.encode`


def _as_picture(image: PictureLike) -> Image.Image:
    """Return the PIL picture of anything that counts as a picture.

    Raises:
        ValueError: If it is something else.
    """
    if isinstance(image, Image.Image):
        return image
    if isinstance(image, str | Path):
        return read_picture(Path(image))
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and (image.ndim == 2 or image.shape[2:] == (3,)):
        return Image.fromarray(image)
    kind = f"an array of {image.dtype} and shape {image.shape}" if isinstance(image, np.ndarray) else type(image)
    raise ValueError(
        f"an image must be a PIL picture, a path, a uint8 array (height, width) or (height, width, 3), or a tensor "
        f"(batch, channels, height, width), got {kind}"
    )


def _paste_strips(strips: Iterator[Tensor], mode: str, size: Size) -> Image.Image:
    picture = Image.new(mode, (size[1], size[0]))
    row = 0
    for strip in strips:
        picture.paste(tensor_to_picture(strip), (0, row))
        row += strip.shape[-2]
    return picture


@torch.inference_mode()
def _collect(result: Tensor, strips: Iterator[Tensor]) -> None:
    row = 0
    for strip in strips:
        result[:, :, row : row + strip.shape[-2]] = strip.clamp_(0, 1)
        row += strip.shape[-2]


def _with_profile(picture: Image.Image, profile: bytes | None) -> Image.Image:
    picture.info = {"icc_profile": profile} if profile else {}
    return picture


@final
@dataclass(frozen=True)
class Picture:
    """One PIL picture as a function: a `ContinuousImage` whose renderings are pictures again.

    Attributes:
        function: The image as a function of the coordinate, for everything that is not a picture.
        icc_profile: Colour profile of the original, given to every rendering.
    """

    function: AmortizedImage
    icc_profile: bytes | None = field(default=None, repr=False)

    @property
    def latent(self) -> Latent:
        """The picture's latent."""
        return self.function.latent

    @torch.inference_mode()
    def __call__(
        self, coord: Float[Tensor, "query 2"], cell: Float[Tensor, " 2"] | None = None
    ) -> Float[Tensor, "query colour"]:
        """Return the colours at points `(y, x)` in [-1, 1], not clamped."""
        return self.function(coord, cell)[0]

    @torch.inference_mode()
    def render(self, size: Size, window: Window = WHOLE) -> Image.Image:
        """Return the picture, or the part of it in `window = (y0, x0, y1, x1)`, with `size = (height, width)`."""
        rendering = Rendering(check_size(size), self.function.size, check_window(window))
        rendered = shrink(self.function.render(rendering.drawn, window), rendering.size)
        return _with_profile(tensor_to_picture(rendered), self.icc_profile)

    def _repr_png_(self) -> bytes:
        """Return the PNG that a notebook shows: about 512 pixels along the longer side."""
        height, width = self.function.size
        scale = max(1.0, 512 / max(height, width))
        file = io.BytesIO()
        self.render(scaled_size((height, width), scale)).save(file, format="PNG")
        return file.getvalue()
