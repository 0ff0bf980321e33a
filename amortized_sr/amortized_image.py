"""Images as a function, rendered from their latent."""

from dataclasses import dataclass, replace
from typing import final

from jaxtyping import Float
from torch import Tensor

from amortized_sr.axes import axes
from amortized_sr.choices import Footprint
from amortized_sr.compute import DEFAULT_BOUNDS, Bounds
from amortized_sr.continuous import ContinuousImage, broadcast_query, check_rendering, render_tiles
from amortized_sr.coords import WHOLE, Size, Window
from amortized_sr.fields.base import Field
from amortized_sr.fields.hyper import HyperField
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.latent import Latent
from amortized_sr.resize import InterpolationKernel
from amortized_sr.sampling import query, render_separable


@final
@dataclass(frozen=True, repr=False)
class AmortizedImage(ContinuousImage):
    """Images as a function: a latent, the field that reads it, and the interpolated image below.

    Attributes:
        field: Turns codes into colours.
        latent: The images' codes.
        skip: Interpolates the base image that the field adds to; None without a base image.
        bounds: How much is rendered at once.

    Example:
        >>> import torch
        >>> from amortized_sr import ModelConfig, build_model
        >>> function = build_model(ModelConfig(encoder_width=8, encoder_blocks=1)).encode(torch.rand(2, 3, 6, 8))
        >>> function.render((15, 20), window=(-1.0, -1.0, 0.0, 0.0)).shape
        torch.Size([2, 3, 15, 20])
        >>> function(torch.tensor([[0.0, 0.5]])).shape  # one point (y, x) of each image
        torch.Size([2, 1, 3])
    """

    field: Field
    latent: Latent
    skip: InterpolationKernel | None
    bounds: Bounds = DEFAULT_BOUNDS

    @property
    def size(self) -> Size:
        """`(height, width)` of the image that the function was made from, in pixels."""
        return self.latent.image_size

    @property
    def channels(self) -> int:
        """Number of colour channels, 1 or 3."""
        return self.latent.channels

    @property
    def values(self) -> Tensor:
        """The latent's codes."""
        return self.latent.codes

    @property
    def base(self) -> InterpolatedImage | None:
        """The interpolated image that the learned part is added to, as a function of its own."""
        if self.skip is None or self.latent.image is None:
            return None
        return InterpolatedImage(self.latent.image, self.skip, self.bounds)

    def with_codes(self, codes: Float[Tensor, "items channel cells_y cells_x"]) -> "AmortizedImage":
        """Return the same images with other codes."""
        return replace(self, latent=replace(self.latent, codes=codes))

    def with_footprint(self, footprint: Footprint) -> "AmortizedImage":
        """Return the same images, whose pixels are answered for another region than in the training.

        With `box`, the base image is averaged over the pixel as well, so a pixel is the exact mean of the `point`
        function over its area, and a render at twice the size, averaged over 2x2, is the render.

        Raises:
            ValueError: If the field has no footprints, or `gauss` is asked for and its width was not learned.
        """
        if not isinstance(self.field, HyperField):
            raise ValueError(f"{type(self.field).__name__} has no footprints to choose from; use a `hyper` field")
        skip = None if self.skip is None else replace(self.skip, footprint="box" if footprint == "box" else "point")
        return replace(self, field=self.field.with_footprint(footprint), skip=skip)

    def __call__(
        self,
        coord: Float[Tensor, "batch query 2"] | Float[Tensor, "query 2"],
        cell: Float[Tensor, "batch query 2"] | Float[Tensor, " 2"] | None = None,
    ) -> Float[Tensor, "batch query colour"]:
        """Return the colours at points or over footprints; see `ContinuousImage`."""
        codes, items = self.latent.codes, self.latent.items_per_image
        coord, cell = broadcast_query(coord, cell, codes[::items])
        learned = query(self.field, codes, coord.repeat_interleave(items, dim=0), cell.repeat_interleave(items, dim=0))
        colours = self.latent.as_colours(learned.movedim(-1, 1)).movedim(1, -1)
        return colours if self.base is None else self.base(coord, cell) + colours

    def render(self, size: Size, window: Window = WHOLE) -> Float[Tensor, "batch colour rows columns"]:
        """Return the image rendered with `size` pixels; see `ContinuousImage`."""
        check_rendering(size, window)
        return render_tiles(self._render, size, window, self.bounds)

    def _render(self, size: Size, window: Window) -> Tensor:
        codes, image, skip = self.latent.codes, self.latent.image, self.skip
        grid = codes.shape[-2], codes.shape[-1]
        rows, columns = axes(size, grid, window)
        if isinstance(self.field, HyperField) and image is not None and skip is not None and image.shape[-2:] == grid:
            # Summed with the base image in one pass; the mean of codes is the code of a mean.
            codes = self.latent.as_colours(codes.unflatten(1, (-1, self.field.basis.num_functions**2))).flatten(1, 2)
            return render_separable([(self.field.basis, codes), (skip, image)], rows, columns, self.bounds)
        colours = self.latent.as_colours(self.field.render_grid(codes, rows, columns, self.bounds))
        return colours if self.base is None else self.base.render(size, window).add_(colours)

    def __repr__(self) -> str:
        return f"AmortizedImage({self.latent!r})"
