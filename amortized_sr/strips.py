"""A picture of any size, rendered strip by strip: neither its latent nor its rendering is ever held as a whole."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.axes import Rendering, axes
from amortized_sr.compute import Notify, is_out_of_memory
from amortized_sr.continuous import spans
from amortized_sr.coords import Size, Window
from amortized_sr.resize import shrink, shrink_height, shrink_width
from amortized_sr.tiling import AdaptiveEncoder

ReadRows = Callable[[int, int], Float[Tensor, "batch plane rows width"]]
"""Returns the image's rows from the first to before the second number: colours in [0, 1], then conditions."""

# float32, the interpolated image, the learned part, and the buffers of quantising.
_BYTES_PER_VALUE = 20


def render_strips(
    encoder: AdaptiveEncoder, read_rows: ReadRows, rendering: Rendering, batch: int, ensemble: bool, notify: Notify
) -> Iterator[Float[Tensor, "batch colour rows width"]]:
    """Render an image from the top to the bottom, in strips of rows of any height.

    Args:
        encoder: Encodes the rows that a strip needs.
        read_rows: The image.
        rendering: Size of the picture and of the image, whose window is the whole.
        batch: How many images are rendered together.
        ensemble: Whether codes are means over the eight turns of the image.
        notify: Called when the encoder falls back.

    Raises:
        MemoryError: If there is not enough memory for a single row.
    """
    return shrink_strips(_Strips(encoder, read_rows, rendering, ensemble, notify).render(batch), rendering)


def shrink_strips(strips: Iterator[Tensor], rendering: Rendering) -> Iterator[Tensor]:
    """Bring strips of a rendering's drawn size to its own size, with the antialiased bicubic kernel."""
    height, width = rendering.drawn
    if rendering.size[1] < width:
        strips = (shrink(strip, (strip.shape[-2], rendering.size[1])) for strip in strips)
    if rendering.size[0] == height:
        return strips
    # The image has more rows than the result, so the collected strips are no larger than the image.
    return iter([_shrunk(strips, rendering)])


@torch.inference_mode()
def _shrunk(strips: Iterator[Tensor], rendering: Rendering) -> Tensor:
    return shrink(torch.cat(list(strips), dim=2), rendering.size)


@final
@dataclass(frozen=True)
class _Band:
    """Some rows of an image as a function of their own."""

    function: AmortizedImage
    rows: slice

    def holds(self, rows: slice) -> bool:
        return self.rows.start <= rows.start and rows.stop <= self.rows.stop


@final
@dataclass(frozen=True)
class _Strips:
    """Renders the strips of one picture."""

    encoder: AdaptiveEncoder
    read_rows: ReadRows
    rendering: Rendering
    ensemble: bool
    notify: Notify

    def render(self, batch: int) -> Iterator[Tensor]:
        """Yield strips; neither a strip nor the codes it is rendered from take more than a quarter of the memory."""
        height, width = self.rendering.drawn
        model, compute = self.encoder.encoder.model, self.encoder.encoder.compute
        share = compute.memory // 4 // batch
        image_rows, columns = self.rendering.image_size
        # The codes of a model that shrinks its input are few.
        whole = model.largest_input is not None
        encoded = image_rows if whole else max(1, share // (model.latent_bytes_per_pixel * columns))
        limit = min(compute.bounds.strip_pixels, share // (3 * _BYTES_PER_VALUE)) // width
        # A strip is rendered from one band.
        limit = min(max(1, min(limit, encoded * height // image_rows)), height)
        band: _Band | None = None
        row = 0
        while row < height:
            rows = slice(row, min(row + limit, height))
            band, strip = self._attempt(rows, band, encoded)
            if strip is None:
                if limit == 1:
                    raise MemoryError(f"not enough memory for a single row of {width} pixels")
                limit = max(1, limit // 2)
                continue
            yield strip
            row = rows.stop

    @torch.inference_mode()
    def _attempt(self, rows: slice, band: _Band | None, encoded: int) -> tuple[_Band | None, Tensor | None]:
        """Return a strip and the band that it was rendered from, or None for both if memory runs out."""
        rendering = self.rendering
        try:
            axis = axes(rendering.drawn, rendering.image_size)[0]
            needed = self.encoder.encoder.model.rows_needed(axis, rows)
            if band is None or not band.holds(needed):
                band = self._encode(needed, encoded)
            size = rows.stop - rows.start, rendering.drawn[1]
            return band, band.function.render(size, self._window(rows, band.rows))
        except RuntimeError as error:
            # A MemoryError is the encoder's last word.
            if not is_out_of_memory(error):
                raise
        return None, None

    def _encode(self, needed: slice, encoded: int) -> _Band:
        """Return a band with the rows that are needed, and more rows below as far as memory allows."""
        height = self.rendering.image_size[0]
        largest = self.encoder.encoder.model.largest_input
        if largest is not None:
            planes = self._read_shrunk(largest)
            whole = slice(0, planes.shape[-2])
            return _Band(self.encoder.encode(planes, whole, self.ensemble, self.notify), slice(0, height))
        rows = slice(needed.start, max(needed.stop, min(height, needed.start + encoded)))
        read = self.encoder.encoder.model.read_for(rows, height)
        planes = self.read_rows(read.start, read.stop)
        inner = slice(rows.start - read.start, rows.stop - read.start)
        return _Band(self.encoder.encode(planes, inner, self.ensemble, self.notify), rows)

    def _read_shrunk(self, largest: Size) -> Tensor:
        """Return the whole image, shrunk to a size that never takes its memory as floats: its rows are read in turn."""
        height, width = self.rendering.image_size
        step = max(1, self.encoder.encoder.compute.bounds.strip_pixels // width)
        bands = [
            shrink_width(self.read_rows(rows.start, rows.stop), min(width, largest[1]))
            for rows in spans(slice(0, height), step)
        ]
        return shrink_height(torch.cat(bands, dim=2), min(height, largest[0]))

    def _window(self, rows: slice, band: slice) -> Window:
        """Return the window of a band that some rows of the rendering show."""
        scale = self.rendering.image_size[0] / self.rendering.drawn[0]
        low, high = (((row * scale - band.start) / (band.stop - band.start)) * 2 - 1 for row in (rows.start, rows.stop))
        return max(low, -1.0), -1.0, min(high, 1.0), 1.0
