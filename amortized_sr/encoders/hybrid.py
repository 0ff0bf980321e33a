"""The hybrid trunk: residual blocks at half the resolution between residual blocks at the image's own."""

from typing import final

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from amortized_sr.encoders.base import Encoder
from amortized_sr.layers import Conv3x3, ResidualBlock


@final
class Hybrid(Encoder):
    """EDSR with a branch at half the resolution in its middle.

    There, a channel costs a quarter and a convolution sees twice as far, which noise needs. The blocks around it keep
    what is finer. Edges are continued by repetition, and images of odd sides by a row or column.

    Args:
        planes: Colours and conditions.
        width: Channels at the image's own resolution.
        num_blocks: Residual blocks there; the branch begins after half of them.
        half_width: Channels of the branch.
        half_blocks: Residual blocks of the branch.
    """

    stride = 2

    def __init__(self, planes: int, width: int, num_blocks: int, half_width: int, half_blocks: int) -> None:
        super().__init__()
        self.out_channels = width
        # A feature's own cell of the branch begins or ends one pixel away from it.
        self.receptive_radius = 2 * num_blocks + 2 + 4 * half_blocks + 1
        self.first = Conv3x3(planes, width)
        before = num_blocks // 2
        self.before = nn.Sequential(*(ResidualBlock(width) for _ in range(before)))
        self.down = nn.Conv2d(width, half_width, 2, stride=2)
        self.blocks = nn.Sequential(*(ResidualBlock(half_width) for _ in range(half_blocks)))
        self.up = nn.ConvTranspose2d(half_width, width, 2, stride=2)
        self.after = nn.Sequential(*(ResidualBlock(width) for _ in range(num_blocks - before)))
        self.last = Conv3x3(width, width)

    def forward(
        self, planes: Float[Tensor, "batch plane height width"]
    ) -> Float[Tensor, "batch channel cells_y cells_x"]:
        """Return features with the image's own resolution."""
        height, width = planes.shape[-2:]
        shallow = self.first(planes)
        fine = self.before(shallow)
        # Also where it adds nothing: the export to ONNX, for all sizes at once, can take no branch.
        even = functional.pad(fine, (0, width % 2, 0, height % 2), mode="replicate")
        coarse = self.up(self.blocks(self.down(even)))[..., :height, :width]
        return self.last(self.after(fine + coarse)).add_(shallow)
