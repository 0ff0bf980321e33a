"""Several optimisers as one: Muon for matrices and Adam for the rest."""

from collections.abc import Callable
from typing import Any, final

import torch
from torch import nn
from torch.optim import Optimizer


@final
class CombinedOptimizer(Optimizer):
    """Optimisers that share the parameters of a model, seen by schedules and checkpoints as a single one.

    Args:
        parts: Optimisers, none of which has taken a step.
    """

    def __init__(self, *parts: Optimizer) -> None:
        self.parts = parts
        super().__init__([group for part in parts for group in part.param_groups], {})
        self._share()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # noqa: ANN401 # pyright: ignore[reportIncompatibleMethodOverride]
        """Let every part take a step; the loss of the closure is returned: Lightning's is a tensor or None."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore all parts."""
        super().load_state_dict(state_dict)
        self._share()

    def _share(self) -> None:
        """Let the parts work on this optimiser's groups and state."""
        groups = iter(self.param_groups)
        for part in self.parts:
            part.param_groups = [next(groups) for _ in part.param_groups]
            part.state = self.state


def muon_and_adam(module: nn.Module, matrix_rate: float, rate: float) -> CombinedOptimizer:
    """Return Muon for the weights of linear layers and Adam for all other parameters.

    Muon replaces a matrix' gradient by the nearest orthogonal one, so that directions with small gradients learn too.

    Args:
        module: What is trained.
        matrix_rate: Learning rate of the matrices.
        rate: Learning rate of the rest.

    References:
        Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.
        https://kellerjordan.github.io/posts/muon/
    """
    matrices = [part.weight for part in module.modules() if isinstance(part, nn.Linear)]
    others = [one for one in module.parameters() if not any(one is matrix for matrix in matrices)]
    return CombinedOptimizer(
        torch.optim.Muon(matrices, lr=matrix_rate, weight_decay=0.0),
        torch.optim.Adam(others, lr=rate, betas=(0.9, 0.99)),
    )
