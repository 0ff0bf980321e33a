"""Compares several methods on a few images: every method predicts every image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.benchmark.evaluation import Evaluation, Prediction, evaluate
from amortized_sr.benchmark.methods import Method
from amortized_sr.benchmark.protocol import Quality, evaluation_pair, mean_quality
from amortized_sr.choices import Convention
from amortized_sr.tracking import Run, log_means, log_table

# Twelve pictures for each method are as many as a table shows.
_ENLARGED = 12
_ENLARGED_SIDE = 512


@dataclass(frozen=True)
class Comparison:
    """One image in [0, 1], its target if there is one, and its predictions by method."""

    name: str
    image: Float[Tensor, "1 channel rows columns"]
    target: Float[Tensor, "1 channel height width"] | None
    predictions: dict[str, Prediction]


@dataclass(frozen=True)
class MethodResult:
    """A method's means over all images.

    Attributes:
        method: Its name.
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
    """The means by method, and each image with the predictions of every method that did not fail."""

    methods: list[MethodResult]
    images: list[Comparison]


def compare(
    named: Sequence[tuple[str, Float[Tensor, "1 _ _ _"]]],
    scale: float,
    truth: bool,
    methods: Sequence[Method],
    convention: Convention,
    report: Callable[[str], None],
    enlarge: bool = False,
) -> ComparisonResult:
    """Predict every image by every method; images of one size are one batch.

    A method that fails has a result with its error; the other methods continue. With `truth`, inputs are made from the
    images; otherwise the images are the inputs. The name of each method is reported before it starts. With `enlarge`,
    the first images are drawn at 512 pixels too, and are batches of their own.

    Raises:
        ValueError: If an image is too small for the scale.
    """
    images = [
        Comparison(name, *(evaluation_pair(image, scale) if truth else (image, None)), predictions={})
        for name, image in named
    ]
    batches: dict[tuple[bool, *tuple[int, ...]], list[Comparison]] = {}
    for index, one in enumerate(images):
        batches.setdefault((enlarge and index < _ENLARGED, *one.image.shape), []).append(one)
    results: list[MethodResult] = []
    for method in methods:
        report(method.name)
        try:
            evaluations = [_evaluate(method, batch, scale, convention, large) for (large, *_), batch in batches.items()]
        # Any error of a method is a result of the comparison.
        except Exception as error:
            results.append(MethodResult(method.name, error=f"{type(error).__name__}: {error}"))
            continue
        predictions = [prediction for evaluation in evaluations for prediction in evaluation.predictions]
        for one, prediction in zip((one for batch in batches.values() for one in batch), predictions, strict=True):
            one.predictions[method.name] = prediction
        quality = mean_quality([prediction.quality for prediction in predictions])
        encoding = sum(prediction.encode_seconds or 0.0 for prediction in predictions) / len(predictions)
        drawing = sum(prediction.draw_seconds or 0.0 for prediction in predictions) / len(predictions)
        parameters = max(evaluation.made.parameters for evaluation in evaluations)
        numbers = max(evaluation.made.numbers for evaluation in evaluations)
        results.append(MethodResult(method.name, quality, numbers, encoding, drawing, parameters=parameters))
    fits = [one for one in results if one.method.partition(":")[0] == "fit" and not one.error]
    best = max(fits, key=lambda one: (one.quality.psnr or 0.0, -one.seconds), default=None)
    if best is not None:
        results = [replace(one, speedup=best.seconds / one.seconds) if one.seconds else one for one in results]
    return ComparisonResult(results, images)


def _evaluate(
    method: Method, batch: Sequence[Comparison], scale: float, convention: Convention, large: bool
) -> Evaluation:
    image = torch.cat([one.image for one in batch])
    targets = [one.target for one in batch if one.target is not None]
    target = torch.cat(targets) if targets else None
    height, width = (max(1, round(side * scale)) for side in image.shape[-2:]) if target is None else target.shape[-2:]
    factor = _ENLARGED_SIDE / max(height, width)
    enlarged = (max(1, round(height * factor)), max(1, round(width * factor))) if large and factor > 1 else None
    return evaluate(method, image, target, (height, width), convention, enlarged)


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
            **_numbers(one, "{} {}"),
        }
        for one in comparisons
    ]
    log_table(run, name, rows)
    log_means(run, (number for one in comparisons for number in _numbers(one, "{}/{}").items()))


def _numbers(one: Comparison, label: str) -> dict[str, float | None]:
    return {
        label.format(method, name): value
        for method, prediction in one.predictions.items()
        for name, value in prediction.numbers.items()
    }
