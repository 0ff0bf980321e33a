"""What ends a run early: Ctrl-C and SIGTERM between two steps, and a loss that stays NaN or infinite."""

import os
import signal
import threading
from dataclasses import dataclass
from types import FrameType
from typing import Any, final

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.optim import Optimizer


class TrainingDivergedError(RuntimeError):
    """The loss stayed NaN or infinite; the message holds advice."""


@final
@dataclass(eq=False)
class NonFiniteGuard(Callback):
    """Skips steps whose gradient is NaN or infinite, and stops with advice after `limit` of them in a row."""

    limit: int = 10
    skipped: int = 0

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
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


@final
@dataclass(eq=False)
class StopBetweenSteps(Callback):
    """Lets the step, or the validation, end after the first signal; a second one ends the process at once.

    The checkpoint from there resumes bit for bit. The callback belongs before all that log, and after those that refuse
    a step.

    Args:
        checkpoint: Saves the state after an exception, except in the middle of an optimiser's step and while a state
            is being restored: a checkpoint from there would not resume to the same bits.
        received: Number of the first signal, 0 before.
    """

    checkpoint: ModelCheckpoint
    received: int = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Handle the signals from now on; Lightning restores the handlers at the end of the run."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            # A background job ignores Ctrl-C and must still do so.
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._receive)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:  # noqa: ANN401 (Lightning's)
        """Stop here if a signal arrived, in all processes at the same step."""
        loop = trainer.fit_loop.epoch_loop
        # After a resume within an epoch, Lightning counts one too many, and logs would be a step off.
        loop._batches_that_stepped = trainer.global_step
        if loop.batch_progress.current.completed % trainer.accumulate_grad_batches:
            return  # A checkpoint holds no accumulated gradients.
        self.checkpoint.save_on_exception = True
        if trainer.strategy.reduce_boolean_decision(self.received > 0, all=False):
            raise KeyboardInterrupt

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """Save nothing until the batch has ended: until scheduler, counters and average have followed the weights."""
        self.checkpoint.save_on_exception = False

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save again: the batch has ended."""
        self.checkpoint.save_on_exception = not trainer.sanity_checking

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        for handled in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(handled) == self._receive:
                signal.signal(handled, signal.SIG_DFL)
        # Not through sys.stderr, which may be in the middle of a write.
        os.write(2, b"\nstopping after this step or validation; a second Ctrl-C stops at once, without saving\n")
