"""Weights -> device -> codes: pictures in, a few numbers each out, and back at any size."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import final

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.autoencoder import Autoencoder
from amortized_sr.choices import CodePathName
from amortized_sr.code_path import code_path
from amortized_sr.coords import Size
from amortized_sr.devices import choose_device
from amortized_sr.image_io.picture import PictureLike, plain_picture
from amortized_sr.mixture import GaussianMixture
from amortized_sr.picture import Picture
from amortized_sr.picture_tensor import check_values, picture_to_tensor
from amortized_sr.weights import load_weights
from amortized_sr.weights_header import DEFAULT_AUTOENCODER, WeightsError


@final
class Coder:
    """A trained autoencoder on a device, ready for pictures and codes.

    Args:
        model: The autoencoder; it stays where it is, a copy is used.
        device: Name of the device; `auto` takes the fastest.
        digest: SHA-256 hash of the weights' file; empty for a model that was not loaded from one.

    Raises:
        ValueError: If the device is not available.

    Example:
        >>> from PIL import Image
        >>> from amortized_sr import AutoencoderConfig, build_autoencoder
        >>> coder = Coder(build_autoencoder(AutoencoderConfig(code=8, components=2)))  # or Coder.from_pretrained()

        Encode: pictures of any size and kind become numbers.

        >>> images = [Image.new("L", (28, 28)), Image.new("RGB", (14, 9), "orange")]
        >>> codes = coder.encode(images)
        >>> codes.shape
        torch.Size([2, 8])

        Decode: numbers become functions, whose renderings have any size.

        >>> function = coder.decode(codes)
        >>> function.render((112, 112)).shape
        torch.Size([2, 1, 112, 112])
        >>> [picture.render((56, 56)).size for picture in coder.pictures(codes)]
        [(56, 56), (56, 56)]

        Sample: new codes like those of the training images, from the mixture that training ends with.

        >>> coder.prior().fit(torch.randn(64, 8), seed=0)  # trained weights hold it
        >>> new = coder.sample(3, seed=0)
        >>> coder.pictures(new)[0].render((512, 512)).size
        (512, 512)

        Morph: codes on a path from one to another.

        >>> path = coder.morph(codes[0], codes[1], frames=24, path="sphere")
        >>> film = [picture.render((64, 64)) for picture in coder.pictures(path)]
        >>> len(film)
        24
    """

    def __init__(self, model: Autoencoder, device: str | torch.device = "auto", digest: str = "") -> None:
        self.device = choose_device(device)
        self.model = copy.deepcopy(model).to(self.device).eval().requires_grad_(False)
        self.digest = digest

    @classmethod
    def from_pretrained(cls, source: str | Path = DEFAULT_AUTOENCODER, device: str | torch.device = "auto") -> "Coder":
        """Load bundled weights by name, or a local `.safetensors` file.

        Raises:
            WeightsError: If there are no such weights, they cannot be used, or are an upscaler's.
            ValueError: If the device is not available.
        """
        trained = load_weights(source)
        if not isinstance(trained.model, Autoencoder):
            raise WeightsError(
                f"{trained.path}: the weights are those of an upscaler, which has no codes for whole images; "
                "give those of an autoencoder"
            )
        return cls(trained.model, device, trained.digest)

    def encode(
        self, images: PictureLike | Sequence[PictureLike] | Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch code"]:
        """Return the codes of images; that of a picture does not depend on the others.

        Args:
            images: A picture or several, of any sizes, converted as training images are: to the model's channels,
                transparency on white. Or a tensor in [0, 1] with the model's channels.

        Raises:
            ValueError: If an image cannot be read, or a tensor does not fit.
        """
        if isinstance(images, Tensor):
            check_values(images)
            tensors = [images]
        else:
            several = [images] if isinstance(images, Image.Image | str | Path | np.ndarray) else images
            tensors = [self._colours(image) for image in several]
        if not tensors:
            raise ValueError("there are no images; give at least one")
        with torch.no_grad():
            codes = torch.cat([self.model.encode(tensor.detach().to(self.device).float()) for tensor in tensors])
        if not codes.isfinite().all():
            raise ValueError("an image holds NaN or infinity, so that it has no code; give values in [0, 1]")
        return codes

    def decode(self, codes: Float[Tensor, "batch code"], size: Size | None = None) -> AmortizedImage:
        """Return the images of codes as a function that can be rendered at any size.

        Args:
            codes: Codes of this model.
            size: `(height, width)` of the images in pixels; the frame's if None.

        Raises:
            ValueError: If the shape does not fit, or a number is not finite.
        """
        with torch.no_grad():
            function = self.model.decode(codes.detach().to(self.device).float(), size)
        return replace(function, latent=replace(function.latent, model=self.digest))

    def pictures(self, codes: Float[Tensor, "batch code"], size: Size | None = None) -> list[Picture]:
        """Return the images of codes as pictures, whose renderings are PIL pictures; see `decode`."""
        mode = "L" if self.model.channels == 1 else "RGB"
        return [Picture(self.decode(code, size), mode) for code in codes.split(1)]

    def sample(self, count: int, seed: int = 0, temperature: float = 0.8) -> Float[Tensor, "count code"]:
        """Return codes of new images, which depend on nothing but the arguments and the weights.

        Args:
            count: How many.
            seed: Decides them, from 0; the first codes of a longer list are those of a shorter one.
            temperature: How far they may be from the usual; 1 is as far as training images are, 0 gives means.

        Raises:
            ValueError: If an argument has no meaning, or the weights hold no fitted mixture.
        """
        return self.prior().sample(count, seed, temperature)

    def morph(
        self, start: Float[Tensor, " code"], stop: Float[Tensor, " code"], frames: int, path: CodePathName = "line"
    ) -> Float[Tensor, "frames code"]:
        """Return codes on a path from one code to another, the first and the last of which are these two.

        Raises:
            ValueError: If there are fewer than two frames, or the path needs a mixture and the weights hold none.
        """
        return code_path(path, start.to(self.device), stop.to(self.device), frames, self.model.prior)

    def prior(self) -> GaussianMixture:
        """Return the distribution of the training images' codes.

        Raises:
            ValueError: If the model was made without one.
        """
        if self.model.prior is None:
            raise ValueError("this model was made without a distribution of codes; train one with components")
        return self.model.prior

    def _colours(self, image: PictureLike) -> Float[Tensor, "1 channel height width"]:
        return picture_to_tensor(plain_picture(image).convert("L" if self.model.channels == 1 else "RGB"))
