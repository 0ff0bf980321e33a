"""Where the amortised model stands against what it wants to replace, while it is trained."""

import contextlib
import math
from pathlib import Path
from typing import final

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from amortized_sr.baselines.fitting import FitSettings, fit
from amortized_sr.benchmark.comparison import Comparison, Prediction, log_comparisons
from amortized_sr.benchmark.grid import grid
from amortized_sr.benchmark.protocol import evaluation_pair
from amortized_sr.benchmark.quality import Quality
from amortized_sr.image_io import replacing, write_picture
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.metrics import psnr
from amortized_sr.training.patience import Patience
from amortized_sr.training.task import SuperResolutionTask

# Fits are slow, and this is a look at them, not a measurement: a few small parts of images.
_IMAGES = 6
_SIDE = 64


@final
class CompareWithFits(Callback):
    """Draws the same few validation images by bicubic, by one network fitted to each, and by the model as it is.

    The images are fitted once and kept in the run folder, so that the curve of the model is seen crossing theirs:
    `compare/bicubic`, `compare/fit` and `compare/amortized`, PSNR in dB, in every log; pictures in `samples/`, and as
    a table in wandb.

    Args:
        folder: The run folder.
        every: Validations from one comparison to the next.
        settings: How images are fitted.
        patience: Remembers files that could not be written.
    """

    def __init__(self, folder: Path, every: int, settings: FitSettings, patience: Patience) -> None:
        if every < 1:
            raise ValueError(f"every must be at least 1, got {every}")
        self.folder = folder
        self.every = every
        self.settings = settings
        self.patience = patience
        self.validations = 0
        self._drawn: dict[str, Tensor] = {}

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare, while the averaged weights are in place."""
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        self.validations += 1
        if (self.validations - 1) % self.every:
            return
        assert isinstance(pl_module, SuperResolutionTask)
        scale = float(pl_module.val_scales[0])
        pair = evaluation_pair(_targets(trainer), scale)
        size = pair.target.shape[-2], pair.target.shape[-1]
        if not self._drawn:
            self._drawn = self._baselines(pair.image, size)
        amortized = pl_module.model(pair.image.to(pl_module.device), size).float().cpu()
        drawn = {**self._drawn, "amortized": amortized.clamp(0, 1)}
        ratios = {name: psnr(pictures, pair.target).tolist() for name, pictures in drawn.items()}
        for name, values in ratios.items():
            # A fit that diverged is shown as what it is.
            pl_module.log(f"compare/{name}", sum(values) / len(values), rank_zero_only=True)
        rows = [
            Comparison(
                name=f"image {index}",
                image=pair.image[index : index + 1],
                target=pair.target[index : index + 1],
                predictions={
                    name: Prediction(pictures[index : index + 1], Quality(psnr=_finite(ratios[name][index])))
                    for name, pictures in drawn.items()
                },
            )
            for index in range(len(pair.image))
        ]
        samples = self.folder / "samples"
        with self.patience.writing(samples):
            samples.mkdir(parents=True, exist_ok=True)
            write_picture(grid(rows), samples / f"compare_{trainer.global_step:07d}.png")
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                log_comparisons(logger.experiment, rows, "compare")

    def state_dict(self) -> dict[str, int]:
        """Return how many validations there were, so that a resumed run compares in the same ones."""
        return {"validations": self.validations}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Go on counting."""
        self.validations = state_dict["validations"]

    def _baselines(self, image: Tensor, size: tuple[int, int]) -> dict[str, Tensor]:
        """Return what does not change during the run; an earlier part of the run may have it already."""
        kept = self.folder / "fits.safetensors"
        about = {"settings": repr(self.settings), "size": repr(size)}
        with contextlib.suppress(OSError, SafetensorError), safe_open(kept, framework="pt") as file:
            drawn = {name: file.get_tensor(name) for name in ("image", "bicubic", "fit")}
            if file.metadata() == about and torch.equal(drawn.pop("image"), image):
                return drawn
        fitted = fit(image, self.settings)
        drawn = {"bicubic": InterpolatedImage.like_pillow(image, "bicubic").render(size), "fit": fitted.render(size)}
        drawn = {name: pictures.detach().clamp(0, 1).contiguous() for name, pictures in drawn.items()}
        with self.patience.writing(kept), replacing(kept) as file:
            file.write(save({**drawn, "image": image.contiguous()}, about))
        return drawn


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _targets(trainer: Trainer) -> Tensor:
    """Return the middles of the first validation images, of one size, in [0, 1]."""
    loaders = trainer.val_dataloaders
    assert isinstance(loaders, torch.utils.data.DataLoader)
    images: list[Tensor] = []
    for batch in loaders:
        images += [image for image in batch if not images or image.shape == images[0].shape]
        if len(images) >= _IMAGES:
            break
    chosen = torch.stack(images[:_IMAGES]).float() / 255
    top, left = (max(0, (side - _SIDE) // 2) for side in chosen.shape[-2:])
    return chosen[..., top : top + _SIDE, left : left + _SIDE].cpu()
