"""Progress of a run: a bar on a terminal, otherwise one line per validation."""

import sys
import time
from typing import Any, final

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar


@final
class TimeLeft:
    """Estimates the time to the end of a run from the steps since the first call."""

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None

    def estimate(self, trainer: Trainer) -> dict[str, str]:
        """Return `{"left": "h:mm:ss"}`, or nothing while it is unknown."""
        now = time.monotonic(), trainer.global_step
        self._first = self._first or now
        steps, total = now[1] - self._first[1], trainer.estimated_stepping_batches
        if steps <= 0 or total == float("inf"):
            return {}
        left = int((now[0] - self._first[0]) / steps * (total - now[1]))
        return {"left": f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"}


@final
class ProgressBar(TQDMProgressBar):
    """Lightning's bar, with the time left for the whole run instead of the epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.time_left = TimeLeft()

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Return the logged values and the time left."""
        metrics = super().get_metrics(trainer, pl_module)
        return {name: value for name, value in metrics.items() if name != "v_num"} | self.time_left.estimate(trainer)


@final
class ProgressLines(Callback):
    """One plain line per validation, for logs and pipes."""

    def __init__(self) -> None:
        self.time_left = TimeLeft()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self.time_left.estimate(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the line."""
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        values = [f"{name} {value:#.4g}" for name, value in trainer.progress_bar_metrics.items()]
        left = [f"{name} {value}" for name, value in self.time_left.estimate(trainer).items()]
        step = f"step {trainer.global_step} of {trainer.estimated_stepping_batches}"
        sys.stdout.write(f"{', '.join([step, *values, *left])}\n")
        sys.stdout.flush()
