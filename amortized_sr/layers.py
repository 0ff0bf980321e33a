"""Building blocks of encoders and fields: convolution, residual block, sine layer with its initialisation, MLP."""

import math
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


@final
class Conv3x3(nn.Conv2d):
    """A convolution over 3x3 pixels that continues the image's edges."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1, padding_mode="replicate")

    def forward(self, input: Float[Tensor, "batch _ height width"]) -> Float[Tensor, "batch _ height width"]:
        """Return features of the same size."""
        device = input.device.type
        if not torch.is_autocast_enabled(device):
            return super().forward(input)
        # Autocast alone would pad in float32 and convert before and after: a sixth of a training step.
        converted = input.to(torch.get_autocast_dtype(device))
        with torch.autocast(device, enabled=False):
            padded = functional.pad(converted, (1, 1, 1, 1), mode="replicate")
        return functional.conv2d(padded, self.weight, self.bias)


@final
class Conv1x1(nn.Conv2d):
    """A convolution of each pixel with itself."""

    def __init__(self, inputs: int, outputs: int) -> None:
        # The distance between the kernel's pixels, of which there is one, only decides who computes: in one thread,
        # torch itself would, in twice to three times the time of oneDNN.
        super().__init__(inputs, outputs, 1, dilation=2)


@final
class ResidualBlock(nn.Module):
    """Convolution, ReLU, convolution, added to the input; no normalisation, as in EDSR."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Conv3x3(channels, channels)
        self.second = Conv3x3(channels, channels)

    def forward(
        self, features: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """Return the features plus their residual."""
        return self.second(self.first(features).relu_()).add_(features)


@final
class SineLayer(nn.Module):
    """`sin(omega (W x + b))`, initialised so that pre-activations keep their distribution through depth.

    Args:
        in_width: Number of inputs.
        out_width: Number of outputs.
        omega: Frequency factor; the first layer's sets the band of the whole network.
        first: Whether the inputs are coordinates rather than sines.

    References:
        Sitzmann et al., "Implicit Neural Representations with Periodic Activation Functions", NeurIPS 2020,
        section 3.2. https://arxiv.org/abs/2006.09661
    """

    def __init__(self, in_width: int, out_width: int, omega: float, first: bool = False) -> None:
        super().__init__()
        self.omega = omega
        self.linear = nn.Linear(in_width, out_width)
        bound = 1 / in_width if first else math.sqrt(6 / in_width) / omega
        nn.init.uniform_(self.linear.weight, -bound, bound)

    def forward(
        self,
        inputs: Float[Tensor, "*shape inputs"],
        scale: Float[Tensor, "*shape outputs"] | float = 0.0,
        shift: Float[Tensor, "*shape outputs"] | float = 0.0,
    ) -> Float[Tensor, "*shape outputs"]:
        """Return the sine of the pre-activation, multiplied by `1 + scale` and moved by `shift` before."""
        return torch.sin(self.omega * self.linear(inputs) * (1 + scale) + shift)


def begin_near_zero(last: nn.Linear | nn.Conv2d) -> None:
    """Initialise a last layer near zero.

    Its output is added to an interpolated image, so training starts near that image instead of a random texture.
    """
    inputs = last.in_features if isinstance(last, nn.Linear) else last.in_channels
    nn.init.trunc_normal_(last.weight, std=1e-2 / math.sqrt(inputs))
    assert last.bias is not None
    nn.init.zeros_(last.bias)


def mlp(in_width: int, hidden_width: int, num_hidden: int, out_width: int) -> nn.Sequential:
    """Return a ReLU network with `num_hidden` hidden layers."""
    layers: list[nn.Module] = []
    width = in_width
    for _ in range(num_hidden):
        layers += [nn.Linear(width, hidden_width), nn.ReLU()]
        width = hidden_width
    return nn.Sequential(*layers, nn.Linear(width, out_width))
