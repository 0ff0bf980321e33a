"""Callbacks that every run has, and its progress: a bar on a terminal, otherwise one line per validation."""

import sys
import time
from pathlib import Path
from typing import Any, final

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint, TQDMProgressBar

from amortized_sr.baselines.fitting import FitSettings
from amortized_sr.training.autoencoder_pictures import AutoencoderPictures
from amortized_sr.training.averaging import MovingAverage
from amortized_sr.training.checkpoint import ExportWeights
from amortized_sr.training.pictures import ValidationPictures
from amortized_sr.training.prior import FitPrior
from amortized_sr.training.retrying_writes import RetryingWrites
from amortized_sr.training.stopping import NonFiniteGuard, StopBetweenSteps
from amortized_sr.training.super_resolution import SuperResolutionTask
from amortized_sr.training.task import TrainingTask


def run_callbacks(
    task: TrainingTask, run_dir: Path, ema_decay: float, compare_every: int, seed: int, writes: RetryingWrites
) -> list[Callback]:
    """Return the callbacks of a run whose results go into `run_dir`.

    Raises:
        ValueError: If a setting is out of its range, or has no meaning for this task.
    """
    average = MovingAverage(ema_decay)
    if isinstance(task, SuperResolutionTask):
        own: list[Callback] = [ValidationPictures(run_dir, writes, compare_every, FitSettings())]
    elif compare_every:
        raise ValueError("compare_every compares upscaled images with fitted ones; omit it for an autoencoder")
    else:
        own = [AutoencoderPictures(run_dir, writes, seed), FitPrior(average, seed)]
    folder = run_dir / "checkpoints"
    # Separate from the best one, which an interruption must not overwrite.
    last = ModelCheckpoint(folder, "last", mode="max", save_on_train_epoch_end=True, enable_version_counter=False)
    # After validation: a run resumed at an epoch's end has no value to monitor before its next one.
    best = ModelCheckpoint(
        folder, "best", "val/psnr", mode="max", save_on_train_epoch_end=False, enable_version_counter=False
    )
    return [
        NonFiniteGuard(),
        StopBetweenSteps(last),
        average,
        *own,
        ExportWeights(run_dir / "model.safetensors", average, writes, seed),
        LearningRateMonitor("step"),
        best,
        last,
    ]


@final
class Progress(TQDMProgressBar):
    """Lightning's bar with the time left for the whole run, or plain lines for logs and pipes."""

    def __init__(self) -> None:
        super().__init__(refresh_rate=1 if sys.stdout.isatty() else 0)
        self._first: tuple[float, int] | None = None

    def on_train_start(self, *_: Any) -> None:  # noqa: ANN401 (Lightning's signature)
        """Start the clock."""
        super().on_train_start(*_)
        self._first = time.monotonic(), self.trainer.global_step

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write a line, if there is no bar."""
        super().on_validation_end(trainer, pl_module)
        if self.refresh_rate or trainer.sanity_checking or not trainer.is_global_zero:
            return
        metrics = self.get_metrics(trainer, pl_module)
        values = [f"{name} {v:#.4g}" if isinstance(v, float) else f"{name} {v}" for name, v in metrics.items()]
        step = f"step {trainer.global_step} of {trainer.estimated_stepping_batches}"
        sys.stdout.write(f"{', '.join([step, *values])}\n")
        sys.stdout.flush()

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Return the logged values and the time left."""
        metrics = {name: value for name, value in super().get_metrics(trainer, pl_module).items() if name != "v_num"}
        start, first = self._first or (0.0, 0)
        steps, total = trainer.global_step - first, trainer.estimated_stepping_batches
        if steps > 0 and total != float("inf"):
            left = int((time.monotonic() - start) / steps * (total - trainer.global_step))
            metrics["left"] = f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"
        return metrics
