"""How low-resolution images are made from their targets, for training and for measuring."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.choices import ConditionName
from amortized_sr.coords import Size
from amortized_sr.resize import shrink_height, shrink_width

# A stream of random numbers of its own: (seed, stream, sample number). Training pairs use the streams 0 to 3.
_NOISE = 4


class Degraded(NamedTuple):
    """Low-resolution images and their conditions for an encoder.

    Attributes:
        image: Multiples of 1/255 in [0, 1].
        conditions: One number for each image and each of `Degradation.conditions`.
    """

    image: Float[Tensor, "batch channel rows columns"]
    conditions: Float[Tensor, "batch condition"]

    @property
    def planes(self) -> Float[Tensor, "batch plane rows columns"]:
        """The image's colours, then a constant plane for each condition."""
        return add_conditions(self.image, self.conditions)


def add_conditions(
    image: Float[Tensor, "batch colour height width"], conditions: Float[Tensor, "batch condition"]
) -> Float[Tensor, "batch plane height width"]:
    """Return colours followed by a constant plane for each condition."""
    constant = conditions.to(image)[:, :, None, None].expand(-1, -1, *image.shape[-2:])
    return torch.cat((image, constant), dim=1)


# Not marked final: jsonargparse takes no final class for a default.
@dataclass(frozen=True)
class Degradation:
    """Shrinks with the antialiased bicubic kernel, rounds to 8 bits, adds noise and rounds again.

    The default is the benchmark's: bicubic alone. Everything random is a function of the seed and a sample's number.

    Attributes:
        noise: Smallest and largest standard deviation of white Gaussian noise, of 255; uniform between them.
        clean_share: Share of the samples without noise.
    """

    noise: tuple[float, float] = (0.0, 0.0)
    clean_share: float = 0.0

    def __post_init__(self) -> None:
        """Reject settings without a meaning."""
        low, high = self.noise
        if not 0 <= low <= high <= 255:
            raise ValueError(f"noise must satisfy 0 <= low <= high <= 255, got {low} to {high}")
        if not 0 <= self.clean_share <= 1:
            raise ValueError(f"clean_share must be a share from 0 to 1, got {self.clean_share}")

    @property
    def conditions(self) -> tuple[ConditionName, ...]:
        """Names of the numbers that come with each image."""
        return ("noise",) if self.noise[1] > 0 else ()

    def __call__(
        self, target: Float[Tensor, "batch channel height width"], size: Size, seed: int = 0, first: int = 0
    ) -> Degraded:
        """Return the low-resolution images of targets.

        Without noise equal to Pillow's `resize(..., BICUBIC)` of an 8-bit image within 1/255: like Pillow, first along
        x, then along y, with rounding after each.

        Args:
            target: Values in [0, 1].
            size: `(height, width)` of the result in pixels.
            seed: Decides all that is random, together with the samples' numbers.
            first: Number of the first sample.

        Example:
            >>> Degradation()(torch.ones(1, 3, 8, 8), (4, 4)).image.shape
            torch.Size([1, 3, 4, 4])
        """
        image = _round(shrink_height(_round(shrink_width(target, size[1])), size[0]))
        if not self.conditions:
            return Degraded(image, image.new_empty(len(image), 0))
        samples = [self._sample(image[0].shape, seed, first + index) for index in range(len(image))]
        sigma = image.new_tensor([strength / 255 for strength, _ in samples])
        noise = torch.from_numpy(np.stack([values for _, values in samples])).to(image)
        return Degraded(_round(image + sigma[:, None, None, None] * noise), sigma[:, None])

    def _sample(self, shape: tuple[int, ...], seed: int, number: int) -> tuple[float, np.ndarray]:
        random = np.random.default_rng((seed, _NOISE, number))
        clean, strength = random.random() < self.clean_share, random.uniform(*self.noise)
        return 0.0 if clean else strength, random.standard_normal(shape, dtype=np.float32)


def _round(image: Tensor) -> Tensor:
    return (image.clamp(0, 1) * 255).round() / 255
