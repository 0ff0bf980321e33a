"""The model: image -> encoder -> head -> latent -> field -> colour, as a function of the coordinate."""

import math
from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.axes import Axis
from amortized_sr.choices import ConditionName
from amortized_sr.compute import DEFAULT_BOUNDS, Bounds
from amortized_sr.coords import Size
from amortized_sr.encoders.base import Encoder
from amortized_sr.fields.base import Field, SymmetricField
from amortized_sr.heads import Head
from amortized_sr.latent import Latent, LatentError
from amortized_sr.resize import InterpolationKernel
from amortized_sr.symmetry import TURNS


@final
class AmortizedSR(nn.Module):
    """Turns images into functions with one forward pass.

    The picture is the base image, if there is one, plus the contributions of the field.

    *Planes* are an image's colours followed by one plane for each condition. Whoever cuts, flips or streams an image
    treats all planes alike; only this class splits them.

    Args:
        encoder: Planes -> features.
        head: Features -> codes, one per cell.
        field: (offset, cell, code) -> colour.
        skip: Kernel that interpolates the image itself, or None.
        channels: Colour channels that the network was made for, 1 or 3.
        conditions: Names of the planes that follow the colours.
        mean: Mean of the training images, subtracted from the encoder's colours.
        deviation: Standard deviation of the training images, which the encoder's colours are divided by.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        encoder: Encoder,
        head: Head,
        field: Field,
        skip: InterpolationKernel | None,
        channels: int,
        conditions: Sequence[ConditionName],
        mean: float,
        deviation: float,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.field = field
        self.skip = skip
        self.channels = channels
        self.conditions = tuple(conditions)
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("deviation", torch.tensor(deviation))

    def forward(
        self, planes: Float[Tensor, "batch plane height width"], size: Size
    ) -> Float[Tensor, "batch colour rows columns"]:
        """Return the images drawn with `size` pixels."""
        return self.encode(planes).render(size)

    def encode(self, planes: Float[Tensor, "batch plane height width"], ensemble: bool = False) -> AmortizedImage:
        """Return the images as a function, after which the encoder is not needed any more.

        A grey model treats the channels of a colour image as three grey images; a colour model sees a grey image
        as a colour image with equal channels and returns their mean.

        Args:
            planes: 1 or 3 colours in [0, 1], then the conditions.
            ensemble: Whether codes are means over the eight flips and transpositions of the image, at eight times the
                cost of encoding.

        Raises:
            ValueError: If the shape does not fit, or the field has no ensemble.
        """
        self.check_planes(planes)
        return self.as_function(planes, self._codes(planes, ensemble))

    def decode(self, latent: Latent, bounds: Bounds = DEFAULT_BOUNDS) -> AmortizedImage:
        """Return the function of a latent that this model made.

        Raises:
            LatentError: If it cannot be this model's.
        """
        if latent.codes.shape[1] != self.field.code_channels or (latent.image is None) != (self.skip is None):
            raise LatentError(
                f"a latent with {latent.codes.shape[1]} channels{'' if latent.image is None else ' and an image'} "
                f"is not this model's, whose codes have {self.field.code_channels}; use the model that made it"
            )
        return AmortizedImage(self.field, latent, self.skip, bounds)

    def encode_part(
        self, planes: Float[Tensor, "batch plane height width"], rows: slice, columns: slice, ensemble: bool = False
    ) -> Float[Tensor, "items channel rows columns"]:
        """Return the codes of the cells in `rows` and `columns`, reading only the pixels that they depend on.

        Equal to the same cells of the whole image's codes: pixels within the receptive field are read too, and edges
        are repeated past the image's own borders only. An encoder that sees the whole image returns all cells.
        """
        halo = self.halo
        if halo is None:
            return self._codes(planes, ensemble)
        inside = [
            slice(max(0, part.start - halo), min(length, part.stop + halo))
            for part, length in zip((rows, columns), planes.shape[-2:], strict=True)
        ]
        codes = self._codes(planes[:, :, inside[0], inside[1]], ensemble)
        kept = [
            slice(part.start - read.start, part.stop - read.start)
            for part, read in zip((rows, columns), inside, strict=True)
        ]
        return codes[:, :, kept[0], kept[1]]

    @property
    def halo(self) -> int | None:
        """How many pixels around a part of an image its codes depend on; None if they depend on the whole image."""
        radius = self.encoder.receptive_radius
        return None if radius is None else radius + self.head.radius

    @property
    def numbers_per_pixel(self) -> int:
        """How many numbers the widest layer holds at once for each pixel of a colour image."""
        convolutions = [module for module in self.modules() if isinstance(module, nn.Conv2d)]
        widths = [2 * layer.in_channels + layer.out_channels for layer in convolutions]
        return max(*widths, self.field.code_channels) * self.items_per_image(3)

    @property
    def latent_bytes_per_pixel(self) -> int:
        """How many bytes the codes of a pixel of a colour image take."""
        return 4 * self.field.code_channels * self.items_per_image(3)

    def rows_needed(self, axis: Axis, rows: slice) -> slice:
        """Return which rows of an image some rows of a rendering depend on, before the encoder's halo."""
        if self.halo is None:
            return slice(0, axis.cells)
        reach = self.field.reach(axis.step)
        if self.skip is not None:
            reach = max(reach, self.skip.reach(axis.step))
        low, high = (axis.start + axis.step * row for row in (rows.start, rows.stop - 1))
        return slice(max(0, math.floor(low - reach)), min(axis.cells, math.ceil(high + reach) + 1))

    def items_per_image(self, channels: int) -> int:
        """Return how many items of a latent an image of so many colours has: a grey model sees each colour alone."""
        return channels if self.channels == 1 else 1

    def as_function(
        self,
        planes: Float[Tensor, "batch plane height width"],
        codes: Float[Tensor, "items channel cells_y cells_x"],
        bounds: Bounds = DEFAULT_BOUNDS,
    ) -> AmortizedImage:
        """Return images and their codes as a function."""
        colours = self._split(planes)[0]
        image = None if self.skip is None else colours
        size = planes.shape[-2], planes.shape[-1]
        items = self.items_per_image(colours.shape[1])
        return self.decode(Latent(codes, size, colours.shape[1], items, image), bounds)

    def check_planes(self, planes: Tensor) -> None:
        """Check the shape of a batch of planes.

        Raises:
            ValueError: If it does not fit.
        """
        extra = len(self.conditions)
        if planes.ndim != 4 or planes.shape[1] - extra not in (1, 3) or 0 in planes.shape:
            planes_of = f" and a plane for each of {', '.join(self.conditions)}" if extra else ""
            raise ValueError(
                f"image must have shape (batch, 1 or 3{planes_of}, height, width) and no empty axis, "
                f"got {tuple(planes.shape)}"
            )

    def symmetric_field(self) -> SymmetricField:
        """Return the field, whose codes of turned images can be turned back.

        Raises:
            ValueError: If they cannot, so that there is no self-ensemble.
        """
        if not isinstance(self.field, SymmetricField):
            raise ValueError(f"{type(self.field).__name__} has no self-ensemble; leave it out or use a `hyper` field")
        return self.field

    def _split(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """Return colours and conditions."""
        colours = planes.shape[1] - len(self.conditions)
        return planes[:, :colours], planes[:, colours:]

    def _codes(self, planes: Tensor, ensemble: bool) -> Tensor:
        colours, conditions = self._split(planes)
        if self.channels == 1:
            conditions = conditions.repeat_interleave(colours.shape[1], dim=0)
            colours = colours.flatten(0, 1)[:, None]
        elif colours.shape[1] == 1:
            colours = colours.expand(-1, self.channels, -1, -1)
        seen = torch.cat(((colours - self.mean) / self.deviation, conditions), dim=1)
        if not ensemble:
            return self.head(self.encoder(seen)).to(planes.dtype)
        field = self.symmetric_field()
        turned = (field.turned_back(self.head(self.encoder(turn.apply(seen))).to(planes.dtype), turn) for turn in TURNS)
        return sum(turned, torch.zeros((), dtype=planes.dtype, device=planes.device)) / len(TURNS)
