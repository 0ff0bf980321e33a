"""Colours and strengths -> the planes that a model reads."""

import functools
from collections.abc import Sequence

from jaxtyping import Float, Int
from torch import Tensor

from amortized_sr.choices import ConditionName
from amortized_sr.noise_estimate import estimate_noise, significant_noise
from amortized_sr.picture_tensor import add_conditions
from amortized_sr.strength import Dial, Restoration, Strength, strength_of

Dials = Dial | Float[Tensor, " strength"] | Int[Tensor, " strength"]
"""A strength for all images of a batch, or one for each."""


def planes_of(
    colours: Float[Tensor, "batch colour height width"],
    names: Sequence[ConditionName],
    noise: Dials,
    jpeg: Dials,
    jpeg_step: float | None = None,
) -> Float[Tensor, "batch plane height width"]:
    """Return the colours of images followed by the conditions that a model reads, each image's its own.

    Args:
        colours: In [0, 1].
        names: What the model reads.
        noise: As for `Restoration`.
        jpeg: As for `Restoration`.
        jpeg_step: Step of the tables in the images' file; None if it is no JPEG.

    Raises:
        StrengthError: If a strength is out of range, or above 0 and the model does not read it.
        ValueError: If there are not as many strengths as images.
    """
    dials = zip(colours, _each("noise", noise, len(colours)), _each("jpeg", jpeg, len(colours)), strict=True)
    strengths = [
        strength_of(Restoration(*wanted), names, jpeg_step, functools.partial(measure_noise, image))
        for image, *wanted in dials
    ]
    return with_strengths(colours, names, strengths)


def with_strengths(
    colours: Float[Tensor, "batch colour height width"], names: Sequence[ConditionName], strengths: Sequence[Strength]
) -> Float[Tensor, "batch plane height width"]:
    """Return the colours of images with the conditions that a model reads, one strength for each image."""
    if not names:
        return colours
    return add_conditions(colours, colours.new_tensor([strength.conditions(names) for strength in strengths]))


def measure_noise(image: Float[Tensor, "colour height width"]) -> float:
    """Return the noise of an image, of 255; 0 for what cannot be told from texture."""
    estimate = estimate_noise(image.float().movedim(0, -1).cpu().numpy(), lambda rows: rows)
    return significant_noise(estimate, image.shape[-2] * image.shape[-1])


def _each(name: str, dial: Dials, batch: int) -> list[Dial]:
    """Return the strength of each image."""
    if not isinstance(dial, Tensor):
        return [dial] * batch
    if dial.shape != (batch,):
        shape = tuple(dial.shape)
        raise ValueError(
            f"{name} must be one strength, or a tensor of one for each of {batch} images, got shape {shape}"
        )
    return dial.tolist()
