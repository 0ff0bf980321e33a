"""LightningCLI over the task and the data, with run folders, resuming and validation."""

import argparse
import difflib
import re
import shlex
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, final

import yaml
from jsonargparse import ArgumentError
from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.trainer.states import TrainerStatus
from lightning.pytorch.utilities import rank_zero_only

from amortized_sr.choices import TaskName, WandbMode
from amortized_sr.devices import choose_device, has_bfloat16
from amortized_sr.training.autoencoding import AutoencoderTask
from amortized_sr.training.checkpoint import (
    check_network,
    checkpoint_path,
    is_finished,
    read_checkpoint,
    read_weights,
    start_from,
)
from amortized_sr.training.retrying_writes import RetryingCheckpoints, RetryingWrites
from amortized_sr.training.run import Progress, run_callbacks
from amortized_sr.training.run_folder import RunFolder
from amortized_sr.training.stopping import StopBetweenSteps
from amortized_sr.training.super_resolution import SuperResolutionTask
from amortized_sr.training.task import TrainingTask
from amortized_sr.weights import load_weights
from amortized_sr.weights_header import bundled_models, kind_of

_TASKS: dict[str, type[TrainingTask]] = {"upscaler": SuperResolutionTask, "autoencoder": AutoencoderTask}


def find_task(args: list[str]) -> type[TrainingTask]:
    """Return the task that a command line or its files of settings name; the last one counts, as for all settings.

    The names of the other settings depend on it, so it is found before they are parsed.

    Raises:
        ValueError: If there is no such task.
        ArgumentError: If an option has no value.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--task", action="append", dest="named", default=["upscaler"])
    parser.add_argument("--config", "-c", action="append", dest="named", type=_task_in)
    given, _ = parser.parse_known_args(args)
    named = [name for name in given.named if name is not None][-1]
    if not isinstance(named, str) or named not in _TASKS:
        raise ValueError(f"task must be {' or '.join(_TASKS)}, got {named!r} (--task)")
    return _TASKS[named]


def _task_in(path: str) -> object:
    """Return what a file of settings names as its task; None if it names none, or cannot be read."""
    # What is wrong with a file is said by the parser that reads all of it.
    with suppress(OSError, UnicodeDecodeError, yaml.YAMLError):
        content = yaml.safe_load(Path(path).read_text())
        return content.get("task") if isinstance(content, dict) else None
    return None


@final
class TrainCLI(LightningCLI):
    """LightningCLI with a run folder, wandb, and resuming from `last`."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the settings of the run as a whole."""
        name = next(name for name, task in _TASKS.items() if task is self.model_class)
        parser.add_argument("--task", type=TaskName, default=name, help="What is trained.")
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
            "file, a bundled name, `last` or `best`; default: model.safetensors of the run folder.",
        )
        parser.add_argument(
            "--init",
            type=str | None,
            default=None,
            help="train: start from weights instead of random numbers: a bundled name, a .safetensors file or a run "
            "folder. Their network must be the same. A run that is resumed has used them already.",
        )
        parser.add_argument("--wandb", type=WandbMode, default="disabled", help="Whether to log to wandb as well.")
        parser.add_argument(
            "--ema_decay", type=float, default=0.999, help="Decay of the moving average of the weights."
        )
        parser.add_argument(
            "--compare_every",
            type=int,
            default=0,
            help="upscaler: number of validations between two comparisons with bicubic and a network fitted to each "
            "image; 0: no comparison.",
        )
        parser.link_arguments("seed_everything", "data.seed", compute_fn=int)
        parser.link_arguments("model.network.channels", "data.channels")
        if self.model_class is SuperResolutionTask:
            parser.link_arguments("model.val_scales", "data.val_scales")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:  # noqa: ANN401 (Lightning's signature)
        """Parse, without the warning that `sys.argv` is set too: it holds the same words after `train`."""
        # Not the setting: the config.yaml of a run that is resumed or validated names what it started from.
        self.init_wanted = any(str(word).partition("=")[0] == "--init" for word in args)
        self.keys = [str(key) for key in parser.get_defaults().keys()]  # noqa: SIM118 (no dict)
        try:
            self.config = parser.parse_args(args)
        except ArgumentError as error:
            raise ValueError(f"{error}{_did_you_mean(str(error), self.keys)}") from None

    def option(self, setting: str | None) -> str:
        """Return the option of a setting that an error names, in brackets, or nothing."""
        return "".join(f" (--{key})" for key in self.keys if key.rpartition(".")[2] == setting)

    def before_instantiate_classes(self) -> None:
        """Refuse a run without an end or with a logger of its own, and choose the precision."""
        trainer = self.config.trainer
        if trainer.max_steps == -1 and trainer.max_epochs in (None, -1):
            # Also with max_time: the cosine of the learning rate needs to know its end.
            raise ValueError("the run has no end; set --trainer.max_steps or --trainer.max_epochs")
        if trainer.logger not in (None, True):
            raise ValueError(
                "--trainer.logger is not used, every run logs to metrics.csv; omit it (--wandb adds wandb)"
            )
        if trainer.precision is None:
            device = choose_device("cpu" if trainer.accelerator == "cpu" else "auto")
            trainer.precision = "bf16-mixed" if has_bfloat16(device) else "32-true"
        self.run_dir: Path = self.config.run_dir
        self.writes = RetryingWrites()

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:  # noqa: ANN401 (Lightning's signature)
        """Return a trainer with the callbacks and loggers that every run has."""
        config, seed = self.config, int(self.config.seed_everything)
        written = config.clone()
        written.ckpt_path = None
        callbacks = run_callbacks(self.model, self.run_dir, config.ema_decay, config.compare_every, seed, self.writes)
        text = self.parser.dump(written, skip_none=False)
        callbacks.insert(2, RunFolder(self.run_dir, text, config.wandb, config.as_dict(), self.writes))
        if config.trainer.enable_progress_bar is not False:
            callbacks.append(Progress())
        callbacks += self._chosen("trainer.callbacks")
        plugins = [*self._chosen("trainer.plugins"), RetryingCheckpoints(self.writes)]
        return super().instantiate_trainer(callbacks=callbacks, logger=False, plugins=plugins, **kwargs)

    def _chosen(self, key: str) -> list[Any]:
        """Return the objects of a setting that takes one or a list."""
        chosen = self._get(self.config_init, key) or []
        return chosen if isinstance(chosen, list) else [chosen]

    def prepare_fit(self) -> Callable[[], int]:
        """Return the training; a ValueError says that it would overwrite a run, or cannot start from what is chosen."""
        chosen: str | None = self.config.ckpt_path
        if chosen is not None and self.init_wanted:
            raise ValueError("--init starts a new run and --ckpt_path resumes one; omit one of them")
        if chosen is None:
            # The other processes of DDP find the folder that the first one has started.
            if (self.run_dir / "checkpoints" / "last.ckpt").exists() and not getattr(rank_zero_only, "rank", 0):
                raise ValueError(
                    f"{self.run_dir} holds a run already; resume it with --ckpt_path last, or choose another --run_dir"
                )
            if self.config.init is not None:
                start_from(self.config.init, self.model)
            self.run_dir.mkdir(parents=True, exist_ok=True)
            return lambda: self._fit(None)
        path = checkpoint_path(self.run_dir, chosen)
        checkpoint = read_checkpoint(path)
        check_network(path, checkpoint, self.model)
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
                self._say("interrupted; nothing was saved yet")
            callbacks = self.trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
            (stop,) = (callback for callback in callbacks if isinstance(callback, StopBetweenSteps))
            return 128 + (stop.received or signal.SIGINT)
        finally:
            with suppress(ValueError):  # Lightning ignores Ctrl-C after the first. Only main threads have handlers.
                signal.signal(signal.SIGINT, handler)
        if self.writes.missing:
            lost = "; ".join(f"{path} ({reason})" for path, reason in self.writes.missing.items())
            sys.stderr.write(f"error: trained to the end, but could not write {lost}; free some space and resume\n")
            return 1
        attempts = [_command("upscale", "IMAGE", "--scale", "4", "--model", weights)]
        if self.model_class is AutoencoderTask and self.model.network.components:
            attempts.append(_command("sample", "--model", weights))
        return self._say(
            f"wrote {weights}, the averaged weights; those of the last step: "
            f"{_command('export', last, '--weights', 'last')}\n"
            + "\n".join(f"try it: {attempt}" for attempt in attempts)
        )

    def prepare_validation(self) -> Callable[[], int]:
        """Return the measurement of weights on the validation images; a ValueError says that they do not fit."""
        if self.init_wanted:
            raise ValueError("--init is for training; name the weights that are measured with --ckpt_path")
        chosen = self.config.ckpt_path or str(self.run_dir / "model.safetensors")
        if chosen.endswith(".safetensors") or chosen in bundled_models():
            trained = load_weights(chosen)
            path, state, network = trained.path, trained.model.state_dict(), trained.config
        else:
            path = checkpoint_path(self.run_dir, chosen)
            state, network, _ = read_weights(path)
        if kind_of(network) != kind_of(self.model.config):
            raise ValueError(f"{path} holds an {kind_of(network)}; set --task {kind_of(network)}")
        if network.channels != self.datamodule.channels:
            raise ValueError(
                f"{path} is for images of {network.channels} channels, the data has {self.datamodule.channels}; "
                "set --model.network.channels"
            )
        task = self.model.like(network)
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
