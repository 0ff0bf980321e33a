"""Noise and compression that a measurement adds to its inputs."""

from dataclasses import dataclass
from typing import final

from amortized_sr.degradation import Degradation
from amortized_sr.jpeg_strength import step_of_quality
from amortized_sr.model_config import check_bounds
from amortized_sr.strength import LARGEST_NOISE, Strength


@final
@dataclass(frozen=True)
class Faults:
    """Faults of an input, whose strengths methods are told; 0 for none.

    Noise without JPEG is neither clipped nor rounded, as in published measurements of denoising. JPEG is Pillow's, with
    colours at half the size (4:2:0), of the noisy input rounded to 8 bits.

    Attributes:
        noise: Standard deviation of white noise, 0 to 75 of 255.
        jpeg: Quality, 1 to 100.

    Raises:
        ValueError: If a strength is out of range.

    Example:
        >>> str(Faults(noise=25.0)), str(Faults(15.0, 40)), str(Faults())
        ('noise 25', 'noise 15 jpeg 40', 'clean')
    """

    noise: float = 0.0
    jpeg: int = 0

    def __post_init__(self) -> None:
        """Reject strengths that no model can be told."""
        check_bounds(self, {"noise": (0, LARGEST_NOISE), "jpeg": (0, 100)})

    def __str__(self) -> str:
        """Return the name of such inputs in tables."""
        named = [(name, value) for name, value in (("noise", self.noise), ("jpeg", self.jpeg)) if value]
        return " ".join(f"{name} {value:g}" for name, value in named) or "clean"

    @property
    def degradation(self) -> Degradation:
        """What makes inputs of targets."""
        return Degradation(noise=(self.noise, self.noise), jpeg=(self.jpeg, self.jpeg), rounded_share=0.0)

    @property
    def strength(self) -> Strength:
        """What an encoder is told."""
        return Strength(self.noise, step_of_quality(self.jpeg) if self.jpeg else 0.0)


CLEAN = Faults()
"""No noise and no compression."""
