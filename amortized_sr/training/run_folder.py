"""Records of a run: config.yaml, metrics.csv, the learning curve, and wandb on request."""

import csv
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger

from amortized_sr.chart import chart
from amortized_sr.choices import WandbMode
from amortized_sr.image_io import write_picture
from amortized_sr.tracking import finish_run, start_run
from amortized_sr.training.retrying_writes import RetryingLog, RetryingWrites


@final
@dataclass(eq=False)
class RunFolder(Callback):
    """Writes config.yaml and starts the loggers, once data and checkpoint are known to be usable.

    Loggers of the trainer would replace an earlier log before that.

    Args:
        config: Content of config.yaml.
        mode: Whether to log to wandb.
        settings: Settings of the run, for wandb.
        tracked: The run of wandb, once training has started.
    """

    folder: Path
    config: str
    mode: WandbMode
    settings: Mapping[str, Any]
    writes: RetryingWrites
    tracked: Any = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the files."""
        if trainer.is_global_zero:
            self.folder.mkdir(parents=True, exist_ok=True)
            log = self.folder / "metrics.csv"
            if log.exists():
                # The log of an earlier part of the run, which the new one would replace.
                kept = (self.folder / f"metrics_before_{number}.csv" for number in itertools.count(1))
                log.rename(next(path for path in kept if not path.exists()))
            (self.folder / "config.yaml").write_text(self.config)
            self.tracked = start_run(self.mode, self.folder, self.settings, resume=trainer.global_step > 0)
        trainer.loggers.append(RetryingLog(self.writes, self.folder))
        if self.tracked is not None:
            trainer.loggers.append(WandbLogger(experiment=self.tracked))

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Finish the files."""
        self.teardown(trainer, pl_module, "fit")

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Finish the files and draw the learning curve, if training started."""
        finish_run(self.tracked)
        if trainer.loggers and trainer.is_global_zero:
            with self.writes.writing(self.folder / "curve.png"):
                draw_curve(self.folder)


def read_curve(folder: Path) -> dict[int, float]:
    """Return `val/psnr` by step, from metrics.csv and the logs of earlier parts of the run."""
    parts = sorted(folder.glob("metrics_before_*.csv"), key=lambda path: int(path.stem.rpartition("_")[2]))
    curve: dict[int, float] = {}
    for path in (*parts, folder / "metrics.csv"):
        if path.exists():
            with path.open(newline="") as file:
                rows = [row for row in csv.DictReader(file) if row.get("val/psnr")]
            curve |= {int(row["step"]) + 1: float(row["val/psnr"]) for row in rows}
    return {step: value for step, value in sorted(curve.items()) if math.isfinite(value)}


def draw_curve(folder: Path) -> None:
    """Write `curve.png`: the validation PSNR over the steps; nothing before the first validation."""
    curve = read_curve(folder)
    if not curve:
        return
    low, high, last = min(curve.values()), max(curve.values()), max(curve)
    margin = max(0.05, (high - low) / 20)
    low, high = low - margin, high + margin
    title = f"val/psnr in dB over steps; last {curve[last]:.2f} at step {last}"
    levels = [low + (high - low) * index / 4 for index in range(5)]
    picture = chart(list(curve.items()), title, levels, decimals=2)
    write_picture(picture, folder / "curve.png")
