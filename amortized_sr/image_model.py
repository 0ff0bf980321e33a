"""The interface of models: image -> codes -> image as a function, for pictures of any size on any device."""

import math
from abc import ABC, abstractmethod
from dataclasses import replace

from jaxtyping import Float
from torch import Tensor, nn

from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.axes import Axis
from amortized_sr.choices import ConditionName
from amortized_sr.compute import DEFAULT_BOUNDS, Bounds
from amortized_sr.coords import Size
from amortized_sr.fields.base import Field
from amortized_sr.latent import Latent, LatentError
from amortized_sr.resize import InterpolationKernel
from amortized_sr.strength import HALF_CORRECTED


class ImageModel(nn.Module, ABC):
    """Turns images into functions with one forward pass.

    *Planes* are an image's colours followed by one plane for each condition. Whoever cuts, flips or streams an image
    treats all planes alike; only this class splits them.

    A grey model treats the channels of a colour image as three grey images; a colour model sees a grey image as a
    colour image with equal channels, and the mean of what it draws is the result.

    Attributes:
        field: (offset, cell, code) -> colour.
        skip: Kernel that interpolates the image itself, which the field adds to; None if the codes say everything.
        channels: Colour channels that the network was made for, 1 or 3.
        conditions: Names of the planes that follow the colours.
    """

    field: Field
    skip: InterpolationKernel | None
    channels: int
    conditions: tuple[ConditionName, ...]

    @property
    @abstractmethod
    def halo(self) -> int | None:
        """How many pixels around a part of an image its codes depend on; None if they depend on the whole image."""

    @property
    @abstractmethod
    def stride(self) -> int:
        """Parts of an image have the codes that they have in the whole if they begin at multiples of this."""

    @property
    @abstractmethod
    def largest_input(self) -> Size | None:
        """`(height, width)` to which longer axes can be shrunk first, without another result; None without a limit."""

    @abstractmethod
    def check_ensemble(self) -> None:
        """Check that codes can be means over the eight flips and transpositions of an image.

        Raises:
            ValueError: If they cannot.
        """

    @abstractmethod
    def encode_part(
        self, planes: Float[Tensor, "batch plane height width"], rows: slice, columns: slice, ensemble: bool = False
    ) -> Float[Tensor, "items channel cells_y cells_x"]:
        """Return the codes of the cells in `rows` and `columns`, reading only the pixels that they depend on.

        Behind the codes there may be channels with a correction of the image, which `as_function` adds to it.

        Equal to the same cells of the whole image's codes: pixels within the receptive field are read too, and edges
        are repeated past the image's own borders only. A model that sees the whole image returns all cells.
        """

    def read_for(self, part: slice, length: int) -> slice:
        """Return which pixels of an axis of so many have to be read for the codes of a part of it."""
        halo = self.halo
        if halo is None:
            return slice(0, length)
        first = max(0, part.start - halo)
        return slice(first - first % self.stride, min(length, part.stop + halo))

    def function_of(self, latent: Latent, bounds: Bounds = DEFAULT_BOUNDS) -> AmortizedImage:
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

    def as_function(
        self,
        planes: Float[Tensor, "batch plane height width"],
        codes: Float[Tensor, "items channel cells_y cells_x"],
        bounds: Bounds = DEFAULT_BOUNDS,
    ) -> AmortizedImage:
        """Return images and their codes as a function.

        Behind the codes there may be a correction of the image. It counts as far as the strongest condition says: not
        at all at 0, where the base image is the image itself, and half at 1/255, one step of 8 bits.
        """
        colours, conditions = self.split(planes)
        # Not slices, whose gradients would each be as large as all codes.
        codes, *correction = codes.split(self.field.code_channels, dim=1)
        size, channels = (planes.shape[-2], planes.shape[-1]), colours.shape[1]
        latent = Latent(codes, size, channels, self.items_per_image(channels))
        if correction:
            strength = conditions.amax(dim=1, keepdim=True)
            colours = colours + latent.as_colours(correction[0]) * (strength / (strength + HALF_CORRECTED))
        return self.function_of(latent if self.skip is None else replace(latent, image=colours), bounds)

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

    def split(self, planes: Float[Tensor, "batch plane height width"]) -> tuple[Tensor, Tensor]:
        """Return colours and conditions."""
        colours = planes.shape[1] - len(self.conditions)
        return planes[:, :colours], planes[:, colours:]

    def items_per_image(self, channels: int) -> int:
        """Return how many items of a latent an image of so many colours has: a grey model sees each colour alone."""
        return channels if self.channels == 1 else 1

    def as_items(
        self, colours: Float[Tensor, "batch colour height width"]
    ) -> Float[Tensor, "items channel height width"]:
        """Return images as the network sees them, with its own number of channels."""
        if self.channels == 1:
            return colours.flatten(0, 1)[:, None]
        return colours.expand(-1, self.channels, -1, -1)

    @property
    def numbers_per_pixel(self) -> int:
        """How many numbers the widest layer holds at once for each pixel of a colour image."""
        convolutions = [module for module in self.modules() if isinstance(module, nn.Conv2d)]
        widths = [2 * layer.in_channels + layer.out_channels for layer in convolutions]
        return max(*widths, self.field.code_channels) * self.items_per_image(3)

    @property
    def latent_bytes_per_pixel(self) -> int:
        """How many bytes the code of a cell takes, for a colour image."""
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
