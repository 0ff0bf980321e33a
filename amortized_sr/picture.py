"""A Pillow picture as a function whose renderings are pictures."""

import io
from dataclasses import dataclass, field
from typing import final

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.axes import Rendering
from amortized_sr.coords import WHOLE, Size, Window, check_window
from amortized_sr.latent import Latent
from amortized_sr.picture_tensor import tensor_to_picture
from amortized_sr.resize import shrink
from amortized_sr.sizes import check_size, scaled_size


def with_profile(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a picture whose only further information is a colour profile."""
    picture.info = {"icc_profile": profile} if profile else {}
    return picture


@final
@dataclass(frozen=True)
class Picture:
    """One PIL picture as a function: a `ContinuousImage` whose renderings are pictures again.

    Attributes:
        function: The image as a function; a neutral picture has one channel.
        mode: Mode of the picture and of its renderings, `L` or `RGB`.
        icc_profile: Colour profile of the original, given to every rendering.
    """

    function: AmortizedImage
    mode: str
    icc_profile: bytes | None = field(default=None, repr=False)

    @property
    def latent(self) -> Latent:
        """The picture's latent."""
        return self.function.latent

    @torch.inference_mode()
    def __call__(
        self, coord: Float[Tensor, "query 2"], cell: Float[Tensor, " 2"] | None = None
    ) -> Float[Tensor, "query colour"]:
        """Return the colours at points `(y, x)` in [-1, 1], not clamped."""
        return self.function(coord, cell)[0].expand(-1, 3 if self.mode == "RGB" else 1)

    @torch.inference_mode()
    def render(self, size: Size, window: Window = WHOLE) -> Image.Image:
        """Return the picture, or the part of it in `window = (y0, x0, y1, x1)`, with `size = (height, width)`."""
        rendering = Rendering(check_size(size), self.function.size, check_window(window))
        rendered = shrink(self.function.render(rendering.drawn, window), rendering.size)
        return with_profile(tensor_to_picture(rendered).convert(self.mode), self.icc_profile)

    def _repr_png_(self) -> bytes:
        """Return the PNG that a notebook shows: about 512 pixels along the longer side."""
        height, width = self.function.size
        scale = max(1.0, 512 / max(height, width))
        file = io.BytesIO()
        self.render(scaled_size((height, width), scale)).save(file, format="PNG")
        return file.getvalue()
