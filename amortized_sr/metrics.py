"""Image quality and consistency with the field's conventions. Predictions are clamped to [0, 1] and never rounded."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from amortized_sr.resize import shrink

# BT.601's luma of 8-bit video, as MATLAB's rgb2ycbcr weighs it.
_LUMA = (65.738 / 256, 129.057 / 256, 25.064 / 256)


def psnr(
    prediction: Float[Tensor, "batch channel height width"],
    target: Float[Tensor, "batch channel height width"],
    shave: int = 0,
) -> Float[Tensor, " batch"]:
    """Return each image's peak signal-to-noise ratio in dB; larger is better, equal images give infinity.

    Args:
        prediction: Any values; clamped to [0, 1] and not rounded, as the LIIF family does.
        target: Values in [0, 1].
        shave: How many pixels of the border are left out.
    """
    prediction, target = _shaved(prediction.clamp(0, 1), shave), _shaved(target, shave)
    # torchmetrics reduces over all axes but the ones that are left when `dim` names the rest.
    return peak_signal_noise_ratio(prediction, target, data_range=1.0, reduction="none", dim=(1, 2, 3))


def ssim(
    prediction: Float[Tensor, "batch channel height width"],
    target: Float[Tensor, "batch channel height width"],
    shave: int = 0,
) -> Float[Tensor, " batch"]:
    """Return each image's mean structural similarity with an 11x11 Gaussian window, at most 1.

    Images that are smaller than the window, once their border is left out, give NaN.

    References:
        Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE TIP 2004.
    """
    prediction, target = _shaved(prediction.clamp(0, 1), shave), _shaved(target, shave)
    if min(target.shape[-2:]) < 11:
        return torch.full((len(target),), torch.nan)
    result = structural_similarity_index_measure(prediction, target, data_range=1.0, return_full_image=True)
    assert isinstance(result, tuple)
    # torchmetrics reflects the image at its border; the paper's windows lie inside.
    return result[1][..., 5:-5, 5:-5].mean(dim=(1, 2, 3))


def luma(image: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 1 height width"]:
    """Return the Y channel that Set5 and its kin are measured on, from 16/255 to 235/255."""
    return torch.einsum("bchw,c->bhw", image, image.new_tensor(_LUMA))[:, None] + 16 / 255


def lr_consistency(
    prediction: Float[Tensor, "batch channel height width"], image: Float[Tensor, "batch channel rows columns"]
) -> Float[Tensor, " batch"]:
    """Return how well the shrunk prediction reproduces the low-resolution image it was drawn from, as PSNR in dB."""
    return psnr(shrink(prediction.clamp(0, 1), (image.shape[-2], image.shape[-1])), image)


def cross_scale_consistency(
    fine: Float[Tensor, "batch channel height width"], coarse: Float[Tensor, "batch channel rows columns"]
) -> Float[Tensor, " batch"]:
    """Return how well a render, averaged over 2x2 pixels, agrees with the render at half its size, in dB.

    Both are taken as they are rendered, not clamped: clamping would break averages.
    """
    return -10 * torch.log10((functional.avg_pool2d(fine, 2) - coarse).square().mean(dim=(1, 2, 3)))


def _shaved(image: Tensor, shave: int) -> Tensor:
    return image[..., shave:-shave, shave:-shave] if shave else image
