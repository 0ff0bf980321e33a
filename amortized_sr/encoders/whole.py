"""The encoder of autoencoders: a whole image, in a frame of fixed size -> one code."""

from typing import final

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from amortized_sr.layers import ResidualBlock

# Convolutions halve the side until it is at most this.
_COARSEST = 8


@final
class WholeEncoder(nn.Module):
    """Turns a square frame into numbers: convolutions that halve the side, and a linear path beside them.

    Args:
        planes: Colours, and one plane with what else is known about the image.
        frame: Side of the frame in pixels.
        width: Channels of the first convolution.
        hidden: Width of the layer between features and code.
        code: Numbers of the code.
        grid: Cells per axis that the numbers are spread over.
    """

    def __init__(self, planes: int, frame: int, width: int, hidden: int, code: int, grid: int) -> None:
        super().__init__()
        side, inputs = frame, planes
        layers: list[nn.Module] = []
        while side > max(grid, _COARSEST) and side % (2 * grid) == 0:
            outputs = width if not layers else 2 * width
            kernel = 6 if not layers else 4
            layers += [nn.Conv2d(inputs, outputs, kernel, 2, kernel // 2 - 1), ResidualBlock(outputs)]
            side, inputs = side // 2, outputs
        # Most parameters are between features and `hidden`, so there are few features.
        self.trunk = nn.Sequential(*layers, nn.Conv2d(inputs, width // 2, 1))
        self.features = PatchLinear(width // 2, side // grid, hidden)
        self.code = nn.Conv2d(hidden, code // grid**2, 1)
        # Without the last plane, which is the same everywhere: hundreds of equal inputs would swing the code each step.
        self.direct = PatchLinear(planes - 1, frame // grid, code // grid**2)

    def forward(self, planes: Float[Tensor, "batch plane side side"]) -> Float[Tensor, "batch code"]:
        """Return the codes of frames."""
        features = self.features(functional.gelu(self.trunk(planes)))
        return (self.code(functional.gelu(features)) + self.direct(planes[:, :-1])).flatten(1)


@final
class PatchLinear(nn.Module):
    """A linear layer over square patches that do not overlap; with a single patch, over the whole image."""

    def __init__(self, channels: int, side: int, outputs: int) -> None:
        super().__init__()
        self.side = side
        self.linear = nn.Linear(channels * side**2, outputs)

    def forward(self, image: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch output rows columns"]:
        """Return one vector per patch."""
        patches = functional.pixel_unshuffle(image, self.side)
        return self.linear(patches.movedim(1, -1)).movedim(-1, 1)
