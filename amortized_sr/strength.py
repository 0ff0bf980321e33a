"""How strongly noise and JPEG compression are to be removed: what a caller asks for, and what an encoder is told.

Noise is the standard deviation of white noise, of 255, whatever the depth of a picture: white is 255 in 16 bits and in
floating point too. JPEG compression is a quality from 1 to 100. 0 and `off` mean none, for both. `auto` takes the
strength from the picture: the noise is measured, the compression is that of the tables in the picture's own file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Literal, assert_never, final

from amortized_sr.choices import ConditionName
from amortized_sr.jpeg_strength import condition_of_step, nearest_quality, step_of_quality
from amortized_sr.weights_header import models_reading

Dial = Literal["auto", "off"] | int | float
"""A strength as a caller gives it: `auto`, `off`, or a number, 0 for none."""

LARGEST_NOISE = 75
"""The strongest noise that can be asked for, of 255."""

# Compression smooths noise away, and what is left of it looks like less: below this quality no estimate means anything.
_LAST_STEP_WITH_NOISE = step_of_quality(90)

HALF_CORRECTED = 1 / 255
"""The condition at which half of a correction of the image counts: about what rounding to 8 bits hides."""


class StrengthError(ValueError):
    """A strength that no model has, or that this one does not have; `setting` is `noise` or `jpeg`."""

    def __init__(self, setting: ConditionName, sentence: str) -> None:
        super().__init__(sentence)
        self.setting = setting


@final
@dataclass(frozen=True)
class Strength:
    """What an encoder is told about an image; None for what its model does not read.

    Attributes:
        noise: Standard deviation of the noise, of 255.
        jpeg_step: Step of the compression, see `jpeg_strength`; 0 for none.
    """

    noise: float | None = None
    jpeg_step: float | None = None

    def conditions(self, names: Sequence[ConditionName]) -> list[float]:
        """Return the numbers that an encoder reads."""
        return [self._condition(name) for name in names]

    def _condition(self, name: ConditionName) -> float:
        match name:
            case "noise":
                return (self.noise or 0) / 255
            case "jpeg":
                return condition_of_step(self.jpeg_step or 0)
            case _:
                assert_never(name)

    @property
    def facts(self) -> dict[ConditionName, int | float]:
        """The strengths that the model reads, which are the noise and the quality that is nearest to the step, or 0."""
        facts: dict[ConditionName, int | float] = {}
        if self.noise is not None:
            facts["noise"] = self.noise
        if self.jpeg_step is not None:
            facts["jpeg"] = nearest_quality(self.jpeg_step) if self.jpeg_step else 0
        return facts


@final
@dataclass(frozen=True)
class Restoration:
    """What a caller asks for.

    Attributes:
        noise: `auto`, `off`, or the standard deviation of the noise, 0 to 75 of 255.
        jpeg: `auto`, `off`, or the quality, 1 to 100 and 0 for none.

    Raises:
        StrengthError: If a number is out of range.

    Example:
        >>> Restoration(noise=15, jpeg="off").resolve(("noise", "jpeg"), None, lambda: 0.0).facts
        {'noise': 15.0, 'jpeg': 0}
    """

    noise: Dial = "auto"
    jpeg: Dial = "auto"

    def __post_init__(self) -> None:
        """Reject what is no strength."""
        if self.noise not in ("auto", "off") and not (_is_number(self.noise) and 0 <= self.noise <= LARGEST_NOISE):
            raise StrengthError(
                "noise", f"noise must be auto, off, or a number from 0 to {LARGEST_NOISE} (of 255), got {self.noise!r}"
            )
        if self.jpeg not in ("auto", "off") and not (_is_number(self.jpeg) and self.jpeg in range(101)):
            raise StrengthError(
                "jpeg", f"jpeg must be auto, off, or a quality from 1 to 100, or 0 for none, got {self.jpeg!r}"
            )

    def check(self, conditions: Sequence[ConditionName], able: Callable[[ConditionName], Sequence[str]]) -> None:
        """Check that a model can do what is asked for.

        Args:
            conditions: What the model reads.
            able: Returns the names of models that read a condition.

        Raises:
            StrengthError: If a strength above 0 is asked for that the model does not read.
        """
        dials: dict[ConditionName, Dial] = {"noise": self.noise, "jpeg": self.jpeg}
        for name, dial in dials.items():
            if name not in conditions and dial not in ("auto", "off", 0):
                others = able(name)
                remedy = (
                    f"choose {' or '.join(others)}" if others else "no bundled model does; train one, or leave it out"
                )
                raise StrengthError(name, f"{name} {dial} needs a model that reads it, and this one does not; {remedy}")

    def resolve(
        self, conditions: Sequence[ConditionName], jpeg_step: float | None, measure: Callable[[], float]
    ) -> Strength:
        """Return what an encoder is told.

        Args:
            conditions: What the model reads; for anything else `auto` means nothing.
            jpeg_step: Step of the tables in the picture's file; None if it is no JPEG.
            measure: Returns the noise, of 255; called only if it is needed. It is not for JPEGs below quality 90.
        """
        step, own = None, jpeg_step or 0.0
        if "jpeg" in conditions:
            step = own if self.jpeg == "auto" else 0.0 if self.jpeg in ("off", 0) else step_of_quality(int(self.jpeg))
        noise = None
        if "noise" in conditions and self.noise == "auto":
            noise = 0.0 if max(step or 0.0, own) > _LAST_STEP_WITH_NOISE else min(measure(), float(LARGEST_NOISE))
        elif "noise" in conditions:
            noise = 0.0 if self.noise == "off" else float(self.noise)
        return Strength(noise, step)


def strength_of(
    wanted: Restoration, names: Sequence[ConditionName], jpeg_step: float | None, measure: Callable[[], float]
) -> Strength:
    """Return what a model's encoder is told about an image; see `Restoration.resolve` for the arguments.

    Raises:
        StrengthError: If the model does not read a strength above 0 that is asked for.
    """
    wanted.check(names, models_reading)
    return wanted.resolve(names, jpeg_step, measure)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
