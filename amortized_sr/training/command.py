"""`amortized-sr train`: LightningCLI over the task and the data, with the habits of a run folder."""

import logging
import sys
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any, final

from jsonargparse import ArgumentError
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import Logger, WandbLogger
from lightning.pytorch.trainer.states import TrainerStatus
from lightning.pytorch.utilities import rank_zero_only

from amortized_sr.baselines.fitting import FitSettings
from amortized_sr.choices import WandbMode
from amortized_sr.data.datamodule import SuperResolutionData
from amortized_sr.image_io import ImageError
from amortized_sr.tracking import finish_run, start_run
from amortized_sr.training.callbacks import ProgressBar, TrainingDivergedError
from amortized_sr.training.comparison import CompareWithFits
from amortized_sr.training.patience import Patience, PatientCheckpoints, PatientLog
from amortized_sr.training.run import (
    TRAINER_SETTINGS,
    check_trainer,
    find_checkpoint,
    has_bfloat16,
    keep_log,
    run_callbacks,
)
from amortized_sr.training.task import SuperResolutionTask


def train(args: list[str]) -> int:
    """Train as a command line says and return the exit code: 0, 1 diverged or disk full, 2 usage, 130 interrupted.

    Args:
        args: What follows `amortized-sr train`.
    """
    _quieten()
    try:
        cli = TrainCLI(
            SuperResolutionTask,
            SuperResolutionData,
            args=args,
            run=False,
            seed_everything_default=0,
            save_config_kwargs={"overwrite": True},
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,
            parser_kwargs={
                "prog": "amortized-sr train",
                "description": "Train on MNIST or on any folder of images. Start from a file of configs/.",
                # One sentence instead of two pages of usage before it.
                "exit_on_error": False,
            },
            trainer_defaults=TRAINER_SETTINGS,
        )
    except (ArgumentError, MisconfigurationException, OSError, ValueError) as error:
        return _fail(error, 2)
    try:
        return cli.fit()
    # An OSError here is a disk that cannot be read any more, or was full before the first step.
    except (TrainingDivergedError, OSError) as error:
        return _fail(error, 1)
    # Only what is known to be the user's: the traceback of a mistake of ours must be seen.
    except (ImageError, MisconfigurationException) as error:
        return _fail(error, 2)


def _fail(error: Exception, code: int) -> int:
    sys.stderr.write(f"error: {error}\n")
    return code


def _quieten() -> None:
    """Silence advice that does not apply here; everything else of Lightning's is shown."""
    for message in (
        # The images are decoded already, and the sampler resumes at any step.
        "does not have many workers",
        "your dataloader is not resumable",
        # Resuming continues in the folder on purpose; the old log is kept beside the new one.
        "Checkpoint directory .* exists and is not empty",
        "Experiment logs directory .* exists and is not empty",
        # A short epoch's loss is in the progress bar.
        "smaller than the logging interval",
        # The size of the weights, which the summary would guess, is printed nowhere else either.
        "is not supported by the model summary",
        # Lightning 2.6 calls what torch 2.15 and jsonargparse 4 have renamed.
        "`isinstance\\(treespec, LeafSpec\\)` is deprecated",
        "JsonargparseDeprecationWarning",
        r"was deprecated in v4\.49\.0 and will be removed in v5",
    ):
        warnings.filterwarnings("ignore", f"(?s).*{message}")
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(
        lambda record: "litlogger" not in record.getMessage() and "Tip:" not in record.getMessage()
    )


@final
class TrainCLI(LightningCLI):
    """LightningCLI with a run folder, wandb by a word, and resuming by `last`."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add what concerns the run as a whole."""
        parser.add_argument(
            "--run_dir",
            type=Path,
            default=Path("runs") / datetime.now().strftime("%Y-%m-%d_%H-%M-%S"),
            help="Folder for checkpoints, log, sample pictures and model.safetensors.",
        )
        parser.add_argument(
            "--ckpt_path",
            type=str | None,
            default=None,
            help="Resume from a .ckpt file, or `last` for the run folder's.",
        )
        parser.add_argument("--wandb", type=WandbMode, default="disabled", help="Whether to log to wandb as well.")
        parser.add_argument(
            "--ema_decay",
            type=float,
            default=0.999,
            help="Decay of the moving average of the weights.",
        )
        parser.add_argument(
            "--compare_every",
            type=int,
            default=0,
            help="Every so many validations, draw a few images beside bicubic and one fitted network each; 0: never.",
        )
        parser.link_arguments("seed_everything", "data.seed", compute_fn=int)
        parser.link_arguments("model.network.channels", "data.channels")
        parser.link_arguments("model.val_scales", "data.val_scales")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:  # noqa: ANN401 (Lightning's signature)
        """Parse, without the warning that `sys.argv` is set too: it holds the same words after `train`."""
        self.config = parser.parse_args(args)

    def before_instantiate_classes(self) -> None:
        """Check what concerns the run as a whole, and choose the precision."""
        trainer = self.config.trainer
        check_trainer(trainer.max_steps, trainer.max_epochs, trainer.logger)
        if trainer.precision is None:
            trainer.precision = "bf16-mixed" if has_bfloat16(trainer.accelerator) else "32-true"
        # Last, because it makes the folder.
        self.run_dir: Path = self.config.run_dir
        self.tracked: Any = None
        self.patience = Patience()
        # The other processes of DDP find the folder that the first one has begun.
        self.checkpoint = find_checkpoint(self.run_dir, self.config.ckpt_path, may_exist=not _is_first_process())
        self.run_dir.mkdir(parents=True, exist_ok=True)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:  # noqa: ANN401 (Lightning's signature)
        """Return a trainer with the callbacks and loggers that every run has."""
        callbacks = run_callbacks(self.run_dir, self.config.ema_decay, int(self.config.seed_everything), self.patience)
        if self.config.compare_every > 0:
            callbacks.append(CompareWithFits(self.run_dir, self.config.compare_every, FitSettings(), self.patience))
        if self.config.trainer.enable_progress_bar is not False:
            callbacks.append(ProgressBar())
        chosen = self._get(self.config_init, "trainer.callbacks") or []
        callbacks += chosen if isinstance(chosen, list) else [chosen]
        plugins = [*(self._get(self.config_init, "trainer.plugins") or []), PatientCheckpoints(self.patience)]
        return super().instantiate_trainer(callbacks=callbacks, logger=self._loggers(), plugins=plugins, **kwargs)

    def fit(self) -> int:
        """Train and return the exit code."""
        try:
            self.trainer.fit(self.model, datamodule=self.datamodule, ckpt_path=self.checkpoint, weights_only=True)
        except SystemExit:
            # Lightning's end after Ctrl-C, once the checkpoint is written.
            if self.trainer.state.status != TrainerStatus.INTERRUPTED:
                raise
            saved = (self.run_dir / "checkpoints" / "last.ckpt").exists()
            advice = f"resume with: --run_dir {self.run_dir} --ckpt_path last" if saved else "nothing was trained yet"
            self._say(f"interrupted; {advice}")
            return 130
        finally:
            finish_run(self.tracked)
        if self.patience.missing:
            lost = "; ".join(f"{path} ({reason})" for path, reason in self.patience.missing.items())
            sys.stderr.write(f"error: trained to the end, but could not write {lost}; make room and resume\n")
            return 1
        weights = self.run_dir / "model.safetensors"
        self._say(f"wrote {weights}; try it: amortized-sr upscale IMAGE --scale 4 --model {weights}")
        return 0

    def _say(self, text: str) -> None:
        if self.trainer.is_global_zero:
            sys.stdout.write(f"{text}\n")

    def _loggers(self) -> list[Logger]:
        if _is_first_process():
            keep_log(self.run_dir)
        loggers: list[Logger] = [
            PatientLog(self.patience, save_dir=self.run_dir.parent, name=self.run_dir.name, version="")
        ]
        if _is_first_process():
            self.tracked = start_run(self.config.wandb, self.run_dir, self.config.as_dict())
        if self.tracked is not None:
            loggers.append(WandbLogger(experiment=self.tracked))
        return loggers


def _is_first_process() -> bool:
    return not getattr(rank_zero_only, "rank", 0)
