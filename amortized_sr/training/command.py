"""`amortized-sr train` and `amortized-sr validate`: exit codes and one-sentence errors."""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from jsonargparse import ArgumentError
from lightning.fabric.utilities.exceptions import MisconfigurationException

from amortized_sr.image_io import ImageError
from amortized_sr.training.data import SuperResolutionData
from amortized_sr.training.stopping import TrainingDivergedError
from amortized_sr.training.train_cli import TrainCLI, find_task


def train(args: list[str]) -> int:
    """Train; return the exit code: 0 done, 1 diverged or disk full, 2 wrong usage, 130 interrupted, 143 terminated."""
    return _run("train", "Train on MNIST or on any folder of images. Start from a file of configs/.", args)


def validate(args: list[str]) -> int:
    """Print the PSNR of weights on validation images; return the exit code: 0 done, 2 wrong usage."""
    return _run("validate", "Measure a checkpoint or weights on validation images. Start from RUN/config.yaml.", args)


def _run(command: str, description: str, args: list[str]) -> int:
    with _quieter():
        try:
            cli = TrainCLI(
                find_task(args),
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
                # Settings may override them.
                trainer_defaults={
                    "max_epochs": -1,
                    "gradient_clip_val": 1.0,
                    "log_every_n_steps": 20,
                    # The data module shares the samples of a step among processes itself.
                    "use_distributed_sampler": False,
                },
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
