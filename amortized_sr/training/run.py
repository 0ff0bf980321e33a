"""Settings and callbacks that every run has."""

from pathlib import Path

import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint

from amortized_sr.baselines.fitting import FitSettings
from amortized_sr.training.averaging import MovingAverage
from amortized_sr.training.export import ExportWeights
from amortized_sr.training.guard import NonFiniteGuard
from amortized_sr.training.interruption import StopBetweenSteps
from amortized_sr.training.pictures import ValidationPictures
from amortized_sr.training.retrying_writes import RetryingWrites

TRAINER_SETTINGS = {
    "max_epochs": -1,
    "gradient_clip_val": 1.0,
    "log_every_n_steps": 20,
    # The data module shares the samples of a step among processes itself.
    "use_distributed_sampler": False,
}
"""Arguments of Lightning's Trainer; settings may override them."""


def run_callbacks(
    run_dir: Path, ema_decay: float, compare_every: int, seed: int, writes: RetryingWrites
) -> list[Callback]:
    """Return the callbacks of a run whose results go into `run_dir`."""
    average = MovingAverage(ema_decay)
    # Separate from the best one, which an interruption must not overwrite.
    last, best = (
        ModelCheckpoint(
            run_dir / "checkpoints",
            filename=name,
            monitor=monitor,
            mode="max",
            save_on_train_epoch_end=monitor is None,
            enable_version_counter=False,
        )
        # The best one after validation: a run resumed at an epoch's end has no value to monitor before its next one.
        for name, monitor in (("last", None), ("best", "val/psnr"))
    )
    return [
        NonFiniteGuard(),
        StopBetweenSteps(last),
        average,
        ValidationPictures(run_dir, writes, compare_every, FitSettings()),
        ExportWeights(run_dir / "model.safetensors", average, writes, seed),
        LearningRateMonitor("step"),
        best,
        last,
    ]


def has_bfloat16(accelerator: str) -> bool:
    """Return whether the device that would be chosen computes in bfloat16, rather than emulating it slowly."""
    if torch.cuda.is_available() and accelerator != "cpu":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))
