"""What the contests of fields and of encoders share: the journal, the clock, the photographs and their PSNR."""

import argparse
import dataclasses
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer

from amortized_sr.benchmark.protocol import evaluation_pair
from amortized_sr.choices import Interpolation
from amortized_sr.data.folder import image_files
from amortized_sr.data.pairs import ScaleRange
from amortized_sr.devices import has_bfloat16
from amortized_sr.image_io import read_picture
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.metrics import luma, psnr
from amortized_sr.model import AmortizedSR
from amortized_sr.picture_tensor import picture_to_tensor
from amortized_sr.training.data import SuperResolutionData

_CENTRE = 256


class Clock(Callback):
    """Processor time of the steps after the first `warm` ones."""

    def __init__(self, warm: int) -> None:
        self.warm = warm
        self.seconds = 0.0

    def on_train_batch_start(self, trainer: Trainer, pl_module: object, batch: object, batch_idx: int) -> None:
        """Begin."""
        if batch_idx == self.warm:
            self._begin = time.process_time()

    def on_train_end(self, trainer: Trainer, pl_module: object) -> None:
        """End."""
        self.seconds = time.process_time() - self._begin


@torch.no_grad()
def mean_psnr(model: "AmortizedSR | Interpolated", photos: list[torch.Tensor], scale: int) -> float:
    """Return the mean PSNR of luma without a border as wide as the scale."""
    ratios: list[float] = []
    for photo in photos:
        pair = evaluation_pair(photo, float(scale))
        function = model.encode(pair.image)
        drawn = function.render((pair.target.shape[-2], pair.target.shape[-1])).clamp(0, 1)
        ratios.append(psnr(luma(drawn), luma(pair.target), scale).item())
    return statistics.fmean(ratios)


@dataclasses.dataclass(frozen=True)
class Interpolated:
    """A plain filter among the models."""

    name: Interpolation

    def encode(self, image: torch.Tensor) -> InterpolatedImage:
        """Return images as a function."""
        return InterpolatedImage.like_pillow(image, self.name)


def photographs(folder: Path) -> list[torch.Tensor]:
    """Return the central 256x256 pixels of the photographs of a folder."""
    photos = [picture_to_tensor(read_picture(path)) for path in image_files(folder)]
    corners = [[(side - _CENTRE) // 2 for side in photo.shape[-2:]] for photo in photos]
    return [
        photo[..., top : top + _CENTRE, left : left + _CENTRE]
        for photo, (top, left) in zip(photos, corners, strict=True)
    ]


def data_of(
    arguments: argparse.Namespace, scales: ScaleRange, steps: int, seed: int, num_queries: int = 0
) -> SuperResolutionData:
    """Return pairs of the photographs that a contest trains on, for so many steps."""
    return SuperResolutionData(
        source="folder",
        root=arguments.photos,
        val_count=1,
        channels=3,
        crop_size=192,
        scales=scales,
        batch_size=16,
        steps_per_epoch=steps,
        num_queries=num_queries,
        cache=arguments.out / "cache",
        seed=seed,
    )


def trainer_of(steps: int, *callbacks: Callback) -> Trainer:
    """Return a trainer on the CPU that does so many steps and nothing else."""
    return Trainer(
        max_steps=steps,
        max_epochs=-1,
        accelerator="cpu",
        precision="bf16-mixed" if has_bfloat16(torch.device("cpu")) else "32-true",
        gradient_clip_val=1.0,
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
    )


def write(journal: Path, row: dict[str, Any]) -> None:
    """Add a run to a journal, and print it."""
    with journal.open("a") as file:
        file.write(json.dumps(row) + "\n")
    print(json.dumps(row), flush=True)


def read(journal: Path) -> list[dict[str, Any]]:
    """Return the runs of a journal."""
    return [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []
