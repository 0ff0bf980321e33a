"""Losses between a prediction and its target."""

from typing import Literal, assert_never

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.picture_tensor import hidden_by_clamping

LossName = Literal["l1", "mse", "rmse"]
ShownLossName = Literal["mse", "log_mse"]

# Share of an error that clamping hides which still counts: none would leave wrong values without a gradient.
_HIDDEN = 0.05

# Keeps the root's gradient finite: images fitted better than 60 dB count no more than that.
_FLOOR = 1e-6


def pixel_loss(
    name: LossName,
    prediction: Float[Tensor, "batch channel *space"],
    target: Float[Tensor, "batch channel *space"],
) -> Float[Tensor, ""]:
    """Return a loss over all values of a batch.

    Args:
        name: `l1`, the field's habit; `mse`, whose best answer is the mean of all plausible pictures; `rmse`, the
            mean over the images of its root, which pulls at easy images and near scales as hard as at difficult and
            far ones.
        prediction: Values near [0, 1].
        target: Values in [0, 1].
    """
    error = prediction - target
    match name:
        case "l1":
            return error.abs().mean()
        case "mse":
            return error.square().mean()
        case "rmse":
            return (error.square().flatten(1).mean(dim=1) + _FLOOR).sqrt().mean()
        case _:
            assert_never(name)


def shown_error(
    prediction: Float[Tensor, "batch channel *space"],
    target: Float[Tensor, "batch channel *space"],
    margin: float = 0.0,
) -> Float[Tensor, " batch"]:
    """Return each image's mean squared error, which forgives most of what clamping to [0, 1] hides.

    Where the target is black the aim lies `margin` below it, so that ripples around the aim stay hidden. Errors below
    a black target and above a white one count a twentieth.

    Args:
        prediction: Values near [0, 1].
        target: Values in [0, 1].
        margin: How far below black.
    """
    error = prediction - (target - margin * (target <= 0))
    return torch.where(hidden_by_clamping(error, target), _HIDDEN * error, error).square().flatten(1).mean(dim=1)


def mean_error(name: ShownLossName, error: Float[Tensor, " batch"]) -> Float[Tensor, ""]:
    """Return the mean of the images' errors.

    Args:
        name: `mse`; `log_mse`, the mean of their logarithms, as in a mean of PSNRs.
        error: Mean squared errors.
    """
    match name:
        case "mse":
            return error.mean()
        case "log_mse":
            return (error + _FLOOR).log().mean()
        case _:
            assert_never(name)
