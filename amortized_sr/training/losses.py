"""Losses between a prediction and its target."""

from typing import Literal, assert_never

import torch
from jaxtyping import Float
from torch import Tensor

LossName = Literal["l1", "mse", "psnr"]

# Keeps the gradient of the logarithm finite: images fitted better than 60 dB count no more than that.
_PSNR_FLOOR = 1e-6


def pixel_loss(
    name: LossName,
    prediction: Float[Tensor, "batch channel *space"],
    target: Float[Tensor, "batch channel *space"],
) -> Float[Tensor, ""]:
    """Return a loss over all values of a batch.

    Args:
        name: `l1`, the field's habit; `mse`, whose best answer is the mean of all plausible pictures; `psnr`, the
            negative mean PSNR of the images in dB, which is what the tables report.
        prediction: Values near [0, 1].
        target: Values in [0, 1].
    """
    error = prediction - target
    match name:
        case "l1":
            return error.abs().mean()
        case "mse":
            return error.square().mean()
        case "psnr":
            per_image = error.square().flatten(1).mean(dim=1)
            return 10 * torch.log10(per_image + _PSNR_FLOOR).mean()
        case _:
            assert_never(name)
