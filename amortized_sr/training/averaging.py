"""The exponential moving average of the weights, which is what is validated and exported."""

from functools import partial
from typing import final

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor


@final
class MovingAverage(WeightAveraging):
    """Lightning's weight averaging with an exponential average that forgets the initial weights quickly.

    Args:
        decay: Share of the average that one step keeps, once the run is long enough for it.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"ema_decay must be at least 0 and below 1, got {decay}")
        # No closure: spawned processes receive it pickled.
        super().__init__(multi_avg_fn=partial(_move_average, decay))
        self._swapped = False

    def average_of(self, task: LightningModule) -> LightningModule:
        """Return the copy of a module that holds the averaged parameters and buffers; itself before there is one."""
        average = self._average_model.module if self._average_model else task
        assert isinstance(average, LightningModule)
        return average

    def averaged(self, task: LightningModule) -> dict[str, Tensor]:
        """Return the averaged parameters and buffers of a module, under the module's own names."""
        return self.average_of(task).state_dict()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Move the average to the training device, which Lightning chooses after it has made the copy."""
        if self._average_model is not None:
            self._average_model.to(pl_module.device)

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validate the averaged weights."""
        super().on_validation_epoch_start(trainer, pl_module)
        self._swapped = True

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the weights that are trained."""
        super().on_validation_epoch_end(trainer, pl_module)
        self._swapped = False

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Restore them before the checkpoint is written, if validation failed."""
        if self._swapped:
            self.on_validation_epoch_end(trainer, pl_module)


def _move_average(decay: float, averaged: list[Tensor], current: list[Tensor], count: Tensor | int) -> None:
    # Keep the count a tensor: converting a GPU's to a number would wait for the GPU in every step.
    count = torch.as_tensor(count, dtype=torch.float32)
    new = 1 - ((1 + count) / (10 + count)).clamp(max=decay)
    for mean, value in zip(averaged, current, strict=True):
        mean.lerp_(value, new)
