"""`amortized-sr train` and `validate`: LightningCLI over the task and the data, with run folders and resuming."""

import difflib
import logging
import re
import shlex
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, final

from jsonargparse import ArgumentError
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.trainer.states import TrainerStatus
from lightning.pytorch.utilities import rank_zero_only

from amortized_sr.choices import WandbMode
from amortized_sr.image_io import ImageError
from amortized_sr.training.checkpoint import check_network, checkpoint_path, is_finished, read_checkpoint
from amortized_sr.training.data import SuperResolutionData
from amortized_sr.training.export import read_weights
from amortized_sr.training.guard import TrainingDivergedError
from amortized_sr.training.interruption import StopBetweenSteps
from amortized_sr.training.progress import ProgressBar, ProgressLines
from amortized_sr.training.retrying_writes import RetryingCheckpoints, RetryingWrites
from amortized_sr.training.run import TRAINER_SETTINGS, has_bfloat16, run_callbacks
from amortized_sr.training.run_folder import RunFolder
from amortized_sr.training.task import SuperResolutionTask
from amortized_sr.weights import load_weights


def train(args: list[str]) -> int:
    """Train as a command line says.

    Args:
        args: The arguments after `amortized-sr train`.

    Returns:
        The exit code: 0 done, 1 diverged or disk full, 2 wrong usage, 130 interrupted, 143 terminated.
    """
    return _run("train", "Train on MNIST or on any folder of images. Start from a file of configs/.", args)


def validate(args: list[str]) -> int:
    """Print the PSNR of a run's weights on its validation images, at each scale.

    Args:
        args: The arguments after `amortized-sr validate`.

    Returns:
        The exit code: 0 done, 2 wrong usage.
    """
    return _run("validate", "Measure a checkpoint or weights on validation images. Start from RUN/config.yaml.", args)


def _run(command: str, description: str, args: list[str]) -> int:
    with _quieter():
        try:
            cli = TrainCLI(
                SuperResolutionTask,
                SuperResolutionData,
                args=args,
                run=False,
                save_config_callback=None,
                seed_everything_default=0,
                auto_configure_optimizers=False,
                load_from_checkpoint_support=False,
                parser_kwargs={
                    "prog": f"amortized-sr {command}",
                    "description": description,
                    # One sentence instead of two pages of usage before it.
                    "exit_on_error": False,
                    "allow_abbrev": False,
                },
                trainer_defaults=TRAINER_SETTINGS,
            )
            work = cli.prepare_validation() if command == "validate" else cli.prepare_fit()
        except (ArgumentError, MisconfigurationException, OSError, ValueError) as error:
            return _fail(error, 2)
        try:
            return work()
        except TrainingDivergedError as error:
            return _fail(f"{error} (--model.learning_rate, --trainer.precision, --ckpt_path last)", 1)
        # An OSError here is a disk that cannot be read any more, or was full before the first step.
        except OSError as error:
            return _fail(error, 1)
        # Only what is known to be the user's: the traceback of a mistake of ours must be seen.
        except ImageError as error:
            return _fail(f"{error}{cli.option(error.setting)}", 2)
        except MisconfigurationException as error:
            return _fail(error, 2)


def _fail(error: Exception | str, code: int) -> int:
    sys.stderr.write(f"error: {error}\n")
    return code


@contextmanager
def _quieter() -> Iterator[None]:
    """Silence advice of Lightning's that does not apply here; everything else is shown."""
    rank_zero = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    rank_zero.addFilter(_is_no_advertisement)
    with warnings.catch_warnings():
        for message in (
            # The images are decoded already, and the sampler resumes at any step.
            "does not have many workers",
            "your dataloader is not resumable",
            # Resuming continues in the folder on purpose; the old log is kept beside the new one.
            "Checkpoint directory .* exists and is not empty",
            "Experiment logs directory .* exists and is not empty",
            # The progress shows the loss of a short epoch.
            "smaller than the logging interval",
            # Every process validates all images.
            "It is recommended to use `self.log",
            # The summary would guess the size of the weights, which is printed nowhere else either.
            "is not supported by the model summary",
            # Lightning 2.6 calls what torch 2.15 and jsonargparse 4 have renamed.
            "`isinstance\\(treespec, LeafSpec\\)` is deprecated",
            "JsonargparseDeprecationWarning",
            r"was deprecated in v4\.49\.0 and will be removed in v5",
        ):
            warnings.filterwarnings("ignore", f"(?s).*{message}")
        try:
            yield
        finally:
            rank_zero.removeFilter(_is_no_advertisement)


def _is_no_advertisement(record: logging.LogRecord) -> bool:
    return "litlogger" not in record.getMessage() and "Tip:" not in record.getMessage()


@final
class TrainCLI(LightningCLI):
    """LightningCLI with a run folder, wandb, and resuming from `last`."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the settings of the run as a whole."""
        parser.add_argument(
            "--run_dir",
            type=Path,
            default=Path("runs") / datetime.now().strftime("%Y-%m-%d_%H-%M-%S"),
            help="Folder for checkpoints, log, sample pictures, learning curve and model.safetensors.",
        )
        parser.add_argument(
            "--ckpt_path",
            type=str | None,
            default=None,
            help="train: resume from a .ckpt file, or from `last` of the run folder. validate: a .ckpt or .safetensors "
            "file, `last` or `best`; default: model.safetensors of the run folder.",
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
            help="Number of validations between two comparisons with bicubic and a network fitted to each image; "
            "0: no comparison.",
        )
        parser.link_arguments("seed_everything", "data.seed", compute_fn=int)
        parser.link_arguments("model.network.channels", "data.channels")
        parser.link_arguments("model.val_scales", "data.val_scales")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:  # noqa: ANN401 (Lightning's signature)
        """Parse, without the warning that `sys.argv` is set too: it holds the same words after `train`."""
        self.keys = [str(key) for key in parser.get_defaults().keys()]  # noqa: SIM118 (no dict)
        try:
            self.config = parser.parse_args(args)
        except ArgumentError as error:
            raise ValueError(f"{error}{_did_you_mean(str(error), self.keys)}") from None

    def option(self, setting: str | None) -> str:
        """Return the option of a setting that an error names, in brackets, or nothing."""
        return "".join(f" (--{key})" for key in self.keys if key.rpartition(".")[2] == setting)

    def before_instantiate_classes(self) -> None:
        """Check that the run has an end, and choose the precision.

        Raises:
            ValueError: If the run has no end, or a logger is set.
        """
        trainer = self.config.trainer
        if trainer.max_steps == -1 and trainer.max_epochs in (None, -1):
            # Also with max_time: the cosine of the learning rate needs to know its end.
            raise ValueError("the run has no end; set --trainer.max_steps or --trainer.max_epochs")
        if trainer.logger not in (None, True):
            raise ValueError(
                "--trainer.logger is not used, every run logs to metrics.csv; omit it (--wandb adds wandb)"
            )
        if trainer.precision is None:
            trainer.precision = "bf16-mixed" if has_bfloat16(trainer.accelerator) else "32-true"
        self.run_dir: Path = self.config.run_dir
        self.writes = RetryingWrites()

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:  # noqa: ANN401 (Lightning's signature)
        """Return a trainer with the callbacks and loggers that every run has."""
        config, seed = self.config, int(self.config.seed_everything)
        written = config.clone()
        written.ckpt_path = None
        callbacks = run_callbacks(self.run_dir, config.ema_decay, config.compare_every, seed, self.writes)
        text = self.parser.dump(written, skip_none=False)
        callbacks.insert(1, RunFolder(self.run_dir, text, config.wandb, config.as_dict(), self.writes))
        if config.trainer.enable_progress_bar is not False:
            callbacks.append(ProgressBar() if sys.stdout.isatty() else ProgressLines())
            kwargs["enable_progress_bar"] = sys.stdout.isatty()
        chosen = self._get(self.config_init, "trainer.callbacks") or []
        callbacks += chosen if isinstance(chosen, list) else [chosen]
        plugins = [*(self._get(self.config_init, "trainer.plugins") or []), RetryingCheckpoints(self.writes)]
        return super().instantiate_trainer(callbacks=callbacks, logger=False, plugins=plugins, **kwargs)

    def prepare_fit(self) -> Callable[[], int]:
        """Return the training, after a look at the run folder and at the checkpoint to resume from.

        Raises:
            ValueError: If the folder holds a run that would be overwritten, or the checkpoint cannot be resumed from.
        """
        chosen: str | None = self.config.ckpt_path
        if chosen is None:
            # The other processes of DDP find the folder that the first one has started.
            if (self.run_dir / "checkpoints" / "last.ckpt").exists() and not getattr(rank_zero_only, "rank", 0):
                raise ValueError(
                    f"{self.run_dir} holds a run already; resume it with --ckpt_path last, or choose another --run_dir"
                )
            self.run_dir.mkdir(parents=True, exist_ok=True)
            return lambda: self._fit(None)
        path = checkpoint_path(self.run_dir, chosen)
        checkpoint = read_checkpoint(path)
        check_network(path, checkpoint, self.model.network, self.model.expansion)
        if is_finished(checkpoint, self.trainer.max_steps, self.trainer.max_epochs):
            return lambda: self._say(
                f"{path} is finished at step {checkpoint['global_step']}; to train longer, set a larger "
                f"--trainer.max_steps; to write its weights: {_command('export', path)}"
            )
        return lambda: self._fit(path)

    def _fit(self, checkpoint: Path | None) -> int:
        """Train and return the exit code."""
        last, weights = self.run_dir / "checkpoints" / "last.ckpt", self.run_dir / "model.safetensors"
        handler = signal.getsignal(signal.SIGINT)
        try:
            self.trainer.fit(self.model, datamodule=self.datamodule, ckpt_path=checkpoint, weights_only=True)
        except SystemExit:
            # Lightning's end after an interruption, once the checkpoint is written.
            if self.trainer.state.status != TrainerStatus.INTERRUPTED:
                raise
            if last.exists():
                resume = _command("train", "--config", self.run_dir / "config.yaml", "--ckpt_path", "last")
                self._say(f"interrupted; resume with: {resume}")
            else:
                self._say("interrupted; nothing was trained yet")
            callbacks = self.trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
            (stop,) = (callback for callback in callbacks if isinstance(callback, StopBetweenSteps))
            return 128 + (stop.received or signal.SIGINT)
        finally:
            with suppress(ValueError):  # Lightning ignores Ctrl-C after the first. Only main threads have handlers.
                signal.signal(signal.SIGINT, handler)
        if self.writes.missing:
            lost = "; ".join(f"{path} ({reason})" for path, reason in self.writes.missing.items())
            return _fail(f"trained to the end, but could not write {lost}; free some space and resume", 1)
        return self._say(
            f"wrote {weights}, the averaged weights; those of the last step: "
            f"{_command('export', last, '--weights', 'last')}\n"
            f"try it: amortized-sr upscale IMAGE {shlex.join(['--scale', '4', '--model', str(weights)])}"
        )

    def prepare_validation(self) -> Callable[[], int]:
        """Return the measurement of a checkpoint or weights on the validation images.

        Raises:
            ValueError: If there are no such weights, or they are for other images.
        """
        chosen = self.config.ckpt_path or str(self.run_dir / "model.safetensors")
        if chosen.endswith(".safetensors"):
            trained = load_weights(chosen)
            path, state, network = trained.path, trained.model.state_dict(), trained.config
        else:
            path = checkpoint_path(self.run_dir, chosen)
            state, network, _ = read_weights(path)
        if network.channels != self.datamodule.channels:
            raise ValueError(
                f"{path} is for images of {network.channels} channels, the data has {self.datamodule.channels}; "
                "set --model.network.channels"
            )
        task = SuperResolutionTask(network, val_scales=self.model.val_scales)
        task.model.load_state_dict(state)
        settings = self.config.trainer
        trainer = Trainer(
            accelerator=settings.accelerator,
            precision=settings.precision,
            devices=1,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=settings.enable_progress_bar is not False and sys.stdout.isatty(),
        )

        def measure() -> int:
            (metrics,) = trainer.validate(task, datamodule=self.datamodule, verbose=False)
            return self._say("\n".join([str(path), *(f"{name} {value:.2f} dB" for name, value in metrics.items())]))

        return measure

    def _say(self, text: str) -> int:
        if self.trainer.is_global_zero:
            sys.stdout.write(f"{text}\n")
        return 0


def _command(*words: object) -> str:
    """Return a command line that can be pasted."""
    return shlex.join(["amortized-sr", *map(str, words)])


def _did_you_mean(error: str, keys: list[str]) -> str:
    """Return the known keys that are closest to those that an error calls unknown."""
    group = "".join(f"{name}." for name in re.findall(r"Group '([\w.]+)'", error))
    unknown = [option or group + key for option, key in re.findall(r"--([\w.]+)|[Oo]ption '([\w.]+)'", error)]
    close = [match for name in unknown if name not in keys for match in difflib.get_close_matches(name, keys, n=1)]
    return f"; did you mean {' or '.join(close)}?" if close else ""
