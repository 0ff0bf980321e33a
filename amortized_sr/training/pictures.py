"""Pictures of validation images, drawn while a model is trained."""

import contextlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch
from jaxtyping import Float
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from amortized_sr.baselines.fitting import FitSettings, fit
from amortized_sr.benchmark.comparison import Comparison, log_comparisons
from amortized_sr.benchmark.evaluation import Prediction
from amortized_sr.benchmark.grid import grid
from amortized_sr.benchmark.protocol import Quality, evaluation_pair
from amortized_sr.coords import Size
from amortized_sr.image_io import replacing, write_picture
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.metrics import psnr
from amortized_sr.resize import middle
from amortized_sr.training.retrying_writes import RetryingWrites
from amortized_sr.training.super_resolution import SuperResolutionTask

# Pictures are for a quick look: few images, and small ones where a network is fitted to each, which is slow.
_IMAGES = 6
_SIDE = 256
_FITTED_SIDE = 64

_Pictures = Float[Tensor, "image channel height width"]


@final
@dataclass(eq=False)
class ValidationPictures(Callback):
    """Draws the middles of the first validation images: input, bicubic, model and target, `samples/step_N.png`.

    Every `compare_every` validations, a network fitted to each image is drawn beside them. The fits are computed once
    and kept in the run folder, so that the model's curve can be seen crossing theirs: `compare/bicubic`, `compare/fit`
    and `compare/model`, PSNR in dB, in every log, and a table in wandb. These pictures are smaller, at the first
    validation scale; the others are at the largest.

    Args:
        compare_every: Validations from one comparison with fits to the next; 0 draws no fits.
        settings: How networks are fitted.
    """

    folder: Path
    writes: RetryingWrites
    compare_every: int
    settings: FitSettings
    validations: int = 0
    _fits: Tensor | None = None

    def __post_init__(self) -> None:
        """Check the number of validations."""
        if self.compare_every < 0:
            raise ValueError(f"compare_every must not be negative, got {self.compare_every}")

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw, while the averaged weights are in place."""
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        assert isinstance(pl_module, SuperResolutionTask)
        compares = self.compare_every > 0 and self.validations % self.compare_every == 0
        self.validations += 1
        scale, side = (pl_module.val_scales[0], _FITTED_SIDE) if compares else (max(pl_module.val_scales), _SIDE)
        assert isinstance(trainer.val_dataloaders, torch.utils.data.DataLoader)
        pair = evaluation_pair(_middles(trainer.val_dataloaders, side), float(scale))
        size = pair.target.shape[-2], pair.target.shape[-1]
        drawn = {"bicubic": InterpolatedImage.like_pillow(pair.image, "bicubic").render(size)}
        if compares:
            self._fits = self._fitted(pair.image, size) if self._fits is None else self._fits
            drawn["fit"] = self._fits
        drawn["model"] = pl_module.render(pair.image.to(pl_module.device), size).cpu()
        drawn = {name: pictures.clamp(0, 1) for name, pictures in drawn.items()}
        ratios = {name: psnr(pictures, pair.target).tolist() for name, pictures in drawn.items()}
        rows: list[Comparison] = []
        for index in range(len(pair.image)):
            one = slice(index, index + 1)
            # A fit that diverged has no number.
            numbers = {name: ratio[index] if math.isfinite(ratio[index]) else None for name, ratio in ratios.items()}
            predictions = {name: Prediction(drawn[name][one], Quality(psnr=value)) for name, value in numbers.items()}
            rows.append(Comparison(f"image {index}", pair.image[one], pair.target[one], predictions))
        keep_samples(grid(rows), trainer, self.folder, self.writes)
        if compares:
            for name, values in ratios.items():
                pl_module.log(f"compare/{name}", sum(values) / len(values), rank_zero_only=True)
            for tracker in trackers_of(trainer):
                log_comparisons(tracker.experiment, rows, "compare")

    def state_dict(self) -> dict[str, int]:
        """Return the number of validations, so that a resumed run compares in the same ones."""
        return {"validations": self.validations}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Continue counting."""
        self.validations = state_dict["validations"]

    def _fitted(self, image: _Pictures, size: Size) -> Tensor:
        """Return renderings of networks fitted to the images, from the run folder if an earlier part left them."""
        path = self.folder / "fits.safetensors"
        header = {"settings": repr(self.settings), "size": repr(size)}
        with contextlib.suppress(OSError, SafetensorError), safe_open(path, framework="pt") as file:
            if file.metadata() == header and torch.equal(file.get_tensor("image"), image):
                return file.get_tensor("fit")
        drawn = fit(image, self.settings).render(size).detach().clamp(0, 1).contiguous()
        with self.writes.writing(path), replacing(path) as file:
            file.write(save({"fit": drawn, "image": image.contiguous()}, header))
        return drawn


def trackers_of(trainer: Trainer) -> list[WandbLogger]:
    """Return the loggers of wandb."""
    return [logger for logger in trainer.loggers if isinstance(logger, WandbLogger)]


def keep_samples(picture: Image.Image, trainer: Trainer, folder: Path, writes: RetryingWrites) -> None:
    """Write `samples/step_N.png` into the run folder, and log the same picture."""
    samples = folder / "samples"
    with writes.writing(samples):
        samples.mkdir(parents=True, exist_ok=True)
        write_picture(picture, samples / f"step_{trainer.global_step:07d}.png")
    for tracker in trackers_of(trainer):
        # A picture, not an array: wandb turns floats in [0, 1] black.
        tracker.log_image("val/samples", [picture], step=trainer.global_step)


def _middles(batches: Iterable[Tensor], side: int) -> _Pictures:
    """Return the middles of the first validation images, of one size, in [0, 1]."""
    images: list[Tensor] = []
    for batch in batches:
        images += [image for image in middle(batch, side) if not images or image.shape == images[0].shape]
        if len(images) >= _IMAGES:
            break
    return torch.stack(images[:_IMAGES]).float() / 255
