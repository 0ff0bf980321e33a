"""Runs one method on one batch of images: pictures, measurements, costs."""

import statistics
import time
from dataclasses import asdict, dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.benchmark.faults import CLEAN, Faults
from amortized_sr.benchmark.machine import peak_memory
from amortized_sr.benchmark.methods import Made, Method, render_on_cpu
from amortized_sr.benchmark.protocol import Quality, measure
from amortized_sr.benchmark.zoomable import Zoomable, zoomable
from amortized_sr.choices import Convention
from amortized_sr.coords import Size

# Shorter runs are repeated, and the median counts.
_SHORT_SECONDS = 0.5
_REPEATS = 3


@dataclass(frozen=True)
class Prediction:
    """A method's picture of one image.

    Attributes:
        picture: In [0, 1].
        quality: Its measurements.
        encode_seconds: From the input to its function.
        draw_seconds: From the function to the picture.
        enlarged: The same function with more pixels, in [0, 1], if that was asked for.
        zoomable: The function as a page can hold it, or why a page cannot; None if that was not asked for.
    """

    picture: Float[Tensor, "1 channel height width"]
    quality: Quality
    encode_seconds: float | None = None
    draw_seconds: float | None = None
    enlarged: Float[Tensor, "1 channel rows columns"] | None = None
    zoomable: Zoomable | str | None = None

    @property
    def numbers(self) -> dict[str, float | None]:
        """Measurements and seconds by name."""
        seconds = {"encode_seconds": self.encode_seconds, "draw_seconds": self.draw_seconds}
        return {**asdict(self.quality), **seconds}


@dataclass(frozen=True)
class Evaluation:
    """The result of one method on a batch of images.

    Attributes:
        predictions: One per image, with clamped pictures.
        made: The images' function and its costs.
        seconds: Per image, from input to picture.
        peak_mebibytes: Peak memory beyond what was in use before; None where the system cannot measure it.
    """

    predictions: list[Prediction]
    made: Made
    seconds: float
    peak_mebibytes: float | None


def evaluate(
    method: Method,
    image: Float[Tensor, "batch channel rows columns"],
    target: Float[Tensor, "batch channel height width"] | None,
    size: Size,
    convention: Convention,
    enlarged: Size | None = None,
    faults: Faults = CLEAN,
    zooming: bool = False,
) -> Evaluation:
    """Predict images in [0, 1] with `size` pixels by a method that sees no target, and measure the predictions.

    The method is told the `faults` of the images. With `enlarged`, they are drawn a second time, with that size; with
    `zooming`, predictions hold what a page draws their functions from.

    Raises:
        ValueError: If a prediction holds NaN or infinity.
    """
    with peak_memory() as peak:
        made, pictures, seconds = _timed(method, image, size, faults)
    if sum(seconds) < _SHORT_SECONDS:
        # The first run paid for everything that is set up once.
        runs = [_timed(method, image, size, faults)[2] for _ in range(_REPEATS)]
        seconds = statistics.median(run[0] for run in runs), statistics.median(run[1] for run in runs)
    if not pictures.isfinite().all():
        raise ValueError("the picture holds NaN or infinity; a fit that diverged needs a lower learning rate")
    fine = render_on_cpu(made.function, (2 * size[0], 2 * size[1]))
    trusted = image if faults == CLEAN else None
    qualities = measure(convention, pictures, fine, target, trusted, size[0] / image.shape[-2])
    large = [None] * len(image) if enlarged is None else _shown(render_on_cpu(made.function, enlarged))
    held = [zoomable(made.function, number, size) if zooming else None for number in range(len(image))]
    encoding, drawing = (part / len(image) for part in seconds)
    predictions = [
        Prediction(picture, quality, encoding, drawing, larger, one)
        for picture, quality, larger, one in zip(_shown(pictures), qualities, large, held, strict=True)
    ]
    return Evaluation(predictions, made, encoding + drawing, peak.mebibytes)


def _shown(pictures: Tensor) -> list[Tensor]:
    return [*pictures.clamp(0, 1).split(1)]


def _timed(method: Method, image: Tensor, size: Size, faults: Faults) -> tuple[Made, Tensor, tuple[float, float]]:
    """Return what was made, the pictures, and the seconds to make the function and to draw it."""
    start = time.perf_counter()
    made = method.make(image, faults)
    if made.function.device.type == "cuda":
        torch.cuda.synchronize(made.function.device)
    between = time.perf_counter()
    pictures = render_on_cpu(made.function, size)
    return made, pictures, (between - start, time.perf_counter() - between)
