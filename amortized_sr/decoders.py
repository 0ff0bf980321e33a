"""Decoders of autoencoders: the code of an image -> the codes of a field on a grid of cells."""

import math
from abc import ABC, abstractmethod
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from amortized_sr.layers import Conv3x3, ResidualBlock, begin_near_zero


class Decoder(nn.Module, ABC):
    """Layers between an image's code and a field."""

    @abstractmethod
    def forward(self, code: Float[Tensor, "batch code"]) -> Float[Tensor, "batch channel cells cells"]:
        """Return the codes of the field's cells."""


class Unfold(nn.Module, ABC):
    """The first layer of a `GridDecoder`."""

    @abstractmethod
    def forward(self, code: Float[Tensor, "batch code"]) -> Float[Tensor, "batch channel cells cells"]:
        """Return features for every cell."""


@final
class LinearUnfold(Unfold):
    """Features as a linear function of the code, each cell with weights of its own.

    Args:
        code: Numbers of the code.
        code_grid: Cells per axis that they are spread over, each of which becomes a square of cells.
        cells: Cells per axis of the result.
        width: Features per cell.
    """

    def __init__(self, code: int, code_grid: int, cells: int, width: int) -> None:
        super().__init__()
        self.code_grid = code_grid
        self.side = cells // code_grid
        self.linear = nn.Linear(code // code_grid**2, width * self.side**2)

    def forward(self, code: Float[Tensor, "batch code"]) -> Float[Tensor, "batch channel cells cells"]:
        """Return features for every cell."""
        parts = code.unflatten(1, (-1, self.code_grid, self.code_grid)).movedim(1, -1)
        return functional.pixel_shuffle(self.linear(parts).movedim(-1, 1), self.side)


@final
class ModulatedUnfold(Unfold):
    """A coordinate network that all images share, asked at the centres of the cells; the code writes its first layer.

    Meant for morphs: features that are linear in the code can only fade from one image to the other.

    Args:
        code: Numbers of the code.
        cells: Cells per axis of the result.
        rank: Width of the layer that the code writes.
        width: Features per cell.

    References:
        Kim et al., "Generalizable Implicit Neural Representations via Instance Pattern Composers", CVPR 2023.
        https://arxiv.org/abs/2211.13223
    """

    features: Tensor

    def __init__(self, code: int, cells: int, rank: int, width: int) -> None:
        super().__init__()
        self.rank = rank
        features = _fourier_features(cells)
        self.register_buffer("features", features, persistent=False)
        self.write = nn.Sequential(nn.Linear(code, 256), nn.GELU(), nn.Linear(256, rank * features.shape[0]))
        self.network = nn.Sequential(
            nn.GELU(), nn.Conv2d(rank, 2 * width, 1), nn.GELU(), nn.Conv2d(2 * width, width, 1)
        )

    def forward(self, code: Float[Tensor, "batch code"]) -> Float[Tensor, "batch channel cells cells"]:
        """Return features for every cell."""
        layer = self.write(code).unflatten(1, (self.rank, -1))
        return self.network(torch.einsum("brf,fyx->bryx", layer, self.features))


def _fourier_features(cells: int) -> Float[Tensor, "feature cells cells"]:
    """Return products of cosines and sines at the cells' centres, up to the highest frequency that they can tell."""
    position = (torch.tensor([float(number) for number in range(cells)]) + 0.5) / cells
    waves = [torch.ones_like(position)]
    for frequency in range(1, cells // 2 + 1):
        angle = math.pi * frequency * position
        waves += [torch.cos(angle), torch.sin(angle)]
    wave = torch.stack(waves)
    return (wave[:, None, :, None] * wave[None, :, None, :]).flatten(0, 1)


@final
class GridDecoder(Decoder):
    """Unfolds a code into features on a grid and refines them by convolutions.

    Args:
        unfold: Code -> features.
        width: Features per cell.
        blocks: Residual blocks.
        code_channels: Numbers of a code of the field.
    """

    def __init__(self, unfold: Unfold, width: int, blocks: int, code_channels: int) -> None:
        super().__init__()
        self.unfold = unfold
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.last = Conv3x3(width, code_channels)
        begin_near_zero(self.last)

    def forward(self, code: Float[Tensor, "batch code"]) -> Float[Tensor, "batch channel cells cells"]:
        """Return the codes of the field's cells."""
        return self.last(functional.relu(self.blocks(self.unfold(code))))


@final
class SingleDecoder(Decoder):
    """An MLP whose output is the only code of a field that draws the whole image.

    Args:
        code: Numbers of the image's code.
        width: Width of its two hidden layers.
        code_channels: Numbers of the field's code.
    """

    def __init__(self, code: int, width: int, code_channels: int) -> None:
        super().__init__()
        last = nn.Linear(width, code_channels)
        begin_near_zero(last)
        self.network = nn.Sequential(nn.Linear(code, width), nn.GELU(), nn.Linear(width, width), nn.GELU(), last)

    def forward(self, code: Float[Tensor, "batch code"]) -> Float[Tensor, "batch channel cells cells"]:
        """Return the code of the field's only cell."""
        return self.network(code)[:, :, None, None]
