"""Losses between a prediction and its target."""

from typing import Literal, assert_never

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

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


def variation(picture: Float[Tensor, "batch channel rows columns"]) -> Float[Tensor, " batch"]:
    """Return each picture's mean length of the gradient: what faint lines beside strokes add to.

    References:
        Rudin, Osher and Fatemi, "Nonlinear Total Variation Based Noise Removal Algorithms", Physica D 1992.
    """
    down = picture[..., 1:, :-1] - picture[..., :-1, :-1]
    right = picture[..., :-1, 1:] - picture[..., :-1, :-1]
    return _length(down.square() + right.square(), 1e-5).flatten(1).mean(dim=1)


def incoherence(picture: Float[Tensor, "batch channel rows columns"]) -> Float[Tensor, " batch"]:
    """Return each picture's mean change along its strokes: beads, knots and stairs add to it, straight edges do not.

    It is the smaller eigenvalue of the structure tensor, products of the gradient's parts averaged over five pixels:
    0 where all gradients nearby have one direction.

    References:
        Weickert, "Coherence-Enhancing Diffusion Filtering", IJCV 1999.
    """
    down, right = _slope(picture), _slope(picture.mT).mT
    products = torch.stack((down * down, right * right, down * right), dim=1).mean(dim=2)
    for _ in range(2):
        products = functional.avg_pool2d(products, 3, 1, 1)
    yy, xx, xy = products.unbind(dim=1)
    return ((yy + xx - _length((yy - xx).square() + 4 * xy.square(), 1e-8)) / 2).flatten(1).mean(dim=1)


def _slope(picture: Tensor) -> Tensor:
    """Return Sobel's change per pixel, from the top to the bottom, without the border."""
    smooth = (picture[..., :-2] + 2 * picture[..., 1:-1] + picture[..., 2:]) / 4
    return (smooth[..., 2:, :] - smooth[..., :-2, :]) / 2


def _length(square: Tensor, floor: float) -> Tensor:
    """Return a root whose gradient is finite at 0."""
    return (square + floor).sqrt() - floor**0.5
