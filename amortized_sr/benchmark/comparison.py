"""One image beside its predictions by several methods."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from amortized_sr.benchmark.quality import Quality
from amortized_sr.tracking import log_means, log_table


@dataclass(frozen=True)
class Prediction:
    """A method's picture of one image, with its measurements.

    Attributes:
        picture: Values in [0, 1].
        quality: Its measurements.
        seconds: From input to picture, if that was measured.
    """

    picture: Float[Tensor, "1 channel height width"]
    quality: Quality
    seconds: float | None = None

    @property
    def numbers(self) -> dict[str, float | None]:
        """Measurements and seconds by name."""
        return {**asdict(self.quality), "seconds": self.seconds}


@dataclass(frozen=True)
class Comparison:
    """One image with its predictions by several methods.

    Attributes:
        name: The image's name.
        image: The input, in [0, 1].
        target: The truth, if there is one.
        predictions: Each method's prediction.
    """

    name: str
    image: Float[Tensor, "1 channel rows columns"]
    target: Float[Tensor, "1 channel height width"] | None
    predictions: dict[str, Prediction]


def log_comparisons(run: Any, comparisons: Sequence[Comparison], name: str = "comparison") -> None:  # noqa: ANN401 (wandb's own class)
    """Log a wandb table with a row per image, and each method's means as the run's summary.

    Columns: `image`, `input`, each method's picture, `target`, and `METHOD NUMBER` for each measurement.
    """
    rows = [
        {
            "image": one.name,
            "input": one.image,
            **{method: prediction.picture for method, prediction in one.predictions.items()},
            "target": one.target,
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
