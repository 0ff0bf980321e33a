"""Compares several methods on a few images: every method predicts every image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.benchmark.comparison import Comparison
from amortized_sr.benchmark.evaluation import Evaluation, evaluate
from amortized_sr.benchmark.methods import Method
from amortized_sr.benchmark.protocol import evaluation_pair
from amortized_sr.benchmark.quality import Quality, mean_quality
from amortized_sr.choices import Convention


@dataclass(frozen=True)
class MethodResult:
    """A method's means over all images.

    Attributes:
        method: Its name.
        quality: Means of the measurements.
        seconds: Per image, from input to picture.
        speedup: Time of the best per-image fit over this method's. The best fit has the highest PSNR, or without a
            truth the shortest time; None without a fit.
        parameters: Learned numbers behind one image's function.
        error: The reason why there are no numbers.
    """

    method: str
    quality: Quality = Quality()  # noqa: RUF009 (frozen)
    seconds: float | None = None
    speedup: float | None = None
    parameters: int | None = None
    error: str | None = None


@dataclass(frozen=True)
class ComparisonResult:
    """The result of a comparison.

    Attributes:
        methods: The means, in the order of the methods.
        images: Each image with the predictions of every method that did not fail.
    """

    methods: list[MethodResult]
    images: list[Comparison]


def compare(
    named: Sequence[tuple[str, Float[Tensor, "1 _ _ _"]]],
    scale: float,
    truth: bool,
    methods: Sequence[Method],
    convention: Convention,
    report: Callable[[str], None],
) -> ComparisonResult:
    """Predict every image by every method; images of one size are one batch.

    A method that fails is reported with its error; the other methods continue.

    Args:
        named: Names and images `(1, channel, height, width)` of any sizes.
        scale: Size of the predictions over size of the inputs.
        truth: Whether the images are the truth, from which the inputs are made; otherwise they are the inputs.
        methods: The methods.
        convention: The channels and pixels that are measured.
        report: Called with the name of each method before it starts.

    Raises:
        ValueError: If an image is too small for the scale.
    """
    images = [
        Comparison(name, *(evaluation_pair(image, scale) if truth else (image, None)), predictions={})
        for name, image in named
    ]
    batches: dict[tuple[int, ...], list[Comparison]] = {}
    for one in images:
        batches.setdefault(tuple(one.image.shape), []).append(one)
    results: list[MethodResult] = []
    for method in methods:
        report(method.name)
        try:
            evaluations = [_evaluate(method, batch, scale, convention) for batch in batches.values()]
        # Any error of a method is a result of the comparison.
        except Exception as error:
            results.append(MethodResult(method.name, error=f"{type(error).__name__}: {error}"))
            continue
        predictions = [prediction for evaluation in evaluations for prediction in evaluation.predictions]
        for one, prediction in zip((one for batch in batches.values() for one in batch), predictions, strict=True):
            one.predictions[method.name] = prediction
        results.append(
            MethodResult(
                method.name,
                mean_quality([prediction.quality for prediction in predictions]),
                sum(prediction.seconds or 0.0 for prediction in predictions) / len(predictions),
                parameters=max(evaluation.parameters for evaluation in evaluations),
            )
        )
    fits = [one for one in results if one.method.partition(":")[0] == "fit" and not one.error]
    best = max(fits, key=lambda one: (one.quality.psnr or 0.0, -(one.seconds or 0.0)), default=None)
    if best is not None and best.seconds is not None:
        results = [replace(one, speedup=best.seconds / one.seconds) if one.seconds else one for one in results]
    return ComparisonResult(results, images)


def _evaluate(method: Method, batch: Sequence[Comparison], scale: float, convention: Convention) -> Evaluation:
    image = torch.cat([one.image for one in batch])
    targets = [one.target for one in batch if one.target is not None]
    target = torch.cat(targets) if targets else None
    height, width = (max(1, round(side * scale)) for side in image.shape[-2:]) if target is None else target.shape[-2:]
    return evaluate(method, image, target, (height, width), convention)
