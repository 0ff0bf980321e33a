"""Progress of a run: a bar on a terminal, otherwise one line per validation."""

import sys
import time
from typing import Any, final

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar


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
