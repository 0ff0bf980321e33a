"""The EDSR trunk: plain residual blocks at the image's own resolution."""

from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from amortized_sr.encoders.base import Encoder
from amortized_sr.layers import Conv3x3, ResidualBlock


@final
class EDSR(Encoder):
    """A convolution, `num_blocks` residual blocks and a convolution, with a skip around the blocks.

    Edges are continued by repetition rather than by zeros: a black frame is an edge that is not in the image.

    References:
        Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPRW 2017.
        https://arxiv.org/abs/1707.02921
    """

    def __init__(self, planes: int, width: int, num_blocks: int) -> None:
        super().__init__()
        self.out_channels = width
        self.receptive_radius = 2 * num_blocks + 2
        self.first = Conv3x3(planes, width)
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(num_blocks)))
        self.last = Conv3x3(width, width)

    def forward(
        self, planes: Float[Tensor, "batch plane height width"]
    ) -> Float[Tensor, "batch channel cells_y cells_x"]:
        """Return features with the image's own resolution."""
        shallow = self.first(planes)
        return self.last(self.blocks(shallow)).add_(shallow)
