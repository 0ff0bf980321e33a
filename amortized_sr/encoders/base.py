"""What every encoder promises."""

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn


class Encoder(nn.Module, ABC):
    """Image -> features of the same height and width.

    Attributes:
        out_channels: Number of feature channels.
        receptive_radius: How many pixels away an input pixel may still change a feature, along each axis.
    """

    out_channels: int
    receptive_radius: int

    @abstractmethod
    def forward(self, image: Float[Tensor, "batch colour height width"]) -> Float[Tensor, "batch channel height width"]:
        """Return the features of a normalised image (about zero mean, unit deviation)."""
