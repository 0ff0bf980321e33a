"""Ctrl-C and SIGTERM: a run ends between two steps, where its checkpoint resumes bit for bit."""

import os
import signal
import threading
from types import FrameType
from typing import Any, final

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.optim import Optimizer


@final
class StopBetweenSteps(Callback):
    """Lets the step, or the validation, end after the first signal; a second one ends the process at once.

    It belongs before all callbacks that log, and after those that refuse a step.

    Args:
        checkpoint: Saves the state after an exception, except in the middle of an optimiser's step and while a state
            is being restored: a checkpoint from there would not resume to the same bits.

    Attributes:
        received: Number of the first signal, 0 before.
    """

    def __init__(self, checkpoint: ModelCheckpoint) -> None:
        self.checkpoint = checkpoint
        self.received = 0

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
