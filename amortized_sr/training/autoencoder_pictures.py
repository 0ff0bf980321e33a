"""Pictures of an autoencoder's validation images, morphs and samples, drawn while it is trained."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch
from jaxtyping import Float
from lightning.pytorch import Callback, LightningModule, Trainer
from PIL import Image
from torch import Tensor

from amortized_sr.benchmark.grid import captioned
from amortized_sr.degradation import Degradation
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.mixture import GaussianMixture
from amortized_sr.picture_tensor import tensor_to_picture
from amortized_sr.training.autoencoding import AutoencoderTask
from amortized_sr.training.pictures import keep_samples
from amortized_sr.training.retrying_writes import RetryingWrites

# Pictures are for a quick look: few images, and a mixture that is fitted within seconds.
_IMAGES, _FRAMES, _SAMPLES = 6, 8, 16
_SIDE, _LARGE_SIDE = 128, 512
_CODES, _COMPONENTS, _CODES_PER_COMPONENT = 2000, 10, 100
_TEMPERATURE = 0.8

_Cells = list[tuple[str, Image.Image]]


@final
@dataclass(eq=False)
class AutoencoderPictures(Callback):
    """Draws what an autoencoder makes of validation images into `samples/step_N.png`.

    From top to bottom:

    - the first images: the smallest input, then for inputs of each of `val_sides` the bicubic picture and the model's,
      and the target;
    - the first of them larger, from its largest input;
    - the images of codes on the line between the first two;
    - images of new codes, from a mixture of a few Gaussians that is fitted to validation codes.

    Args:
        seed: The run's seed.
    """

    folder: Path
    writes: RetryingWrites
    seed: int

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw, while the averaged weights are in place."""
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        assert isinstance(pl_module, AutoencoderTask)
        assert isinstance(trainer.val_dataloaders, torch.utils.data.DataLoader)
        batches = _first(trainer.val_dataloaders, _CODES)
        targets = torch.cat([pl_module.framed(batch.to(pl_module.device).float() / 255) for batch in batches])
        codes = torch.cat([pl_module.model.encode(part).float() for part in targets.split(256)])
        rows = _reconstructions(pl_module, targets[:_IMAGES])
        # One code has neither a way to another one nor a spread.
        if len(codes) > 1:
            share = torch.linspace(0, 1, _FRAMES, device=codes.device)[:, None]
            rows.append(_drawn(pl_module, torch.lerp(codes[:1], codes[1:2], share), "morph"))
            rows += self._samples(pl_module, codes)
        keep_samples(captioned(rows), trainer, self.folder, self.writes)

    def _samples(self, task: AutoencoderTask, codes: Float[Tensor, "image code"]) -> list[_Cells]:
        """Return rows of new images, if the network is meant to draw any and its codes are numbers."""
        if task.model.prior is None or not codes.isfinite().all():
            return []
        components = min(_COMPONENTS, task.network.components, 1 + len(codes) // _CODES_PER_COMPONENT)
        mixture = GaussianMixture(components, codes.shape[1])
        mixture.fit(codes, self.seed)
        cells = _drawn(task, mixture.sample(_SAMPLES, self.seed, _TEMPERATURE).to(codes), "sample")
        return [cells[:_FRAMES], cells[_FRAMES:]]


def _first(batches: Iterable[Tensor], count: int) -> list[Tensor]:
    """Return the first batches of images, until there are `count` images."""
    chosen: list[Tensor] = []
    for batch in batches:
        chosen.append(batch)
        if sum(map(len, chosen)) >= count:
            break
    return chosen


def _reconstructions(task: AutoencoderTask, targets: Float[Tensor, "image channel side side"]) -> list[_Cells]:
    """Return a row per image, and one with the first image at a larger size."""
    side, large = (max(least, task.network.frame) for least in (_SIDE, _LARGE_SIDE))
    inputs = {count: Degradation()(targets, (count, count)).image for count in sorted(task.val_sides, reverse=True)}
    most, least = max(inputs), min(inputs)
    columns = {f"input {least}": inputs[least]}
    for count in inputs:
        columns |= _both(task, inputs[count], count, side)
    columns["target"] = targets
    rows: list[_Cells] = [
        [(name, _picture(images[index : index + 1], side)) for name, images in columns.items()]
        for index in range(len(targets))
    ]
    return [
        *rows,
        [(name, _picture(drawn, large)) for name, drawn in _both(task, inputs[most][:1], most, large).items()],
    ]


def _both(
    task: AutoencoderTask, image: Float[Tensor, "image channel rows columns"], count: int, side: int
) -> dict[str, Tensor]:
    """Return the bicubic pictures and the model's of inputs of `count` pixels a side."""
    bicubic = InterpolatedImage.like_pillow(image, "bicubic").render((side, side))
    return {f"bicubic {count}": bicubic, f"model {count}": task.model(image, (side, side))}


def _drawn(task: AutoencoderTask, codes: Float[Tensor, "image code"], name: str) -> _Cells:
    """Return the pictures of codes with numbered captions."""
    side = max(_SIDE, task.network.frame)
    drawn = task.model.function_of_code(codes).render((side, side))
    return [(f"{name} {index + 1}", _picture(drawn[index : index + 1], side)) for index in range(len(drawn))]


def _picture(image: Float[Tensor, "1 channel rows columns"], side: int) -> Image.Image:
    """Return a square picture, in which the pixels of a smaller image are squares."""
    return tensor_to_picture(image.float()).resize((side, side), Image.Resampling.NEAREST)
