"""The hyper field with a learned basis: the shared coordinate network is an MLP instead of sinusoids."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.choices import Neighbors
from amortized_sr.fields.blend import PointwiseField, blend_weight
from amortized_sr.layers import mlp


@final
class LearnedField(PointwiseField):
    """`weight(offset) * sum_k code[c, k] phi_k(offset, cell)` with an MLP `phi` that all cells share.

    Compares `hyper` with a basis that is learned as a whole. It is not separable, so grids are rendered point by point.

    References:
        Ha et al., "HyperNetworks", ICLR 2017. https://arxiv.org/abs/1609.09106
    """

    def __init__(self, channels: int, num_functions: int, width: int, depth: int, neighbors: Neighbors) -> None:
        super().__init__(neighbors)
        self.channels = channels
        self.code_channels = channels * num_functions
        self.network = mlp(4, width, depth, num_functions)

    def forward(
        self,
        offset: Float[Tensor, "*shape 2"],
        cell: Float[Tensor, "*shape 2"],
        code: Float[Tensor, "*shape channel"],
    ) -> Float[Tensor, "*shape colour"]:
        """Return the contribution of one latent cell to each query."""
        functions = self.network(torch.cat((offset, cell), dim=-1)) * blend_weight(offset, self.neighbors)
        return (code.unflatten(-1, (self.channels, -1)) @ functions[..., None]).squeeze(-1)
