"""A SIREN whose layers the code scales and shifts."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from amortized_sr.choices import Neighbors
from amortized_sr.fields.blend import PointwiseField, blend_weight
from amortized_sr.layers import SineLayer, begin_near_zero


@final
class FilmField(PointwiseField):
    """`weight(offset) * SIREN(offset, cell)`, each layer's pre-activation multiplied by 1 + scale and shifted.

    A code holds the modulations themselves, `(scale, shift)` of each layer in turn, so that everything that makes
    them runs once per latent cell and not once per output pixel.

    References:
        Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", AAAI 2018.
        https://arxiv.org/abs/1709.07871
        Dupont et al., "From data to functa: Your data point is a function", ICML 2022.
        https://arxiv.org/abs/2201.12204
        Dupont et al., "COIN++: Neural Compression Across Modalities", TMLR 2022. https://arxiv.org/abs/2201.12904
    """

    def __init__(self, channels: int, width: int, depth: int, neighbors: Neighbors, omega: float = 6.0) -> None:
        super().__init__(neighbors)
        self.code_channels = 2 * width * depth
        self.layers = nn.ModuleList(
            SineLayer(width if index else 4, width, omega if index == 0 else 1.0, first=index == 0)
            for index in range(depth)
        )
        self.colour = nn.Linear(width, channels)
        begin_near_zero(self.colour)

    def forward(
        self,
        offset: Float[Tensor, "*shape 2"],
        cell: Float[Tensor, "*shape 2"],
        code: Float[Tensor, "*shape channel"],
    ) -> Float[Tensor, "*shape colour"]:
        """Return the contribution of one latent cell to each query."""
        hidden = torch.cat((offset, cell), dim=-1)
        modulations = code.chunk(len(self.layers), dim=-1)
        for layer, modulation in zip(self.layers, modulations, strict=True):
            scale, shift = modulation.chunk(2, dim=-1)
            hidden = layer(hidden, scale, shift)
        return blend_weight(offset, self.neighbors) * self.colour(hidden)
