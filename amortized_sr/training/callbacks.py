"""What happens beside the optimisation: averaging, guarding, pictures, export, progress."""

import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, final

import lightning
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar, WeightAveraging
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only
from PIL import Image
from torch import Tensor
from torch.nn import functional

import amortized_sr
from amortized_sr.data.datamodule import SuperResolutionData
from amortized_sr.data.pairs import crop_to_multiple, make_pair
from amortized_sr.image_io import write_picture
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.picture_tensor import tensor_to_picture
from amortized_sr.training.patience import Patience
from amortized_sr.training.task import SuperResolutionTask
from amortized_sr.weights import save_weights


class TrainingDivergedError(RuntimeError):
    """The loss stayed NaN or infinite; the message holds advice."""


@final
class MovingAverage(WeightAveraging):
    """Lightning's weight averaging with an exponential average that forgets the initial weights quickly.

    Args:
        decay: Share of the average that one step keeps, once the run is long enough for it.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"ema_decay must be at least 0 and below 1, got {decay}")
        super().__init__(multi_avg_fn=_warm_average(decay))
        self._swapped = False

    def averaged(self, task: LightningModule) -> dict[str, Tensor]:
        """Return the averaged parameters and buffers of a module, under the module's own names."""
        if self._average_model is None or self._swapped:
            return task.state_dict()
        return self._average_model.module.state_dict()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Bring the average to the training device, which Lightning chooses after it has made the copy."""
        if self._average_model is not None:
            self._average_model.to(pl_module.device)

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validate the averaged weights."""
        super().on_validation_epoch_start(trainer, pl_module)
        self._swapped = True

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go back to the weights that are trained."""
        super().on_validation_epoch_end(trainer, pl_module)
        self._swapped = False

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Go back before the checkpoint is written, if validation was interrupted."""
        if self._swapped:
            self.on_validation_epoch_end(trainer, pl_module)


def _warm_average(decay: float) -> Callable[[list[Tensor], list[Tensor], Tensor | int], None]:
    def average(averaged: list[Tensor], current: list[Tensor], count: Tensor | int) -> None:
        # A tensor to the end: asking a GPU for the number would wait for it in every step.
        count = torch.as_tensor(count, dtype=torch.float32)
        new = 1 - ((1 + count) / (10 + count)).clamp(max=decay)
        for mean, value in zip(averaged, current, strict=True):
            mean.lerp_(value, new)

    return average


@final
class NonFiniteGuard(Callback):
    """Skips steps whose gradient is NaN or infinite, and stops with advice when they do not end.

    Args:
        patience: How many such steps in a row end the run.
    """

    def __init__(self, patience: int = 10) -> None:
        self.patience = patience
        self.skipped = 0

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Drop a gradient that would destroy the weights; in DDP all processes see the same one."""
        gradients = [parameter.grad for parameter in pl_module.parameters() if parameter.grad is not None]
        if torch.nn.utils.get_total_norm(gradients).isfinite():
            self.skipped = 0
            return
        self.skipped += 1
        optimizer.zero_grad(set_to_none=True)
        if self.skipped >= self.patience:
            raise TrainingDivergedError(
                f"the loss was not finite for {self.skipped} steps in a row (step {trainer.global_step}); lower "
                "--model.learning_rate, or use --trainer.precision 32-true, and resume with --ckpt_path last"
            )


@final
class SamplePictures(Callback):
    """Writes a picture per validation: input, bicubic, model and target side by side; to wandb as well, if asked.

    Args:
        folder: Where the pictures go.
        patience: Remembers pictures that could not be written.
        most: How many images are shown.
    """

    def __init__(self, folder: Path, patience: Patience, most: int = 6) -> None:
        self.folder = folder
        self.patience = patience
        self.most = most
        self._rows: list[Tensor] = []

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin a new picture."""
        self._rows = []

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 (Lightning's signature)
        batch: Tensor,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Draw images of the batch while the averaged weights are in place."""
        assert isinstance(pl_module, SuperResolutionTask)
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        for target in batch[: self.most - len(self._rows)]:
            self._rows.append(comparison_row(pl_module, target[None]))

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the picture."""
        if not self._rows:
            return
        picture = stack_rows(self._rows)
        with self.patience.writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_picture(picture, self.folder / f"step_{trainer.global_step:07d}.png")
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                # A picture, not an array: wandb turns floats in [0, 1] black.
                logger.log_image("val/samples", [picture], step=trainer.global_step)


def comparison_row(task: SuperResolutionTask, target: Tensor) -> Tensor:
    """Return `(1, channel, height, 4 width)`: input, bicubic, model and target at the largest validation scale."""
    scale = max(task.val_scales)
    target = crop_to_multiple(target, scale)
    height, width = target.shape[-2:]
    pair = make_pair(target, (height // scale, width // scale))
    nearest = InterpolatedImage.like_pillow(pair.image, "nearest").render((height, width))
    bicubic = InterpolatedImage.like_pillow(pair.image, "bicubic").render((height, width))
    drawn = task.model(pair.image, (height, width)).float()
    return torch.cat((nearest, bicubic, drawn, pair.target), dim=-1).clamp(0, 1).cpu()


def stack_rows(rows: list[Tensor]) -> Image.Image:
    """Return rows of any widths below each other as one picture, black where a row is shorter."""
    widest = max(row.shape[-1] for row in rows)
    padded = [functional.pad(row, (0, widest - row.shape[-1])) for row in rows]
    return tensor_to_picture(torch.cat(padded, dim=-2))


@final
class ExportWeights(Callback):
    """Writes the averaged weights as the product's `.safetensors`, at every validation and at the end.

    Args:
        path: The file.
        average: Where the averaged weights are.
        patience: Remembers a file that could not be written.
        seed: The run's seed, for the header.
    """

    def __init__(self, path: Path, average: MovingAverage, patience: Patience, seed: int) -> None:
        self.path = path
        self.average = average
        self.patience = patience
        self.seed = seed
        self.seconds_before = 0.0
        self.begin = time.monotonic()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self.begin = time.monotonic()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Export what there is."""
        if not trainer.sanity_checking:
            self._export(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Export the result."""
        self._export(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        """Return the seconds spent, so that a resumed run reports the whole time."""
        return {"seconds": self._seconds()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting."""
        self.seconds_before = state_dict["seconds"]

    def _seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self.begin

    @rank_zero_only
    def _export(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, SuperResolutionTask)
        data = trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
        assert isinstance(data, SuperResolutionData)
        metrics = {
            name: round(float(value), 3) for name, value in trainer.callback_metrics.items() if name.startswith("val/")
        }
        facts = {
            "data": data.facts(),
            "loss": pl_module.loss,
            "learning_rate": pl_module.learning_rate,
            **({"final": [pl_module.final_loss, pl_module.final_share]} if pl_module.final_share else {}),
            "metrics": metrics,
            "precision": str(trainer.precision),
            "seconds": round(self._seconds()),
            "seed": self.seed,
            "steps": trainer.global_step,
            "versions": {
                "amortized_sr": amortized_sr.__version__,
                "lightning": lightning.__version__,
                "python": platform.python_version(),
                "torch": torch.__version__,
            },
        }
        state = {
            name.removeprefix("model."): tensor
            for name, tensor in self.average.averaged(pl_module).items()
            if name.startswith("model.")
        }
        with self.patience.writing(self.path):
            save_weights(self.path, pl_module.merged_state(state), pl_module.network, facts)


@final
class ProgressBar(TQDMProgressBar):
    """Lightning's bar with the time that is left for the whole run, not only for the epoch."""

    def __init__(self) -> None:
        super().__init__()
        self._first: tuple[float, int] | None = None

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Return the logged values and the time left."""
        metrics = {name: value for name, value in super().get_metrics(trainer, pl_module).items() if name != "v_num"}
        now = time.monotonic(), trainer.global_step
        if self._first is None:
            self._first = now
        steps, total = now[1] - self._first[1], trainer.estimated_stepping_batches
        if steps > 0 and total != float("inf"):
            left = (now[0] - self._first[0]) / steps * (total - now[1])
            metrics["left"] = f"{int(left // 3600)}:{int(left // 60 % 60):02d}:{int(left % 60):02d}"
        return metrics
