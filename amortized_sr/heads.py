"""Heads: features of an encoder -> codes of a field, one per cell."""

from abc import ABC, abstractmethod
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from amortized_sr.layers import Conv1x1, Conv3x3, begin_near_zero


class Head(nn.Module, ABC):
    """Layers between an encoder and a field.

    Attributes:
        radius: How many cells away a feature may still change a code, along each axis.
    """

    radius: int

    @abstractmethod
    def forward(
        self, features: Float[Tensor, "batch channel cells_y cells_x"]
    ) -> Float[Tensor, "batch code cells_y cells_x"]:
        """Return a code for every cell."""


@final
class ConvolutionalHead(Head):
    """The head of `hyper` and `learned`, with the heavy layers at the latent's resolution.

    Args:
        in_channels: Number of features.
        hidden_channels: Width of the two hidden layers; 0 for a single convolution.
        code_channels: Number of weights that a cell's code holds.
        zero_every: The first of every so many of them is always 0; None if none is.
    """

    radius = 1
    mask: Tensor | None

    def __init__(
        self, in_channels: int, hidden_channels: int, code_channels: int, zero_every: int | None = None
    ) -> None:
        super().__init__()
        if hidden_channels == 0:
            last = Conv3x3(in_channels, code_channels)
            layers: list[nn.Module] = [last]
        else:
            last = Conv1x1(hidden_channels, code_channels)
            layers = [
                Conv3x3(in_channels, hidden_channels),
                nn.ReLU(inplace=True),
                Conv1x1(hidden_channels, hidden_channels),
                nn.ReLU(inplace=True),
                last,
            ]
        begin_near_zero(last)
        mask = None
        if zero_every is not None:
            mask = torch.ones(code_channels, 1, 1)
            mask[::zero_every] = 0
            with torch.no_grad():
                last.weight.mul_(mask[..., None])
        self.register_buffer("mask", mask, persistent=False)
        for number, layer in enumerate(layers):
            self.add_module(str(number), layer)

    def forward(
        self, features: Float[Tensor, "batch channel cells_y cells_x"]
    ) -> Float[Tensor, "batch code cells_y cells_x"]:
        """Return a code for every cell."""
        for layer in self.children():
            features = layer(features)
        # The weights of codes that are always 0 are 0 already; the mask keeps gradients from them.
        return features if self.mask is None or not self.training else features * self.mask.to(features)


@final
class UnfoldingHead(Head):
    """The head of `concat`: each cell's code is the features of its 3x3 neighbourhood."""

    radius = 1

    def forward(
        self, features: Float[Tensor, "batch channel cells_y cells_x"]
    ) -> Float[Tensor, "batch code cells_y cells_x"]:
        """Return nine times as many channels."""
        padded = functional.pad(features, (1, 1, 1, 1), mode="replicate")
        return functional.unfold(padded, 3).unflatten(2, features.shape[-2:])


@final
class ModulationHead(Head):
    """The head of `film`: features -> modulations, the identity at the start.

    The trunk gets no gradient in the first step. A random start, which gives it one, was no better after 1,000 steps.
    """

    radius = 0

    def __init__(self, in_channels: int, code_channels: int) -> None:
        super().__init__()
        self.project = Conv1x1(in_channels, code_channels)
        nn.init.zeros_(self.project.weight)
        assert self.project.bias is not None
        nn.init.zeros_(self.project.bias)

    def forward(
        self, features: Float[Tensor, "batch channel cells_y cells_x"]
    ) -> Float[Tensor, "batch code cells_y cells_x"]:
        """Return the modulations of every cell."""
        return self.project(features)


@final
class CorrectingHead(Head):
    """Codes of another head, then a correction of the image itself, which begins at zero.

    Args:
        codes: Makes the codes.
        in_channels: Number of features.
        channels: Colours of the correction.
    """

    def __init__(self, codes: Head, in_channels: int, channels: int) -> None:
        super().__init__()
        self.codes = codes
        self.correction = Conv3x3(in_channels, channels)
        for parameter in self.correction.parameters():
            nn.init.zeros_(parameter)
        self.radius = max(codes.radius, 1)

    def forward(
        self, features: Float[Tensor, "batch channel cells_y cells_x"]
    ) -> Float[Tensor, "batch code cells_y cells_x"]:
        """Return codes, and behind them a correction for the pixel of every cell."""
        return torch.cat((self.codes(features), self.correction(features)), dim=1)
