"""What every training has, whoever starts it: precision, checkpoints, averaging, guards, export."""

import itertools
from pathlib import Path
from pickle import UnpicklingError

import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint

from amortized_sr.training.callbacks import ExportWeights, MovingAverage, NonFiniteGuard, SamplePictures
from amortized_sr.training.patience import Patience

TRAINER_SETTINGS = {
    "max_epochs": -1,
    "gradient_clip_val": 1.0,
    "log_every_n_steps": 20,
    # The data module shares the samples of a step among processes itself.
    "use_distributed_sampler": False,
}
"""Arguments of Lightning's Trainer; settings may override them."""


def run_callbacks(run_dir: Path, ema_decay: float, seed: int, patience: Patience) -> list[Callback]:
    """Return the callbacks of a run whose results go into `run_dir`."""
    average = MovingAverage(ema_decay)
    checkpoints = run_dir / "checkpoints"
    return [
        average,
        NonFiniteGuard(),
        SamplePictures(run_dir / "samples", patience),
        ExportWeights(run_dir / "model.safetensors", average, patience, seed=seed),
        LearningRateMonitor("step"),
        # After validation: a run resumed at an epoch's end has no value to monitor before its next one.
        ModelCheckpoint(
            checkpoints,
            filename="best",
            monitor="val/psnr",
            mode="max",
            save_on_train_epoch_end=False,
            enable_version_counter=False,
        ),
        # Apart from the best one, which an interruption must not overwrite.
        ModelCheckpoint(
            checkpoints,
            filename="last",
            save_on_exception=True,
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        ),
    ]


def check_trainer(max_steps: int, max_epochs: int | None, logger: object) -> None:
    """Refuse a trainer that would not know its end, or that would not log where every run does.

    Raises:
        ValueError: If so.
    """
    if max_steps == -1 and max_epochs in (None, -1):
        # Also with max_time: the cosine of the learning rate needs to know its end.
        raise ValueError("nothing says when to stop; set --trainer.max_steps or --trainer.max_epochs")
    if logger not in (None, True):
        raise ValueError(
            "--trainer.logger is not used: every run logs to metrics.csv; leave it out (--wandb of amortized-sr "
            "train adds wandb)"
        )


def find_checkpoint(run_dir: Path, chosen: str | None, may_exist: bool = False) -> str | None:
    """Return the checkpoint to resume from, or None for a new run.

    Args:
        run_dir: Folder of the run.
        chosen: A path, or `last` for the run folder's own.
        may_exist: Whether a new run may find that the folder holds one.

    Raises:
        ValueError: If the checkpoint is missing or cannot be read without running code, or if the folder holds a run
            that would be overwritten.
    """
    last = run_dir / "checkpoints" / "last.ckpt"
    if chosen is None:
        if last.exists() and not may_exist:
            raise ValueError(
                f"{run_dir} holds a run already; resume it with --ckpt_path last, or choose another --run_dir"
            )
        return None
    path = last if chosen == "last" else Path(chosen)
    if not path.is_file():
        raise ValueError(f"no checkpoint {path}; name the run with --run_dir, or leave --ckpt_path out")
    try:
        torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, KeyError, OSError, UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else "it is cut off"
        raise ValueError(f"{path}: not a readable checkpoint ({reason}); resume from another one") from None
    return str(path)


def keep_log(run_dir: Path) -> None:
    """Put the log of an earlier part of a run aside, which a new one would replace."""
    log = run_dir / "metrics.csv"
    if log.exists():
        kept = (run_dir / f"metrics_before_{number}.csv" for number in itertools.count(1))
        log.rename(next(path for path in kept if not path.exists()))


def has_bfloat16(accelerator: str) -> bool:
    """Return whether the device that would be chosen computes in bfloat16, rather than emulating it slowly."""
    if torch.cuda.is_available() and accelerator != "cpu":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))
