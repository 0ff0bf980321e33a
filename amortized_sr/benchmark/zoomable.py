"""What a page needs to draw an amortised image at every zoom: codes and image as 16 bits, the field as numbers."""

from dataclasses import dataclass, replace
from typing import Any, final, get_args

import numpy as np
import torch
from jaxtyping import Float16
from torch import Tensor

from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.choices import InterpolationName
from amortized_sr.continuous import ContinuousImage
from amortized_sr.coords import Size
from amortized_sr.fields.hyper import HyperField
from amortized_sr.latent import Latent
from amortized_sr.resize import InterpolationKernel, interpolation_kernel

LARGEST_LATENTS = 50_000_000
"""Bytes of a page that latents may take; browsers open larger files slowly, and mail refuses them."""

# Largest change by rounding numbers to 16 bits, in levels of 255: half of one moves no colour by two.
_CHANGE = 0.5


@final
@dataclass(frozen=True, repr=False)
class Zoomable:
    """One amortised image, so small that a page can hold it; see `zoomable`.

    Attributes:
        codes: What the field reads.
        image: What the codes are added to, interpolated, if there is anything.
        config: The settings of the field and of the interpolated image, as a weights file has them.
        tensors: The learned numbers of the field, by the names that a weights file has.
    """

    codes: Float16[np.ndarray, "row column function_y function_x colour"]
    image: Float16[np.ndarray, "row column colour"] | None
    config: dict[str, Any]
    tensors: dict[str, list[float]]

    @property
    def data(self) -> bytes:
        """The codes, then the image, in little-endian order."""
        parts = [self.codes] if self.image is None else [self.codes, self.image]
        return b"".join(part.astype("<f2").tobytes() for part in parts)

    @property
    def page_bytes(self) -> int:
        """How much larger it makes a page, which holds bytes as base64."""
        return _page_bytes(self.codes.size + (0 if self.image is None else self.image.size))

    @property
    def facts(self) -> dict[str, Any]:
        """All but `data`, for JSON."""
        rows, columns, *_, colours = self.codes.shape
        shape = {"rows": rows, "columns": columns, "colours": colours}
        return {**shape, "config": self.config, "tensors": self.tensors}


@torch.inference_mode()
def zoomable(function: ContinuousImage, number: int, size: Size) -> Zoomable | str:
    """Return one image of a function for a page, or why a page cannot draw it.

    Args:
        function: The images as a function.
        number: Which of the images.
        size: Pixels of the rendering that rounding to 16 bits may change by half a level at most.
    """
    if not isinstance(function, AmortizedImage):
        return "no latent"
    field, skip = function.field, function.skip
    if not isinstance(field, HyperField):
        return "a field other than hyper"
    basis = field.basis
    latent = _item(function.latent, number)
    numbers = latent.codes.numel() + (0 if latent.image is None else latent.image.numel())
    if (needed := _page_bytes(numbers)) > LARGEST_LATENTS:
        return f"a latent of {needed / 1e6:.0f} MB, more than a page holds"
    rounded = replace(latent, codes=_rounded(latent.codes))
    if latent.image is not None:
        rounded = replace(rounded, image=_rounded(latent.image))
    drawn, exact = (replace(function, latent=one).render(size) for one in (rounded, latent))
    # Not at most: a number too large for 16 bits is infinite, and its rendering no number.
    if not 255 * float((drawn - exact).abs().max()) <= _CHANGE:
        return "a latent that 16 bits would change"
    codes = latent.as_colours(latent.codes.unflatten(1, (-1, basis.num_functions, basis.num_functions)))[0]
    image = None if latent.image is None else _numbers(latent.image[0].permute(1, 2, 0))
    config = {
        "field": "hyper",
        "footprint": basis.footprint,
        "neighbors": round((2 * basis.radius) ** 2),
        "finest_cell": basis.finest_cell,
        "keeps_tone": basis.keeps_tone,
        "skip": "none" if skip is None or latent.image is None else _name(skip),
    }
    tensors = {"field.basis.frequency": basis.frequency.tolist()}
    if basis.blur is not None:
        tensors["field.basis.blur"] = [basis.blur.item()]
    return Zoomable(_numbers(codes.permute(3, 4, 1, 2, 0)), image, config, tensors)


def _item(latent: Latent, number: int) -> Latent:
    """Return one image's latent."""
    items = latent.items_per_image
    image = None if latent.image is None else latent.image[number : number + 1]
    return replace(latent, codes=latent.codes[number * items : (number + 1) * items], image=image)


def _rounded(values: Tensor) -> Tensor:
    return values.half().to(values.dtype)


def _numbers(values: Tensor) -> Float16[np.ndarray, "..."]:
    return np.ascontiguousarray(values.half().cpu().numpy())


def _name(kernel: InterpolationKernel) -> InterpolationName:
    """Return the name of a kernel below a field; there are no others."""
    names = get_args(InterpolationName)
    (name,) = (one for one in names if kernel in (interpolation_kernel(one), interpolation_kernel(one, region=True)))
    return name


def _page_bytes(numbers: int) -> int:
    return -(-2 * numbers // 3) * 4
