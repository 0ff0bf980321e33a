"""The autoencoder: image of any size -> one code -> image as a function."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.compute import DEFAULT_BOUNDS, Bounds
from amortized_sr.coords import Size
from amortized_sr.decoders import Decoder
from amortized_sr.encoders.whole import WholeEncoder
from amortized_sr.fields.base import Field
from amortized_sr.image_model import ImageModel
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.latent import Latent
from amortized_sr.mixture import GaussianMixture


@final
class Autoencoder(ImageModel):
    """Turns an image of any size into a few numbers, and such numbers into a function that can be rendered.

    A code needs no image: it can be stored, changed, mixed with others, or drawn from the mixture of Gaussians.

    Args:
        encoder: Frame -> code.
        decoder: Code -> codes of the field.
        field: (offset, cell, code) -> colour.
        prior: Distribution of the training images' codes, or None.
        code_size: Numbers of a code.
        frame: `(height, width)` in pixels that every image is brought to before it is encoded.
        channels: Colour channels, 1 or 3.
        mean: Mean of the training images, subtracted from the encoder's colours.
        deviation: Standard deviation of the training images, which the encoder's colours are divided by.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        encoder: WholeEncoder,
        decoder: Decoder,
        field: Field,
        prior: GaussianMixture | None,
        code_size: int,
        frame: Size,
        channels: int,
        mean: float,
        deviation: float,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.field = field
        self.prior = prior
        self.code_size = code_size
        self.frame = frame
        self.channels = channels
        self.conditions = ()
        self.skip = None
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("deviation", torch.tensor(deviation))

    def forward(
        self, image: Float[Tensor, "batch channel height width"], size: Size
    ) -> Float[Tensor, "batch colour rows columns"]:
        """Return the images, encoded and drawn with `size` pixels."""
        return self.function_of_code(self.encode(image)).render(size)

    def encode(self, image: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch code"]:
        """Return the codes of images in [0, 1].

        The encoder sees the image in its frame, and in one more plane how many pixels it had: a sharp 7x7 image and a
        blurred 28x28 one look alike in the frame.

        Raises:
            ValueError: If the shape does not fit.
        """
        if image.ndim != 4 or image.shape[1] != self.channels or 0 in image.shape:
            raise ValueError(
                f"image must have shape (batch, {self.channels}, height, width) and no empty axis, "
                f"got {tuple(image.shape)}"
            )
        framed = InterpolatedImage.like_pillow(image, "bicubic").render(self.frame)
        side = min(*image.shape[-2:], *self.frame)
        known = framed.new_tensor(side / self.frame[0]).log2().expand_as(framed[:, :1])
        planes = torch.cat(((framed - self.mean) / self.deviation, known), dim=1)
        return self.encoder(planes).to(image.dtype)

    def decode(
        self, code: Float[Tensor, "batch code"], size: Size | None = None, bounds: Bounds = DEFAULT_BOUNDS
    ) -> AmortizedImage:
        """Return the images of codes as a function.

        Args:
            code: Codes of this model.
            size: `(height, width)` of the images in pixels, which `scale` refers to; the frame's if None.
            bounds: How much is rendered at once.

        Raises:
            ValueError: If the shape does not fit, or a number is not finite.
        """
        if code.ndim != 2 or code.shape[1] != self.code_size:
            raise ValueError(f"a code of this model has {self.code_size} numbers, got {tuple(code.shape)}")
        if not code.isfinite().all():
            raise ValueError("a code holds NaN or infinity; encode the image again")
        return self.function_of_code(code, size, bounds)

    def function_of_code(
        self, code: Float[Tensor, "batch code"], size: Size | None = None, bounds: Bounds = DEFAULT_BOUNDS
    ) -> AmortizedImage:
        """Return `decode` without its checks: a training that diverges is stopped by its gradient, not by a code."""
        return self.function_of(Latent(self.decoder(code).to(code.dtype), size or self.frame, self.channels), bounds)

    @property
    def halo(self) -> int | None:
        """None: a code depends on the whole image."""
        return None

    @property
    def stride(self) -> int:
        """1: an image is never read in parts."""
        return 1

    @property
    def largest_input(self) -> Size | None:
        """The frame."""
        return self.frame

    def check_ensemble(self) -> None:
        """Refuse: a flipped image of the data set need not be one; see `ImageModel`."""
        raise ValueError(
            "an autoencoder has no self-ensemble, because flipped images have codes of their own; leave it out"
        )

    def encode_part(
        self, planes: Float[Tensor, "batch plane height width"], rows: slice, columns: slice, ensemble: bool = False
    ) -> Float[Tensor, "items channel cells_y cells_x"]:
        """Return the field's codes of whole images; see `ImageModel`."""
        if ensemble:
            self.check_ensemble()
        return self.decoder(self.encode(self.as_items(planes))).to(planes.dtype)
