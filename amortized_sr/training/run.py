"""What every training has, whoever starts it: precision, checkpoints, averaging, guards, export."""

import itertools
from pathlib import Path

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
