"""Runs one method on one batch of images: pictures, measurements, costs."""

import statistics
import time
from dataclasses import asdict, dataclass

from jaxtyping import Float
from torch import Tensor

from amortized_sr.benchmark.machine import peak_memory
from amortized_sr.benchmark.methods import Method, render_on_cpu
from amortized_sr.benchmark.protocol import Quality, measure
from amortized_sr.choices import Convention
from amortized_sr.continuous import ContinuousImage
from amortized_sr.coords import Size

# Shorter runs are repeated, and the median counts.
_SHORT_SECONDS = 0.5
_REPEATS = 3


@dataclass(frozen=True)
class Prediction:
    """A method's picture of one image, in [0, 1], with its measurements and the seconds from input to picture."""

    picture: Float[Tensor, "1 channel height width"]
    quality: Quality
    seconds: float | None = None

    @property
    def numbers(self) -> dict[str, float | None]:
        """Measurements and seconds by name."""
        return {**asdict(self.quality), "seconds": self.seconds}


@dataclass(frozen=True)
class Evaluation:
    """The result of one method on a batch of images.

    Attributes:
        predictions: One per image, with clamped pictures.
        parameters: Learned numbers behind one image's function.
        peak_mebibytes: Peak memory beyond what was in use before; None where the system cannot measure it.
    """

    predictions: list[Prediction]
    parameters: int
    peak_mebibytes: float | None


def evaluate(
    method: Method,
    image: Float[Tensor, "batch channel rows columns"],
    target: Float[Tensor, "batch channel height width"] | None,
    size: Size,
    convention: Convention,
) -> Evaluation:
    """Predict images in [0, 1] with `size` pixels by a method that sees no target, and measure the predictions.

    Raises:
        ValueError: If a prediction holds NaN or infinity.
    """
    with peak_memory() as peak:
        function, parameters, pictures, seconds = _timed(method, image, size)
    if seconds < _SHORT_SECONDS:
        # The first run paid for everything that is set up once.
        seconds = statistics.median(_timed(method, image, size)[3] for _ in range(_REPEATS))
    if not pictures.isfinite().all():
        raise ValueError("the picture holds NaN or infinity; a fit that diverged needs a lower learning rate")
    fine = render_on_cpu(function, (2 * size[0], 2 * size[1]))
    qualities = measure(convention, pictures, fine, target, image, size[0] / image.shape[-2])
    predictions = [
        Prediction(picture, quality, seconds / len(image))
        for picture, quality in zip(pictures.clamp(0, 1).split(1), qualities, strict=True)
    ]
    return Evaluation(predictions, parameters, peak.mebibytes)


def _timed(method: Method, image: Tensor, size: Size) -> tuple[ContinuousImage, int, Tensor, float]:
    start = time.perf_counter()
    function, parameters = method.make(image)
    pictures = render_on_cpu(function, size)
    return function, parameters, pictures, time.perf_counter() - start
