"""Losses between a prediction and its target."""

from typing import Literal, assert_never

from jaxtyping import Float
from torch import Tensor

LossName = Literal["l1", "mse", "rmse"]

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
