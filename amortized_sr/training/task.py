"""What all trained modules share: the optimiser, the end of a run, and what is written about them."""

import math
from abc import ABC, abstractmethod
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities import rank_zero_info
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.optim import Optimizer

from amortized_sr.weights_header import Config


class TrainingTask(LightningModule, ABC):
    """A model with a loss, trained by Adam with a linear warm-up and a cosine to zero at the last step.

    Attributes:
        origin: Name and hash of the weights that training started from; None if they were random.
    """

    def __init__(self, learning_rate: float, warmup_steps: int, final_share: float) -> None:
        super().__init__()
        if warmup_steps < 0 or learning_rate <= 0:
            raise ValueError(
                f"warmup_steps must not be negative and learning_rate must be positive, got {warmup_steps} and "
                f"{learning_rate}"
            )
        if not 0 <= final_share <= 1:
            raise ValueError(f"final_share must be a share of the steps from 0 to 1, got {final_share}")
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.final_share = final_share
        self.origin: dict[str, str] | None = None

    @property
    @abstractmethod
    def config(self) -> Config:
        """Configuration of the model."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return everything that a checkpoint must agree with to be resumed, as JSON values."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """Return facts about the loss and the optimiser for the header of weights, as JSON values."""

    @abstractmethod
    def plain_state(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a state of the trained model as that of the model that users get."""

    @abstractmethod
    def load_plain_state(self, state: dict[str, Tensor]) -> None:
        """Replace the weights by those of a model as users get it, with the same configuration."""

    @abstractmethod
    def like(self, network: Config) -> "TrainingTask":
        """Return an untrained task that validates another network in the same way; a ValueError says that it cannot."""

    def is_final(self) -> bool:
        """Return whether the last `final_share` of the steps has begun."""
        return self.global_step / self.trainer.estimated_stepping_batches >= 1 - self.final_share

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ANN401 (Lightning's)
        """Validate the end of the run, also within an epoch: Lightning validates before an early stop."""
        if self.global_step == self.trainer.max_steps:
            self.trainer.should_stop = True

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Return the optimiser and its schedule."""
        # One pass over all tensors. Scaled gradients, as in fp16, it would unscale itself, after they were clipped.
        scaled = getattr(self.trainer.precision_plugin, "scaler", None) is not None
        options = {"lr": self.learning_rate, "betas": (0.9, 0.99), "foreach": scaled, "fused": not scaled}
        optimizer = torch.optim.Adam(self.parameters(), **options)
        total = int(self.trainer.estimated_stepping_batches)
        if total < self.warmup_steps:
            rank_zero_info(
                f"warning: the run of {total} steps ends within its warm-up of {self.warmup_steps} steps and learns "
                "little; lower warmup_steps"
            )

        def factor(step: int) -> float:
            warm = min(1.0, (step + 1) / (self.warmup_steps + 1))
            return warm * (1 + math.cos(math.pi * min(1.0, step / max(1, total)))) / 2

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip gradients as Lightning does, but also those of a fused optimiser, which it refuses."""
        if gradient_clip_val:
            clip = clip_grad_value_ if gradient_clip_algorithm == "value" else clip_grad_norm_
            clip(self.parameters(), gradient_clip_val)

    def log_ratios(self, batch_size: int, *groups: dict[str, Tensor]) -> None:
        """Log the PSNR in dB of each kind of input, and `val/psnr`, which chooses the best checkpoint.

        That is the mean of the groups' means: each group counts as much as another.
        """
        for name, ratio in ((name, ratio) for group in groups for name, ratio in group.items()):
            self.log(f"val/psnr_{name}", ratio, batch_size=batch_size)
        means = [torch.stack([*group.values()]).mean() for group in groups if group]
        self.log("val/psnr", torch.stack(means).mean(), prog_bar=True, batch_size=batch_size)
