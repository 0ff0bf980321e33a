"""Compares several methods on a few images: every method predicts every image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.benchmark.evaluation import Evaluation, Prediction, evaluate
from amortized_sr.benchmark.faults import CLEAN, Faults
from amortized_sr.benchmark.methods import Method
from amortized_sr.benchmark.protocol import Quality, evaluation_pair, mean_quality
from amortized_sr.choices import Convention
from amortized_sr.tracking import Run, log_means, log_table

SHOWN = 12
"""As many images as a table or a page shows; numbers are means over all."""

_ENLARGED_SIDE = 512


@dataclass(frozen=True)
class Comparison:
    """One image in [0, 1], its target if there is one, its predictions by method, and its noise and compression."""

    name: str
    image: Float[Tensor, "1 channel rows columns"]
    target: Float[Tensor, "1 channel height width"] | None
    predictions: dict[str, Prediction]
    faults: Faults = CLEAN


@dataclass(frozen=True)
class MethodResult:
    """A method's means over all images with the same noise and compression.

    Attributes:
        method: Its name.
        input: Noise and compression of the images, in words.
        quality: Means of the measurements.
        numbers: How many numbers stand for one image.
        encode_seconds: Per image, from input to function.
        draw_seconds: Per image, from function to picture.
        speedup: Time of the best per-image fit over this method's. The best fit has the highest PSNR, or without a
            truth the shortest time; None without a fit.
        parameters: Learned numbers behind one image's function.
        error: The reason why there are no numbers.
    """

    method: str
    input: str = str(CLEAN)
    quality: Quality = Quality()
    numbers: int | None = None
    encode_seconds: float | None = None
    draw_seconds: float | None = None
    speedup: float | None = None
    parameters: int | None = None
    error: str | None = None

    @property
    def seconds(self) -> float:
        """Per image, from input to picture."""
        return (self.encode_seconds or 0.0) + (self.draw_seconds or 0.0)


@dataclass(frozen=True)
class ComparisonResult:
    """The means by noise, compression and method, and each image with the predictions of all methods that worked."""

    methods: list[MethodResult]
    images: list[Comparison]

    @property
    def count(self) -> int:
        """Number of images, however many inputs were made of each."""
        return len(self.images) // len({one.faults for one in self.images})


def compare(
    named: Sequence[tuple[str, Float[Tensor, "1 _ _ _"]]],
    scale: float,
    truth: bool,
    methods: Sequence[Method],
    convention: Convention,
    report: Callable[[str], None],
    enlarge: bool = False,
    faults: Sequence[Faults] = (CLEAN,),
    zooming: bool = False,
) -> ComparisonResult:
    """Predict every image by every method; images of one size are one batch.

    A method that fails has a result with its error; the other methods continue. With `truth`, inputs are made from the
    images, one for each of the `faults`; otherwise the images are the inputs, as they are. The name of each method is
    reported before it starts. With `enlarge`, the first images are drawn at 512 pixels too; with `zooming`, their
    predictions hold what a page draws their functions from. Both make the first images batches of their own.

    Raises:
        ValueError: If an image is too small for the scale.
    """
    images = [
        Comparison(
            name if len(faults) == 1 else f"{name}, {one}",
            *(evaluation_pair(image, scale, one, number) if truth else (image, None)),
            predictions={},
            faults=one,
        )
        for number, (name, image) in enumerate(named)
        for one in faults
    ]
    batches: dict[Faults, dict[tuple[bool, *tuple[int, ...]], list[Comparison]]] = {one: {} for one in faults}
    for index, one in enumerate(images):
        first = (enlarge or zooming) and index < SHOWN
        batches[one.faults].setdefault((first, *one.image.shape), []).append(one)
    results: dict[Faults, list[MethodResult]] = {one: [] for one in faults}
    for method in methods:
        report(method.name)
        for one, same in batches.items():
            results[one].append(_result(method, one, same, scale, convention, enlarge, zooming))
    return ComparisonResult([result for group in results.values() for result in _with_speedups(group)], images)


def _result(
    method: Method,
    faults: Faults,
    batches: dict[tuple[bool, *tuple[int, ...]], list[Comparison]],
    scale: float,
    convention: Convention,
    enlarge: bool,
    zooming: bool,
) -> MethodResult:
    """Return a method's means over images with the same faults, which get its predictions."""
    try:
        evaluations = [
            _evaluate(method, batch, scale, convention, first and enlarge, first and zooming)
            for (first, *_), batch in batches.items()
        ]
    # Any error of a method is a result of the comparison.
    except Exception as error:
        return MethodResult(method.name, str(faults), error=f"{type(error).__name__}: {error}")
    predictions = [prediction for evaluation in evaluations for prediction in evaluation.predictions]
    for one, prediction in zip((one for batch in batches.values() for one in batch), predictions, strict=True):
        one.predictions[method.name] = prediction
    quality = mean_quality([prediction.quality for prediction in predictions])
    encoding = sum(prediction.encode_seconds or 0.0 for prediction in predictions) / len(predictions)
    drawing = sum(prediction.draw_seconds or 0.0 for prediction in predictions) / len(predictions)
    parameters = max(evaluation.made.parameters for evaluation in evaluations)
    numbers = max(evaluation.made.numbers for evaluation in evaluations)
    return MethodResult(method.name, str(faults), quality, numbers, encoding, drawing, parameters=parameters)


def _with_speedups(results: list[MethodResult]) -> list[MethodResult]:
    fits = [one for one in results if one.method.partition(":")[0] == "fit" and not one.error]
    best = max(fits, key=lambda one: (one.quality.psnr or 0.0, -one.seconds), default=None)
    if best is None:
        return results
    return [replace(one, speedup=best.seconds / one.seconds) if one.seconds else one for one in results]


def _evaluate(
    method: Method, batch: Sequence[Comparison], scale: float, convention: Convention, large: bool, zooming: bool
) -> Evaluation:
    image = torch.cat([one.image for one in batch])
    targets = [one.target for one in batch if one.target is not None]
    target = torch.cat(targets) if targets else None
    height, width = (max(1, round(side * scale)) for side in image.shape[-2:]) if target is None else target.shape[-2:]
    factor = _ENLARGED_SIDE / max(height, width)
    enlarged = (max(1, round(height * factor)), max(1, round(width * factor))) if large and factor > 1 else None
    return evaluate(method, image, target, (height, width), convention, enlarged, batch[0].faults, zooming)


def log_comparisons(run: Run, comparisons: Sequence[Comparison], name: str = "comparison") -> None:
    """Log a wandb table with a row per image, and each method's means as the run's summary.

    Columns: `image`, `input`, each method's picture, `target`, each method's larger picture, and `METHOD NUMBER` for
    each measurement.
    """
    rows = [
        {
            "image": one.name,
            "input": one.image,
            **{method: prediction.picture for method, prediction in one.predictions.items()},
            "target": one.target,
            **{f"{method} at {_ENLARGED_SIDE}": prediction.enlarged for method, prediction in one.predictions.items()},
            **_numbers(one, "{} "),
        }
        for one in comparisons
    ]
    log_table(run, name, rows)
    several = len({one.faults for one in comparisons}) > 1
    labels = [f"{{}}/{one.faults}/" if several else "{}/" for one in comparisons]
    means = (_numbers(one, label).items() for one, label in zip(comparisons, labels, strict=True))
    log_means(run, (number for numbers in means for number in numbers))


def _numbers(one: Comparison, label: str) -> dict[str, float | None]:
    """Return the measurements of all methods, each named by the method in the label, then the measurement."""
    return {
        label.format(method) + name: value
        for method, prediction in one.predictions.items()
        for name, value in prediction.numbers.items()
    }
