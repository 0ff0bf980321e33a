"""Structural re-parameterisation: convolutions are trained as sums of longer chains, and merged for export.

A chain of linear maps is a linear map, but gradient descent moves it differently. Because there is nothing between
the links, the chain's kernel is computed before the convolution, so that training costs hardly more.
"""

from typing import final

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from amortized_sr.model import AmortizedSR
from amortized_sr.model_builder import build_model
from amortized_sr.model_config import ModelConfig


@final
class Chain(nn.Module):
    """A 3x3 kernel as `direct + contract (1x1) * middle (3x3) * expand (1x1)`.

    References:
        Zhang et al., "Edge-oriented Convolution Block for Real-time Super Resolution on Mobile Devices", ACM MM 2021
        (expanding convolutions merged for inference). https://doi.org/10.1145/3474085.3475291
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, direct: Tensor, contract: Tensor, middle: Tensor, expand: Tensor) -> Tensor:
        """Return the kernel `(outputs, inputs, 3, 3)`."""
        with torch.autocast(direct.device.type, enabled=False):
            return direct + self._chained(contract, middle, expand)

    def right_inverse(self, kernel: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return parts whose chain computes `kernel`."""
        outputs, inputs = kernel.shape[:2]
        expand = torch.empty(self.factor * inputs, inputs)
        middle = torch.empty(self.factor * outputs, self.factor * inputs, 3, 3)
        contract = torch.empty(outputs, self.factor * outputs)
        for part in (expand, middle, contract):
            nn.init.kaiming_uniform_(part, a=5**0.5)
        parts = contract.to(kernel), middle.to(kernel), expand.to(kernel)
        return kernel - self._chained(*parts), *parts

    @staticmethod
    def _chained(contract: Tensor, middle: Tensor, expand: Tensor) -> Tensor:
        # Two matrix products whose result has its channels together, as convolutions read it: no copy, unlike einsum.
        wide = contract @ middle.permute(0, 2, 3, 1).flatten(1)
        kernel = wide.view(-1, len(expand)) @ expand
        return kernel.view(len(contract), *middle.shape[2:], -1).permute(0, 3, 1, 2)


def build_trainable(config: ModelConfig, expansion: int, plain: dict[str, Tensor] | None = None) -> AmortizedSR:
    """Return a model whose convolutions are expanded by a factor, or plain for 0; fresh without the `plain` state."""
    model = build_model(config)
    if plain is not None:
        model.load_state_dict(plain)
    if expansion:
        expand_convolutions(model, expansion)
    # Convolutions train twice as fast with the channels together, on CPUs and on tensor cores.
    return model.to(memory_format=torch.channels_last)


def merged_state(config: ModelConfig, expansion: int, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a state of `build_trainable`'s model as that of the plain model."""
    model = build_trainable(config, expansion)
    model.load_state_dict(state)
    merge_convolutions(model)
    return model.state_dict()


def expand_convolutions(module: nn.Module, factor: int) -> None:
    """Let every 3x3 convolution of a module be trained as a chain that is `factor` times as wide."""
    for part in list(module.modules()):
        if isinstance(part, nn.Conv2d) and part.kernel_size == (3, 3):
            parametrize.register_parametrization(part, "weight", Chain(factor))


def merge_convolutions(module: nn.Module) -> None:
    """Undo `expand_convolutions`: keep the kernels that the chains compute."""
    for part in list(module.modules()):
        if isinstance(part, nn.Conv2d) and parametrize.is_parametrized(part, "weight"):
            parametrize.remove_parametrizations(part, "weight", leave_parametrized=True)
