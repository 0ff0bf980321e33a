"""Records of a run: config.yaml, metrics.csv, the learning curve, and wandb on request."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger

from amortized_sr.choices import WandbMode
from amortized_sr.tracking import finish_run, start_run
from amortized_sr.training.curve import draw_curve
from amortized_sr.training.retrying_writes import RetryingLog, RetryingWrites


@final
class RunFolder(Callback):
    """Writes config.yaml and starts the loggers, once data and checkpoint are known to be usable.

    Loggers of the trainer would replace an earlier log before that.

    Args:
        folder: The run folder.
        config: Content of config.yaml.
        mode: Whether to log to wandb.
        settings: Settings of the run, for wandb.
        writes: Records rows that could not be written.
    """

    def __init__(
        self, folder: Path, config: str, mode: WandbMode, settings: Mapping[str, Any], writes: RetryingWrites
    ) -> None:
        self.folder = folder
        self.writes = writes
        self.config = config
        self.mode: WandbMode = mode
        self.settings = settings
        self.tracked: Any = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the files."""
        if trainer.is_global_zero:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._keep_log()
            (self.folder / "config.yaml").write_text(self.config)
            self.tracked = start_run(self.mode, self.folder, self.settings, resume=trainer.global_step > 0)
        folder, name = self.folder.parent, self.folder.name
        trainer.loggers.append(RetryingLog(self.writes, save_dir=folder, name=name, version=""))
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

    def _keep_log(self) -> None:
        """Rename the log of an earlier part of the run, which the new one would replace."""
        log = self.folder / "metrics.csv"
        if log.exists():
            kept = (self.folder / f"metrics_before_{number}.csv" for number in itertools.count(1))
            log.rename(next(path for path in kept if not path.exists()))
