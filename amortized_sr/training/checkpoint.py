"""Checkpoints of a run: found, read, and compared with what is about to be trained."""

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import is_zipfile

import torch

from amortized_sr.model_config import ModelConfig


def checkpoint_path(run_dir: Path, chosen: str) -> Path:
    """Return the file of `last` or `best` of a run folder, or the path itself.

    Raises:
        ValueError: If there is no such file.
    """
    path = run_dir / "checkpoints" / f"{chosen}.ckpt" if chosen in ("last", "best") else Path(chosen)
    if not path.is_file():
        raise ValueError(f"no checkpoint {path}; choose a folder that holds a run, or another checkpoint")
    return path


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the content of a checkpoint.

    Raises:
        ValueError: If it cannot be read without running code.
    """
    if is_zipfile(path):
        with suppress(RuntimeError, EOFError, KeyError, OSError, UnpicklingError):
            return torch.load(path, map_location="cpu", weights_only=True)
    raise ValueError(f"{path}: not a readable checkpoint; choose another one")


def check_network(path: Path, checkpoint: dict[str, Any], network: ModelConfig, expansion: int) -> None:
    """Compare the network of a checkpoint with the one to be trained.

    Raises:
        ValueError: If they differ, with every setting that does.
    """
    wanted = asdict(network) | {"expansion": expansion}
    stored = checkpoint.get("network", wanted)
    differences = [
        f"{name} {stored[name]}, not {value}" for name, value in wanted.items() if stored.get(name, value) != value
    ]
    if differences:
        raise ValueError(
            f"{path}: was trained with {'; '.join(differences)}; resume with the config.yaml of its run folder, or "
            "train a new run"
        )


def is_finished(checkpoint: dict[str, Any], max_steps: int, max_epochs: int | None) -> bool:
    """Return whether nothing is left to train."""
    epochs = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
    return checkpoint["global_step"] >= max_steps >= 0 or epochs >= (max_epochs or -1) >= 0
