"""One method on one input: the picture, what is measured of it, and what it cost."""

import statistics
import time
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from amortized_sr.benchmark.machine import peak_memory
from amortized_sr.benchmark.methods import Method, draw
from amortized_sr.benchmark.protocol import Quality, measure
from amortized_sr.choices import Convention
from amortized_sr.continuous import ContinuousImage

# What takes less is repeated, and the median counts.
_SHORT_SECONDS = 0.5
_REPEATS = 3


@dataclass(frozen=True)
class Evaluation:
    """What one method made of a batch of images.

    Attributes:
        drawn: The pictures, clamped.
        qualities: What was measured of each.
        seconds: From image to picture, per image.
        parameters: Learned numbers behind one image's function.
        peak_mebibytes: Memory at most, beyond what was in use; None where it cannot be measured.
    """

    drawn: Float[Tensor, "batch channel height width"]
    qualities: list[Quality]
    seconds: float
    parameters: int
    peak_mebibytes: float | None


def evaluate(
    method: Method,
    image: Float[Tensor, "batch channel rows columns"],
    target: Float[Tensor, "batch channel height width"] | None,
    size: tuple[int, int],
    convention: Convention,
) -> Evaluation:
    """Draw images with `size` pixels by a method, and measure that.

    Args:
        method: The method; it sees the images only.
        image: Inputs in [0, 1].
        target: The truth, if there is one.
        size: `(height, width)` of the pictures.
        convention: How they are measured.

    Raises:
        ValueError: If the method drew something that is not a number.
    """
    with peak_memory() as peak:
        function, drawn, seconds = _timed(method, image, size)
    if seconds < _SHORT_SECONDS:
        # The first one paid for what is set up once.
        seconds = statistics.median(_timed(method, image, size)[2] for _ in range(_REPEATS))
    if not drawn.isfinite().all():
        raise ValueError("the picture holds NaN or infinity; a fit that diverged needs a lower learning rate")
    scale = size[0] / image.shape[-2]
    return Evaluation(
        drawn=drawn.clamp(0, 1),
        qualities=measure(convention, drawn, draw(function, (2 * size[0], 2 * size[1])), target, image, scale),
        seconds=seconds / len(image),
        parameters=method.parameters(function),
        peak_mebibytes=peak.mebibytes,
    )


def _timed(method: Method, image: Tensor, size: tuple[int, int]) -> tuple[ContinuousImage, Tensor, float]:
    begin = time.perf_counter()
    function = method.make(image)
    drawn = draw(function, size)
    return function, drawn, time.perf_counter() - begin
