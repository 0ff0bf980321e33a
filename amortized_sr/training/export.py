"""Weights for users: written during training, or later from a checkpoint."""

import platform
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, final

import lightning
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

import amortized_sr
from amortized_sr.choices import CheckpointWeights
from amortized_sr.model_config import ModelConfig
from amortized_sr.training.averaging import MovingAverage
from amortized_sr.training.checkpoint import read_checkpoint
from amortized_sr.training.data import SuperResolutionData
from amortized_sr.training.expansion import merged_state
from amortized_sr.training.retrying_writes import RetryingWrites
from amortized_sr.training.task import SuperResolutionTask
from amortized_sr.weights import save_weights


@final
class ExportWeights(Callback):
    """Writes the averaged weights as the product's `.safetensors`, at every validation and at the end.

    Checkpoints receive the same configuration and facts, so that weights can be exported from them as well.

    Args:
        path: The file.
        average: Holds the averaged weights.
        writes: Records a file that could not be written.
        seed: The run's seed, for the header.
    """

    def __init__(self, path: Path, average: MovingAverage, writes: RetryingWrites, seed: int) -> None:
        self.path = path
        self.average = average
        self.writes = writes
        self.seed = seed
        self.seconds_before = 0.0
        self.start = time.monotonic()

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
        assert isinstance(pl_module, SuperResolutionTask)
        checkpoint["network"] = asdict(pl_module.network) | {"expansion": pl_module.expansion}
        checkpoint["facts"] = self._facts(trainer, pl_module)

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Continue counting the seconds."""
        self.seconds_before = checkpoint.get("facts", {}).get("seconds", 0.0)

    def _facts(self, trainer: Trainer, task: SuperResolutionTask) -> dict[str, Any]:
        data = trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
        assert isinstance(data, SuperResolutionData)
        metrics = {
            name: round(float(value), 3) for name, value in trainer.callback_metrics.items() if name.startswith("val/")
        }
        return {
            "data": data.facts(),
            "loss": task.loss,
            "learning_rate": task.learning_rate,
            **({"final": [task.final_loss, task.final_share]} if task.final_share else {}),
            "metrics": metrics,
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
        assert isinstance(pl_module, SuperResolutionTask)
        state = _of_model(self.average.averaged(pl_module), pl_module.network, pl_module.expansion)
        with self.writes.writing(self.path):
            save_weights(self.path, state, pl_module.network, self._facts(trainer, pl_module))


def export_checkpoint(checkpoint: Path, output: Path, weights: CheckpointWeights = "averaged") -> None:
    """Write the weights of a training checkpoint as a `.safetensors`.

    Args:
        checkpoint: A `.ckpt` file of a run.
        output: The file to write.
        weights: The moving average, which is what a run exports, or the weights of the last step.

    Raises:
        ValueError: If the file is not a checkpoint of a run, or one of a version that stored no configuration.
    """
    state, config, facts = read_weights(checkpoint, weights)
    save_weights(output, state, config, facts | {"weights": weights})


def read_weights(
    checkpoint: Path, weights: CheckpointWeights = "averaged"
) -> tuple[dict[str, Tensor], ModelConfig, dict[str, Any]]:
    """Return the state of the plain model, its configuration and the training facts of a checkpoint.

    Raises:
        ValueError: As `export_checkpoint`.
    """
    content = read_checkpoint(checkpoint)
    if not {"network", "facts", "current_model_state"} <= content.keys():
        raise ValueError(f"{checkpoint}: the checkpoint holds no configuration; resume its run with this version")
    network = dict(content["network"])
    expansion = network.pop("expansion")
    config = ModelConfig(**network)
    state = content["state_dict" if weights == "averaged" else "current_model_state"]
    return _of_model(state, config, expansion), config, content["facts"]


def _of_model(state: dict[str, Tensor], config: ModelConfig, expansion: int) -> dict[str, Tensor]:
    """Return a task's state as that of the plain model that users get."""
    names = {name.removeprefix("model."): tensor for name, tensor in state.items() if name.startswith("model.")}
    return merged_state(config, expansion, names)
