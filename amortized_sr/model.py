"""The model: image -> encoder -> head -> latent -> field -> colour, as a function of the coordinate."""

from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.choices import ConditionName
from amortized_sr.compute import DEFAULT_BOUNDS, Bounds
from amortized_sr.coords import Size
from amortized_sr.encoders.base import Encoder
from amortized_sr.fields.base import Field, SymmetricField
from amortized_sr.heads import Head
from amortized_sr.image_model import ImageModel
from amortized_sr.latent import Latent
from amortized_sr.resize import InterpolationKernel
from amortized_sr.symmetry import TURNS, Turn


@final
class AmortizedSR(ImageModel):
    """Enlarges any image: each cell of its latent describes a small part of it.

    The picture is the base image, if there is one, plus the contributions of the field.

    Args:
        encoder: Planes -> features.
        head: Features -> codes, one per cell, and behind them a correction of the image, if it makes one.
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
        return self.function_of(latent, bounds)

    def encode_part(
        self, planes: Float[Tensor, "batch plane height width"], rows: slice, columns: slice, ensemble: bool = False
    ) -> Float[Tensor, "items channel rows columns"]:
        """Return the codes of the cells in `rows` and `columns`; see `ImageModel`."""
        if self.halo is None:
            return self._codes(planes, ensemble)
        inside = self.read_for(rows, planes.shape[-2]), self.read_for(columns, planes.shape[-1])
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
    def stride(self) -> int:
        """The encoder's; see `ImageModel`."""
        return self.encoder.stride

    @property
    def largest_input(self) -> Size | None:
        """None: every pixel of an image has its code."""
        return None

    def check_ensemble(self) -> None:
        """Check that the field has a self-ensemble; see `ImageModel`."""
        self._symmetric_field()

    def _symmetric_field(self) -> SymmetricField:
        """Return the field, whose codes of turned images can be turned back."""
        if not isinstance(self.field, SymmetricField):
            raise ValueError(f"{type(self.field).__name__} has no self-ensemble; leave it out or use a `hyper` field")
        return self.field

    def _codes(self, planes: Tensor, ensemble: bool) -> Tensor:
        colours, conditions = self.split(planes)
        conditions = conditions.repeat_interleave(self.items_per_image(colours.shape[1]), dim=0)
        colours = self.as_items(colours)
        seen = torch.cat(((colours - self.mean) / self.deviation, conditions), dim=1)
        if not ensemble:
            return self.head(self.encoder(seen)).to(planes.dtype)
        field = self._symmetric_field()

        def turned_back(turn: Turn) -> Tensor:
            turned = self.head(self.encoder(turn.apply(seen))).to(planes.dtype)
            codes, correction = turned.tensor_split((field.code_channels,), dim=1)
            return torch.cat((field.turned_back(codes, turn), turn.undo(correction)), dim=1)

        return sum(map(turned_back, TURNS), torch.zeros((), dtype=planes.dtype, device=planes.device)) / len(TURNS)
