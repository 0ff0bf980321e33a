"""The interface of encoders."""

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn


class Encoder(nn.Module, ABC):
    """Image -> features on a grid of cells, which need not be the image's.

    Attributes:
        out_channels: Number of feature channels.
        receptive_radius: How many pixels away an input pixel may still change a feature, along each axis, for encoders
            with one cell per pixel; None for an encoder that sees the whole image, which is never tiled.
        stride: A part of an image has the same features as in the whole if it begins at a multiple of this many pixels.
    """

    out_channels: int
    receptive_radius: int | None
    stride: int = 1

    @abstractmethod
    def forward(
        self, planes: Float[Tensor, "batch plane height width"]
    ) -> Float[Tensor, "batch channel cells_y cells_x"]:
        """Return the features of normalised colours (about zero mean, unit deviation) and of conditions as they are."""
