"""Latents with fewer bits: an image codec's first question."""

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.analysis.additivity import EQUAL
from amortized_sr.analysis.kernels import Forward
from amortized_sr.degradation import Degradation
from amortized_sr.metrics import psnr

BITS = (8, 6, 4)
"""Bits of a number of a quantised latent."""

_SCALE = 2


def quantized(
    codes: Float[Tensor, "items channel cells_y cells_x"], bits: int
) -> Float[Tensor, "items channel cells_y cells_x"]:
    """Return codes rounded to `2^bits` even steps between each channel's smallest and largest number.

    Raises:
        ValueError: If there are no such steps.
    """
    if not 1 <= bits <= 16:
        raise ValueError(f"a number has 1 to 16 bits, got {bits}")
    low, high = codes.amin(dim=(2, 3), keepdim=True), codes.amax(dim=(2, 3), keepdim=True)
    step = (high - low) / (2**bits - 1)
    # A channel of equal numbers has no steps, and needs none.
    return torch.where(step > 0, low + ((codes - low) / step.clamp(min=1e-30)).round() * step, codes)


@torch.no_grad()
def psnr_by_bits(forward: Forward, image: Float[Tensor, "1 colour height width"]) -> dict[str, float] | None:
    """Return the PSNR in dB of an image that was shrunk by 2, encoded and drawn again, with latents of fewer bits.

    `float` is the latent as it is. The base image keeps its 8 bits. None without a latent, or if an axis of the image
    has one pixel only.
    """
    size = image.shape[-2] // _SCALE, image.shape[-1] // _SCALE
    if min(size) < 1:
        return None
    target = image[..., : size[0] * _SCALE, : size[1] * _SCALE]
    function = forward(Degradation()(target, size).image)
    if not isinstance(function, AmortizedImage):
        return None
    whole = target.shape[-2], target.shape[-1]
    codes = function.latent.codes
    versions = {"float": codes, **{str(bits): quantized(codes, bits) for bits in BITS}}
    drawn = {name: function.with_codes(version).render(whole).cpu() for name, version in versions.items()}
    return {name: min(float(psnr(picture, target)), EQUAL) for name, picture in drawn.items()}
