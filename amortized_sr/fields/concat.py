"""LIIF's field: an MLP that reads code, offset and cell side by side."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from amortized_sr.choices import Neighbors
from amortized_sr.fields.blend import PointwiseField, blend_weight
from amortized_sr.layers import begin_near_zero, mlp


@final
class ConcatField(PointwiseField):
    """`weight(offset) * MLP([code, offset, cell])`.

    The most general and the most expensive field: the whole MLP runs for every neighbour of every output pixel.

    References:
        Chen et al., "Learning Continuous Image Representation with Local Implicit Image Function", CVPR 2021.
        https://arxiv.org/abs/2012.09161
    """

    def __init__(self, code_channels: int, channels: int, width: int, depth: int, neighbors: Neighbors) -> None:
        super().__init__(neighbors)
        self.code_channels = code_channels
        self.network = mlp(code_channels + 4, width, depth, channels)
        last = self.network[-1]
        assert isinstance(last, nn.Linear)
        begin_near_zero(last)

    def forward(
        self,
        offset: Float[Tensor, "*shape 2"],
        cell: Float[Tensor, "*shape 2"],
        code: Float[Tensor, "*shape channel"],
    ) -> Float[Tensor, "*shape colour"]:
        """Return the contribution of one latent cell to each query."""
        colour = self.network(torch.cat((code, offset, cell), dim=-1))
        return blend_weight(offset, self.neighbors) * colour
