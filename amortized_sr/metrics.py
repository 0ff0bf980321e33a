"""Image quality with the field's conventions."""

from jaxtyping import Float
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio


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
    if shave:
        prediction, target = (image[..., shave:-shave, shave:-shave] for image in (prediction, target))
    # torchmetrics reduces over all axes but the ones that are left when `dim` names the rest.
    return peak_signal_noise_ratio(prediction.clamp(0, 1), target, data_range=1.0, reduction="none", dim=(1, 2, 3))
