"""A picture of any size, drawn strip by strip: neither its latent nor its rendering is ever held as a whole."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.coords import WHOLE, Size
from amortized_sr.model import AmortizedImage
from amortized_sr.resize import shrink
from amortized_sr.sampling import Axis, axes
from amortized_sr.tiling import TiledEncoder, is_out_of_memory

ReadRows = Callable[[int, int], Float[Tensor, "batch colour rows width"]]
"""Returns the image's rows from the first to before the second number, as values in [0, 1]."""

# A strip of two megapixels is enough to keep all cores busy, and small enough to be compressed in the background.
_STRIP_PIXELS = 1 << 21

# float32, the interpolated image, the learned part, and what quantising them takes.
_BYTES_PER_VALUE = 20


def draw_strips(
    encoder: TiledEncoder, read_rows: ReadRows, own: Size, size: Size, batch: int = 1
) -> Iterator[Float[Tensor, "batch colour rows width"]]:
    """Draw an image with `size` pixels, from the top to the bottom, in strips of rows of any height.

    What is asked for with fewer pixels than the image has is drawn in full, then shrunk with the antialiased
    bicubic kernel.

    Args:
        encoder: Makes the latent of the rows that a strip needs.
        read_rows: The image.
        own: Size of the image.
        size: Size of the whole rendering.
        batch: How many images are drawn together.

    Raises:
        MemoryError: If there is not enough memory for a single row.
    """
    drawn = max(size[0], own[0]), max(size[1], own[1])
    strips = _draw(encoder, read_rows, own, drawn, encoder.memory // 4 // batch)
    if size[1] < drawn[1]:
        strips = (shrink(strip, (strip.shape[-2], size[1])) for strip in strips)
    if size[0] < drawn[0]:
        # The image has more rows than the result, so what is collected is no larger than the image.
        yield _shrunk(strips, size)
    else:
        yield from strips


@torch.inference_mode()
def _shrunk(strips: Iterator[Tensor], size: Size) -> Tensor:
    return shrink(torch.cat(list(strips), dim=2), size)


@dataclass(frozen=True)
class _Band:
    """Rows of an image as a function, beginning with row `first`."""

    function: AmortizedImage
    first: int
    stop: int


def _draw(encoder: TiledEncoder, read_rows: ReadRows, own: Size, size: Size, share: int) -> Iterator[Tensor]:
    """Draw strips; neither the numbers of a strip nor the latent it is drawn from take more bytes than `share`."""
    axis = axes(size, own, WHOLE)[0]
    most = int(share // _latent_row_bytes(encoder, own))
    limit = min(_STRIP_PIXELS, share // (3 * _BYTES_PER_VALUE)) // size[1]
    # A strip is drawn from one band.
    limit = min(max(1, min(limit, int(most / axis.step))), size[0])
    band: _Band | None = None
    row = 0
    while row < size[0]:
        rows = slice(row, min(row + limit, size[0]))
        band, strip = _attempt(encoder, read_rows, own, size, axis, rows, band, most)
        if strip is None:
            if limit == 1:
                raise MemoryError(f"not enough memory for a single row of {size[1]} pixels")
            limit = max(1, limit // 2)
            continue
        yield strip
        row = rows.stop


@torch.inference_mode()
def _attempt(
    encoder: TiledEncoder,
    read_rows: ReadRows,
    own: Size,
    size: Size,
    axis: Axis,
    rows: slice,
    band: _Band | None,
    most: int,
) -> tuple[_Band | None, Tensor | None]:
    """Return a strip and the band that it was drawn from, or None for both if there is not enough memory."""
    try:
        first, stop = _needed(encoder, axis, rows)
        if band is None or not (band.first <= first and stop <= band.stop):
            band = _encode_band(encoder, read_rows, own, first, max(stop, min(own[0], first + most)))
        return band, band.function.render_band(rows, size, own, band.first)
    except RuntimeError as error:
        # A MemoryError is the encoder's last word.
        if not is_out_of_memory(error):
            raise
    return None, None


def _needed(encoder: TiledEncoder, axis: Axis, rows: slice) -> tuple[int, int]:
    """Return which rows of the image some rows of the rendering depend on."""
    reach = max(encoder.model.field.reach(axis.step), encoder.model.skip.reach(axis.step))
    low, high = (axis.start + axis.step * row for row in (rows.start, rows.stop - 1))
    return max(0, math.floor(low - reach)), min(axis.cells, math.ceil(high + reach) + 1)


def _encode_band(encoder: TiledEncoder, read_rows: ReadRows, own: Size, first: int, stop: int) -> _Band:
    halo = encoder.model.halo
    top = max(0, first - halo)
    image = read_rows(top, min(own[0], stop + halo))
    latent = encoder.latent(image, slice(first - top, stop - top))
    inner = image[:, :, first - top : stop - top].to(encoder.device)
    return _Band(encoder.model.as_function(inner, latent), first, stop)


def _latent_row_bytes(encoder: TiledEncoder, own: Size) -> int:
    """Return how many bytes a row of an image's latent takes."""
    return 4 * encoder.model.field.code_channels * (1 if encoder.model.channels == 3 else 3) * own[1]
