"""Weights -> device -> pictures: PIL in -> PIL out, tensor in -> tensor out."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast, final, overload

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.axes import Rendering
from amortized_sr.choices import ConditionName, Precision
from amortized_sr.compute import DEFAULT_COMPUTE, DEFAULT_MEMORY, Compute, Notify, ignore
from amortized_sr.conditions import Dials, planes_of, with_strengths
from amortized_sr.coords import Size
from amortized_sr.engine import ReadArrays, Rows
from amortized_sr.hub import push_folder, save_folder
from amortized_sr.image_io import MAX_INPUT_PIXELS
from amortized_sr.image_io.picture import PictureLike, picture_with_step
from amortized_sr.image_model import ImageModel
from amortized_sr.latent import Latent, LatentError
from amortized_sr.picture import Picture, with_profile
from amortized_sr.picture_tensor import check_values, picture_to_tensor, tensor_to_picture
from amortized_sr.sizes import check_size, scaled_size
from amortized_sr.strength import Dial, Strength
from amortized_sr.strips import ReadRows, render_strips, shrink_strips
from amortized_sr.tiling import AdaptiveEncoder
from amortized_sr.weights import TrainedModel, load_weights
from amortized_sr.weights_header import DEFAULT_MODEL


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
        precision: Precision = "auto",
        revision: str | None = None,
    ) -> "Upscaler":
        """Load bundled weights by name, a local `.safetensors` file or folder, or a repository `user/name` of the hub.

        See `Compute` for the other arguments, `weights_header.find_weights` for the repository and its `revision`.

        Raises:
            WeightsError: If there are no such weights or they cannot be used.
            ValueError: If the device is not available.
        """
        return cls(load_weights(source, revision), Compute(str(device), memory, precision))

    def save_pretrained(self, folder: str | Path) -> Path:
        """Write the model as a folder that `from_pretrained` and the hub's own mixin load; see `hub.save_folder`."""
        return save_folder(self.trained, folder)

    def push_to_hub(self, repository: str, private: bool | None = None, message: str = "Upload model") -> str:
        """Upload the model to a repository `user/name` of the hub; see `hub.push_folder`."""
        return push_folder(self.trained, repository, private, message)

    @property
    def model(self) -> ImageModel:
        """The model, on the device."""
        return self._encoder.encoder.model

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self._encoder.encoder.device

    @property
    def precision(self) -> Precision:
        """Number format that the encoder computes in."""
        return self._encoder.encoder.precision

    @overload
    def encode(
        self, image: PictureLike, tta: bool = ..., notify: Notify = ..., noise: Dial = ..., jpeg: Dial = ...
    ) -> Picture: ...
    @overload
    def encode(
        self, image: Tensor, tta: bool = ..., notify: Notify = ..., noise: Dials = ..., jpeg: Dials = ...
    ) -> AmortizedImage: ...
    def encode(
        self,
        image: PictureLike | Tensor,
        tta: bool = False,
        notify: Notify = ignore,
        noise: Dials = "auto",
        jpeg: Dials = "auto",
    ) -> Picture | AmortizedImage:
        """Return the image as a function that can be rendered at any size.

        Args:
            image: A picture, or a tensor `(batch, 1 or 3, height, width)` in [0, 1].
            tta: Whether to encode all eight flips and transpositions and to use their mean: better, slower.
            notify: Called when a fallback is used.
            noise: How strong the noise is that is removed: `auto` (measured), `off`, or the standard deviation, 0 to
                75 of 255. For tensors also `(batch,)`, one number for each image.
            jpeg: How strongly the image was compressed: `auto` (of the tables in its file, so that tensors, arrays
                and converted pictures have none), `off`, or the quality, 1 to 100 and 0 for none. For tensors also
                `(batch,)`.

        Returns:
            A `Picture`, whose renderings are pictures, or an `AmortizedImage`, whose renderings are tensors.

        Raises:
            ValueError: If the mode or the shape is not supported, or the model's field has no self-ensemble.
            StrengthError: If a strength is out of range, or above 0 and the model does not read it.
        """
        if not isinstance(image, Tensor):
            picture, planes = self._read(image, noise, jpeg)
            return Picture(self._encode(planes, tta, notify), picture.mode, picture.info.get("icc_profile"))
        return self._encode(self._checked(image, noise, jpeg), tta, notify)

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
        return self.model.function_of(latent.to(self.device), self._encoder.encoder.compute.bounds)

    # fmt: off
    @overload
    def upscale(self, image: PictureLike, scale: float | None = ..., size: Size | None = ..., tta: bool = ...,
                notify: Notify = ..., noise: Dial = ..., jpeg: Dial = ...) -> Image.Image: ...
    @overload
    def upscale(self, image: Tensor, scale: float | None = ..., size: Size | None = ..., tta: bool = ...,
                notify: Notify = ..., noise: Dials = ..., jpeg: Dials = ...) -> Tensor: ...
    # fmt: on
    def upscale(
        self,
        image: PictureLike | Tensor,
        scale: float | None = None,
        size: Size | None = None,
        tta: bool = False,
        notify: Notify = ignore,
        noise: Dials = "auto",
        jpeg: Dials = "auto",
    ) -> Image.Image | Tensor:
        """Return the image with `scale` times as many pixels a side, or with `size` pixels.

        Sizes below the image's own are reached by shrinking the rendering with the antialiased bicubic kernel.

        Args:
            image: As for `encode`.
            scale: Output size over input size, any positive number.
            size: `(height, width)` of the result in pixels.
            tta: As for `encode`.
            notify: As for `encode`.
            noise: As for `encode`.
            jpeg: As for `encode`.

        Returns:
            A picture for a picture; for a tensor a tensor in [0, 1] of its type and on its device.

        Raises:
            ValueError: If not exactly one of `scale` and `size` is given, or its value is invalid.
        """
        if (scale is None) == (size is None):
            raise ValueError("give either scale or size, not both and not neither")
        if isinstance(image, Tensor):
            picture, planes = None, self._checked(image, noise, jpeg)
        else:
            picture, planes = self._read(image, noise, jpeg)
        image_size = planes.shape[-2], planes.shape[-1]
        # Before the encoder runs: an invalid size should cost nothing.
        target = check_size(size) if size is not None else scaled_size(image_size, cast("float", scale))
        rendering = Rendering(target, image_size)
        strips = self.strips(lambda start, stop: planes[:, :, start:stop].float(), rendering, len(planes), tta, notify)
        # Filled strip by strip: a list of strips and their concatenation would take the memory twice.
        if picture is not None:
            result = Image.new(picture.mode, (target[1], target[0]))
            for row, strip in _with_rows(strips):
                result.paste(tensor_to_picture(strip), (0, row))
            return with_profile(result, picture.info.get("icc_profile"))
        result = planes.new_empty((len(planes), planes.shape[1] - len(self.model.conditions), *target))
        with torch.inference_mode():
            for row, strip in _with_rows(strips):
                result[:, :, row : row + strip.shape[-2]] = strip.clamp_(0, 1)
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

    @property
    def conditions(self) -> tuple[ConditionName, ...]:
        """What the model reads beside colours."""
        return self.model.conditions

    def draw_rows(
        self,
        read_rows: ReadArrays,
        rendering: Rendering,
        strengths: Sequence[Strength],
        tta: bool = False,
        notify: Notify = ignore,
    ) -> Iterator[Rows]:
        """Render images from and to arrays of colours; see `strips`.

        Args:
            read_rows: Returns rows of the images.
            rendering: As for `strips`.
            strengths: What the model is told about each image.
            tta: As for `encode`.
            notify: As for `encode`.
        """

        def read_planes(first: int, stop: int) -> Tensor:
            return with_strengths(torch.from_numpy(read_rows(first, stop)), self.conditions, strengths)

        return (strip.cpu().numpy() for strip in self.strips(read_planes, rendering, len(strengths), tta, notify))

    def shrink_rows(self, strips: Iterator[Rows], rendering: Rendering) -> Iterator[Rows]:
        """Bring strips of a rendering's drawn size to its own size; see `strips.shrink_strips`."""
        return (strip.numpy() for strip in shrink_strips((torch.from_numpy(strip) for strip in strips), rendering))

    def _read(self, image: PictureLike, noise: Dials, jpeg: Dials) -> tuple[Image.Image, Tensor]:
        """Return a picture and its planes; three equal channels are one, so that neutral pictures stay neutral."""
        picture, step = picture_with_step(image)
        colours = picture_to_tensor(picture)
        neutral = colours.shape[1] == 3 and bool((colours == colours[:, :1]).all())
        return picture, planes_of(colours[:, :1] if neutral else colours, self.model.conditions, noise, jpeg, step)

    def _encode(self, planes: Tensor, tta: bool, notify: Notify) -> AmortizedImage:
        height, width = planes.shape[-2:]
        if height * width > MAX_INPUT_PIXELS:
            raise ValueError(
                f"an image of {width}x{height} pixels as a function is above the limit of {MAX_INPUT_PIXELS:,}; "
                "crop it first, or use upscale, which needs no such memory"
            )
        function = self._encoder.encode(planes.float(), slice(0, height), tta, notify)
        return replace(function, latent=replace(function.latent, model=self.trained.digest))

    def _checked(self, image: Tensor, noise: Dials, jpeg: Dials) -> Tensor:
        check_values(image)
        if image.ndim != 4 or image.shape[1] not in (1, 3) or 0 in image.shape:
            raise ValueError(
                f"image must have shape (batch, 1 or 3, height, width) and no empty axis, got {tuple(image.shape)}"
            )
        # Inference only; gradients pass through `model.encode`.
        return planes_of(image.detach(), self.model.conditions, noise, jpeg)


def _with_rows(strips: Iterator[Tensor]) -> Iterator[tuple[int, Tensor]]:
    """Yield strips with the number of their first row."""
    row = 0
    for strip in strips:
        yield row, strip
        row += strip.shape[-2]
