"""Protection against gradients that are NaN or infinite."""

from typing import final

import torch
from lightning.pytorch import Callback, LightningModule, Trainer


class TrainingDivergedError(RuntimeError):
    """The loss stayed NaN or infinite; the message holds advice."""


@final
class NonFiniteGuard(Callback):
    """Skips steps whose gradient is NaN or infinite, and stops with advice after too many in a row.

    Args:
        limit: How many such steps in a row end the run.
    """

    def __init__(self, limit: int = 10) -> None:
        self.limit = limit
        self.skipped = 0

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Drop a gradient that would destroy the weights; in DDP all processes see the same one."""
        gradients = [parameter.grad for parameter in pl_module.parameters() if parameter.grad is not None]
        if torch.nn.utils.get_total_norm(gradients).isfinite():
            self.skipped = 0
            return
        self.skipped += 1
        optimizer.zero_grad(set_to_none=True)
        if self.skipped >= self.limit:
            raise TrainingDivergedError(
                f"the loss was not finite for {self.skipped} steps in a row (step {trainer.global_step}); lower the "
                "learning rate, or train with a precision of 32-true, and resume from the last checkpoint"
            )
