"""The model: image -> encoder -> head -> latent -> field -> colour, as a function of the coordinate."""

import dataclasses
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from amortized_sr.continuous import ContinuousImage, broadcast_query, tiles
from amortized_sr.coords import WHOLE, Size, Window, check_window
from amortized_sr.encoders.base import Encoder
from amortized_sr.fields.base import TURNS, Field
from amortized_sr.resize import InterpolationKernel
from amortized_sr.sampling import (
    Axis,
    axes,
    render_separable,
    separable_contribution,
    sum_contributions,
)

# Heads read the features of at most the cells beside theirs.
_HEAD_RADIUS = 1


def check_image(image: Tensor) -> None:
    """Check the shape of a batch of images.

    Raises:
        ValueError: If it does not fit.
    """
    if image.ndim != 4 or image.shape[1] not in (1, 3) or 0 in image.shape:
        raise ValueError(
            f"image must have shape (batch, 1 or 3, height, width) and no empty axis, got {tuple(image.shape)}"
        )


@final
class AmortizedSR(nn.Module):
    """Turns images into functions with one forward pass.

    The picture is the interpolated image plus what the field adds to it.

    Args:
        encoder: Image -> features.
        head: Features -> latent, one code per pixel.
        field: (offset, cell, code) -> colour.
        skip: Kernel that interpolates the image itself.
        channels: Colour channels that the network was made for, 1 or 3.
        mean: Mean of the training images, subtracted from the encoder's input.
        deviation: Standard deviation of the training images, which the encoder's input is divided by.

    Attributes:
        ensemble: Whether latents are means over the eight flips and transpositions of the image, at eight times the
            cost of encoding: EDSR's self-ensemble. It averages pictures; latents come to the same for a linear field.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        encoder: Encoder,
        head: nn.Module,
        field: Field,
        skip: InterpolationKernel,
        channels: int,
        mean: float,
        deviation: float,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.field = field
        self.skip = skip
        self.channels = channels
        self.ensemble = False
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("deviation", torch.tensor(deviation))

    def encode(self, image: Float[Tensor, "batch colour height width"]) -> "AmortizedImage":
        """Return the images as a function, after which the encoder is not needed any more.

        A grey model treats the channels of a colour image as three grey images; a colour model sees a grey image
        as a colour image with equal channels and answers with their mean.

        Args:
            image: Values in [0, 1], 1 or 3 channels.

        Raises:
            ValueError: If the shape does not fit.
        """
        check_image(image)
        return self.as_function(image, self._latent(image))

    def encode_part(
        self, image: Float[Tensor, "batch colour height width"], rows: slice, columns: slice
    ) -> Float[Tensor, "items channel rows columns"]:
        """Return the latent's cells in `rows` and `columns`, reading only the pixels that they depend on.

        Equal to the same cells of the whole image's latent: what lies within the receptive field is read too, and
        past the image's own borders, but only there, edges are repeated.
        """
        inside = [
            slice(max(0, part.start - self.halo), min(length, part.stop + self.halo))
            for part, length in zip((rows, columns), image.shape[-2:], strict=True)
        ]
        latent = self._latent(image[:, :, inside[0], inside[1]])
        kept = [
            slice(part.start - read.start, part.stop - read.start)
            for part, read in zip((rows, columns), inside, strict=True)
        ]
        return latent[:, :, kept[0], kept[1]]

    @property
    def halo(self) -> int:
        """How many pixels around a part of an image its latent depends on."""
        return self.encoder.receptive_radius + _HEAD_RADIUS

    def as_function(
        self,
        image: Float[Tensor, "batch colour height width"],
        latent: Float[Tensor, "items channel height width"],
    ) -> "AmortizedImage":
        """Return images and their latent as a function."""
        return AmortizedImage(self.field, self.skip, image, latent)

    def _latent(self, image: Tensor) -> Tensor:
        seen = image
        if self.channels == 1:
            seen = image.flatten(0, 1)[:, None]
        elif image.shape[1] == 1:
            seen = image.expand(-1, self.channels, -1, -1)
        seen = (seen - self.mean) / self.deviation
        if not self.ensemble:
            return self.head(self.encoder(seen)).to(image.dtype)
        latents = (
            self.field.turned_back(self.head(self.encoder(turn.apply(seen))).to(image.dtype), turn) for turn in TURNS
        )
        return sum(latents, torch.zeros((), dtype=image.dtype, device=image.device)) / len(TURNS)

    def forward(
        self, image: Float[Tensor, "batch colour height width"], size: Size
    ) -> Float[Tensor, "batch colour rows columns"]:
        """Return the images drawn with `size` pixels."""
        return self.encode(image).render(size)


@final
@dataclass(frozen=True)
class AmortizedImage(ContinuousImage):
    """Images as a function: their latent, the field that reads it, and the interpolated image below."""

    field: Field
    skip: InterpolationKernel
    image: Float[Tensor, "batch colour height width"]
    latent: Float[Tensor, "items channel height width"]

    @property
    def size(self) -> Size:
        """`(height, width)` of the image that the function was made from, in pixels."""
        return self.image.shape[-2], self.image.shape[-1]

    @property
    def channels(self) -> int:
        """Number of colour channels, 1 or 3."""
        return self.image.shape[1]

    def __call__(
        self,
        coord: Float[Tensor, "batch query 2"] | Float[Tensor, "query 2"],
        cell: Float[Tensor, "batch query 2"] | Float[Tensor, " 2"] | None = None,
    ) -> Float[Tensor, "batch query colour"]:
        """Return the colours at points or over footprints; see `ContinuousImage`."""
        coord, cell = broadcast_query(coord, cell, self.image)
        parts = len(self.latent) // len(self.image)
        learned = sum_contributions(
            self.field,
            self.latent,
            coord.repeat_interleave(parts, dim=0),
            cell.repeat_interleave(parts, dim=0),
            self.field.reach(_largest(cell, self.latent)),
        )
        interpolated = sum_contributions(
            separable_contribution(self.skip),
            self.image,
            coord,
            cell,
            self.skip.reach(_largest(cell, self.image)),
        )
        return interpolated + self._as_colours(learned.movedim(-1, 1)).movedim(1, -1)

    def render(
        self, size: Size, window: Window = WHOLE, tile: int | None = None
    ) -> Float[Tensor, "batch colour rows columns"]:
        """Return the image drawn with `size` pixels; see `ContinuousImage`."""
        check_window(window)
        parts = tiles(size, tile)
        if len(parts) == 1:
            return self._render_part(size, window, *parts[0])
        result = self.image.new_empty((len(self.image), self.channels, *size))
        for rows, columns in parts:
            result[:, :, rows, columns] = self._render_part(size, window, rows, columns)
        return result

    def _render_part(self, size: Size, window: Window, rows: slice, columns: slice) -> Tensor:
        def part(grid: Size) -> tuple[Axis, Axis]:
            y, x = axes(size, grid, window)
            return y.part(rows.start, rows.stop), x.part(columns.start, columns.stop)

        return self._render_axes(part(_grid(self.latent)), part(self.size))

    def render_band(
        self, rows: slice, size: Size, whole: Size, first: int
    ) -> Float[Tensor, "batch colour rows columns"]:
        """Return rows of a taller image's rendering, this function being a band of that image.

        Args:
            rows: Which rows of the rendering; the band must hold all pixels that they depend on.
            size: Size of the whole rendering.
            whole: Size of the whole image, as wide as this one.
            first: Which row of the whole image is the first of this one.
        """
        y, x = axes(size, whole, WHOLE)
        y = y.part(rows.start, rows.stop)
        y = dataclasses.replace(y, start=y.start - first, cells=self.size[0])
        return self._render_axes((y, x), (y, x))

    def _render_axes(self, latent: tuple[Axis, Axis], image: tuple[Axis, Axis]) -> Tensor:
        learned = self.field.render_grid(self.latent, *latent)
        interpolated = render_separable(self.skip, self.image, *image)
        return interpolated.add_(self._as_colours(learned))

    def _as_colours(self, learned: Float[Tensor, "items colour *space"]) -> Float[Tensor, "batch channel *space"]:
        """Bring the field's colours to the image's channels: see `AmortizedSR.encode`."""
        colours = learned.unflatten(0, (len(self.image), -1)).flatten(1, 2)
        return colours if colours.shape[1] == self.channels else colours.mean(dim=1, keepdim=True)


def _grid(latent: Tensor) -> Size:
    return latent.shape[-2], latent.shape[-1]


def _largest(cell: Tensor, latent: Tensor) -> float:
    """Return the largest footprint in cells of the latent grid."""
    return float((cell * cell.new_tensor(_grid(latent)) / 2).max()) if cell.numel() else 0.0
