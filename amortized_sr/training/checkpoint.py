"""Checkpoints of a run and the weights in them: compared with what is to be trained, and written for users."""

import platform
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, final
from zipfile import is_zipfile

import lightning
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

import amortized_sr
from amortized_sr.choices import CheckpointWeights
from amortized_sr.model_config import ModelConfig
from amortized_sr.training.averaging import MovingAverage
from amortized_sr.training.data import SuperResolutionData
from amortized_sr.training.expansion import merged_state
from amortized_sr.training.growth import grown_state, reachable
from amortized_sr.training.retrying_writes import RetryingWrites
from amortized_sr.training.task import TrainingTask
from amortized_sr.weights import load_weights, save_weights
from amortized_sr.weights_header import CONFIGS, Config, kind_of


@final
@dataclass(eq=False)
class ExportWeights(Callback):
    """Writes the averaged weights as the product's `.safetensors`, at every validation and at the end.

    Checkpoints receive the same configuration and facts, so that weights can be exported from them as well.

    Args:
        seed: The run's seed, for the header.
        seconds_before: Duration of earlier parts of the run.
    """

    path: Path
    average: MovingAverage
    writes: RetryingWrites
    seed: int
    seconds_before: float = 0.0
    start: float = field(default_factory=time.monotonic)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self.start = time.monotonic()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Export the current state."""
        if not trainer.sanity_checking:
            self._export(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Export the result."""
        self._export(trainer, pl_module)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add the configuration and the facts."""
        assert isinstance(pl_module, TrainingTask)
        checkpoint["kind"] = kind_of(pl_module.config)
        checkpoint["network"] = pl_module.settings()
        checkpoint["facts"] = self._facts(trainer, pl_module)

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Continue counting the seconds, and remember what the run started from."""
        facts = checkpoint.get("facts", {})
        self.seconds_before = facts.get("seconds", 0.0)
        assert isinstance(pl_module, TrainingTask)
        pl_module.origin = facts.get("init")

    def _facts(self, trainer: Trainer, task: TrainingTask) -> dict[str, Any]:
        data = trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
        assert isinstance(data, SuperResolutionData)
        values = trainer.callback_metrics.items()
        return {
            "data": data.facts(),
            **task.facts(),
            **({"init": task.origin} if task.origin else {}),
            "metrics": {name: round(float(value), 3) for name, value in values if name.startswith("val/")},
            "precision": str(trainer.precision),
            "seconds": round(self.seconds_before + time.monotonic() - self.start),
            "seed": self.seed,
            "steps": trainer.global_step,
            "versions": {
                "amortized_sr": amortized_sr.__version__,
                "lightning": lightning.__version__,
                "python": platform.python_version(),
                "torch": str(torch.__version__),
            },
        }

    @rank_zero_only
    def _export(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, TrainingTask)
        state = pl_module.plain_state(_of_model(self.average.averaged(pl_module)))
        with self.writes.writing(self.path):
            save_weights(self.path, state, pl_module.config, self._facts(trainer, pl_module))


def checkpoint_path(run_dir: Path, chosen: str) -> Path:
    """Return the file of `last` or `best` of a run folder, or the path itself; a ValueError says that it is missing."""
    path = run_dir / "checkpoints" / f"{chosen}.ckpt" if chosen in ("last", "best") else Path(chosen)
    if not path.is_file():
        raise ValueError(f"no checkpoint {path}; choose a folder that holds a run, or another checkpoint")
    return path


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the content of a checkpoint, or raise a ValueError if it cannot be read without running code."""
    if is_zipfile(path):
        with suppress(RuntimeError, EOFError, KeyError, OSError, UnpicklingError):
            return torch.load(path, map_location="cpu", weights_only=True)
    raise ValueError(f"{path}: not a readable checkpoint; choose another one")


def check_network(path: Path, checkpoint: dict[str, Any], task: TrainingTask) -> None:
    """Raise a ValueError with every setting in which a checkpoint's network differs from the one to be trained."""
    wanted, kind = task.settings(), checkpoint.get("kind", "upscaler")
    if kind != kind_of(task.config):
        raise ValueError(f"{path}: holds an {kind}; resume with the config.yaml of its run folder, or train a new run")
    # What an older version did not know has its default there.
    differences = _differences(asdict(CONFIGS[kind]()) | checkpoint.get("network", wanted), wanted)
    if differences:
        raise ValueError(
            f"{path}: was trained with {differences}; resume with the config.yaml of its run folder, or train a new run"
        )


def start_from(source: str, task: TrainingTask) -> None:
    """Replace a task's random weights by bundled ones, by name, or by those of a file or a run folder.

    A network may be larger than that of the weights as far as `growth.reachable` says.

    Raises:
        ValueError: If there are no such weights, or with every setting in which their network differs.
    """
    trained = load_weights(source)
    if kind_of(trained.config) != kind_of(task.config):
        kind = kind_of(trained.config)
        raise ValueError(f"{trained.path} holds an {kind}; set --task {kind}, or choose other weights (--init)")
    differences = _differences(asdict(reachable(trained.config, task.config)), asdict(task.config))
    if differences:
        raise ValueError(
            f"{trained.path} has the network {differences}; set --model.network alike, as the file of configs/ does "
            "that these weights were trained with, or choose other weights (--init)"
        )
    task.load_plain_state(grown_state(trained.model, trained.config, task.config))
    # A path would tell a reader of the header nothing but where somebody keeps files.
    task.origin = {"weights": trained.path.stem, "sha256": trained.digest}


def _differences(stored: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Return the settings that both sides know and that differ, in words; nothing if none does."""
    return "; ".join(
        f"{name} {stored[name]}, not {value}" for name, value in wanted.items() if stored.get(name, value) != value
    )


def is_finished(checkpoint: dict[str, Any], max_steps: int, max_epochs: int | None) -> bool:
    """Return whether nothing is left to train."""
    epochs = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
    return checkpoint["global_step"] >= max_steps >= 0 or epochs >= (max_epochs or -1) >= 0


def export_checkpoint(
    checkpoint: Path,
    output: Path,
    weights: CheckpointWeights = "averaged",
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write the weights of a training checkpoint as a `.safetensors`: the moving average, or those of the last step.

    Raises:
        ValueError: If the file is not a checkpoint of a run, or one of a version that stored no configuration, or if
            the precision cannot hold a weight.
    """
    state, config, facts = read_weights(checkpoint, weights)
    save_weights(output, state, config, facts | {"weights": weights}, dtype)


def read_weights(
    checkpoint: Path, weights: CheckpointWeights = "averaged"
) -> tuple[dict[str, Tensor], Config, dict[str, Any]]:
    """Return the state of the plain model, its configuration and the training facts; errors as `export_checkpoint`."""
    content = read_checkpoint(checkpoint)
    if not {"network", "facts", "current_model_state"} <= content.keys():
        raise ValueError(f"{checkpoint}: the checkpoint holds no configuration; resume its run with this version")
    network = dict(content["network"])
    expansion = network.pop("expansion", 0)
    config = CONFIGS[content.get("kind", "upscaler")](**network)
    state = _of_model(content["state_dict" if weights == "averaged" else "current_model_state"])
    if isinstance(config, ModelConfig):
        state = merged_state(config, expansion, state)
    return state, config, content["facts"]


def _of_model(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the part of a task's state that is the model's, under the model's own names."""
    return {name.removeprefix("model."): tensor for name, tensor in state.items() if name.startswith("model.")}
