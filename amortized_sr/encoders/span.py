"""The SPAN trunk: plain convolutions that gate their own output, without attention weights."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from amortized_sr.encoders.base import Encoder
from amortized_sr.layers import Conv1x1, Conv3x3


@final
class SPAN(Encoder):
    """`num_blocks` swift parameter-free attention blocks, and a merge of the first, the last and the deep features.

    Made for speed on plain hardware: nothing but 3x3 convolutions and pointwise functions. Edges are continued by
    repetition.

    References:
        Wan et al., "Swift Parameter-free Attention Network for Efficient Super-Resolution", CVPRW 2024.
        https://arxiv.org/abs/2311.12770
    """

    def __init__(self, planes: int, width: int, num_blocks: int) -> None:
        super().__init__()
        self.out_channels = width
        self.receptive_radius = 3 * num_blocks + 2
        self.first = Conv3x3(planes, width)
        self.blocks = nn.ModuleList(AttentionBlock(width) for _ in range(num_blocks))
        self.last = Conv3x3(width, width)
        self.merge = Conv1x1(4 * width, width)

    def forward(
        self, planes: Float[Tensor, "batch plane height width"]
    ) -> Float[Tensor, "batch channel cells_y cells_x"]:
        """Return features with the image's own resolution."""
        shallow = self.first(planes)
        outputs = [shallow]
        for block in self.blocks:
            outputs.append(block(outputs[-1]))
        deep = self.last(outputs[-1])
        return self.merge(torch.cat((shallow, deep, outputs[1], outputs[-2]), dim=1))


@final
class AttentionBlock(nn.Module):
    """Three convolutions; the result is weighted by an odd function of itself, so that strong detail passes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = Conv3x3(width, width)
        self.second = Conv3x3(width, width)
        self.third = Conv3x3(width, width)

    def forward(
        self, features: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """Return the weighted sum of the features and their residual."""
        residual = self.third(functional.silu(self.second(functional.silu(self.first(features)))))
        return (features + residual) * (torch.sigmoid(residual) - 0.5)
