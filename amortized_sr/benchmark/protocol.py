"""The evaluation protocol: makes inputs from targets, and measures predictions on fixed channels and pixels."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple, final

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.benchmark.faults import CLEAN, Faults
from amortized_sr.choices import Convention
from amortized_sr.metrics import cross_scale_consistency, lr_consistency, luma, psnr, ssim


@final
@dataclass(frozen=True)
class Quality:
    """Measurements of a prediction, or means of them; None without a target or if the picture is too small.

    Attributes:
        psnr: In dB.
        ssim: At most 1.
        lr_consistency: PSNR in dB of the prediction shrunk again, against the input.
        cross_scale: PSNR in dB of the render at twice the size, averaged over 2x2, against the prediction.
    """

    psnr: float | None = None
    ssim: float | None = None
    lr_consistency: float | None = None
    cross_scale: float | None = None


MEASUREMENTS = tuple(field.name for field in fields(Quality))
"""The names of all measurements."""


def mean_quality(qualities: Sequence[Quality]) -> Quality:
    """Return the means; a measurement that is missing once has no mean."""
    columns = {name: [getattr(quality, name) for quality in qualities] for name in MEASUREMENTS}
    return Quality(**{name: None if None in values else sum(values) / len(values) for name, values in columns.items()})


def flat(record: object) -> dict[str, Any]:
    """Return the fields of a record by name, with its quality's numbers as fields of their own."""
    values: dict[str, Any] = {}
    for name, value in vars(record).items():
        values |= asdict(value) if isinstance(value, Quality) else {name: value}
    return values


def describe(convention: Convention, truth: bool = True, faults: Sequence[Faults] = (CLEAN,)) -> str:
    """Return the protocol in sentences, to print above a table; without a truth only consistency is measured."""
    consistency = (
        "LR: PSNR in dB of the prediction shrunk again against the input; cross: of the render at twice the size, "
        "averaged over 2x2, against the prediction; all channels, no border left out."
    )
    if not truth:
        return f"Input: the image as it is; there is no truth to compare with. {consistency}"
    measured = {
        "y": "Y channel (65.738, 129.057, 25.064 over 256, applied to the difference), border of scale left out",
        "rgb": "all channels, border of scale + 6 left out",
        "plain": "all channels, no border left out",
    }
    border = "" if convention == "plain" else " (none at x1)"
    return (
        "Target cropped to a multiple of the scale; input = antialiased bicubic (a = -0.5, Pillow's) of the target, "
        f"rounded to 8 bits; prediction clamped, not rounded; PSNR and SSIM: {measured[convention]}{border}; "
        f"means over the images. {consistency}{_describe_faults(faults)}"
    )


def _describe_faults(faults: Sequence[Faults]) -> str:
    """Return what the protocol does beyond clean inputs; nothing if all are clean."""
    kinds = {*faults} - {CLEAN}
    if not kinds:
        return ""
    sentences = [f"All inputs: {faults[0]}."] if len({*faults}) == 1 else []
    if any(one.noise for one in kinds):
        sentences.append(
            "Noise: white, Gaussian, of this standard deviation of 255, added to the shrunk input; neither clipped nor "
            "rounded unless JPEG follows; seed 0 and the image's place in its list decide it."
        )
    if any(one.jpeg for one in kinds):
        sentences.append("JPEG: Pillow's encoder at this quality, 4:2:0.")
    sentences.append("Methods that read strengths are told them. LR is measured for clean inputs only.")
    return " ".join(["", *sentences])


class EvaluationPair(NamedTuple):
    """A method's low-resolution input, and the target that it should predict."""

    image: Float[Tensor, "batch channel rows columns"]
    target: Float[Tensor, "batch channel height width"]


def evaluation_pair(
    target: Float[Tensor, "batch channel height width"], scale: float, faults: Faults = CLEAN, first: int = 0
) -> EvaluationPair:
    """Return the pair for a scale: the input has `floor(side / scale)` pixels, the target `round(that * scale)`.

    Args:
        target: Values in [0, 1].
        scale: Size of the target over size of the input.
        faults: What is added to the input once it is shrunk.
        first: Number of the first image; an image's number alone decides its noise.

    Raises:
        ValueError: If the scale is below 1 or leaves no pixel of the target.
    """
    if not (math.isfinite(scale) and scale >= 1):
        raise ValueError(f"the scale of a measurement must be at least 1, got {scale}")
    height, width = target.shape[-2:]
    # The tiny addition makes 3 times a third one.
    rows, columns = (math.floor(side / scale + 1e-9) for side in (height, width))
    if min(rows, columns) < 1:
        raise ValueError(
            f"an image of {width}x{height} pixels is too small to be measured at scale {scale:g}; lower the scale"
        )
    cropped = target[..., : round(rows * scale), : round(columns * scale)]
    return EvaluationPair(faults.degradation(cropped, (rows, columns), first=first).image, cropped)


def measure(
    convention: Convention,
    prediction: Float[Tensor, "batch channel height width"],
    fine: Float[Tensor, "batch channel twice_height twice_width"],
    target: Float[Tensor, "batch channel height width"] | None,
    image: Float[Tensor, "batch channel rows columns"] | None,
    scale: float,
) -> list[Quality]:
    """Measure each prediction of a batch, of `scale` times the size of the input `image`; None if that is faulty.

    Neither `prediction` nor `fine`, the same at twice the size, is clamped before.
    """
    across = cross_scale_consistency(fine, prediction)
    ratios = similarities = torch.full_like(across, torch.nan)
    consistency = ratios if image is None else lr_consistency(prediction, image)
    # Interpolation lacks pixels at a border; an image that keeps its size lacks none.
    shave = 0 if scale == 1 else {"y": math.ceil(scale), "rgb": math.ceil(scale) + 6, "plain": 0}[convention]
    if target is not None and 2 * shave < min(target.shape[-2:]):
        prediction = prediction.clamp(0, 1)
        if convention == "y":
            # A grey image is a colour image with equal channels, whose luma has a smaller range.
            prediction, target = (luma(picture.expand(-1, 3, -1, -1)) for picture in (prediction, target))
        ratios, similarities = psnr(prediction, target, shave), ssim(prediction, target, shave)
    columns = zip(ratios, similarities, consistency, across, strict=True)
    return [Quality(*(_finite(value) for value in values)) for values in columns]


def _finite(value: Tensor) -> float | None:
    """Return a number for JSON: equal pictures get 200 dB, more than float32 can distinguish from equality."""
    number = float(value)
    return None if math.isnan(number) else min(number, 200.0)
