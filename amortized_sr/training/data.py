"""The LightningDataModule: MNIST, a folder of images or shards -> training pairs and validation targets."""

import signal
from dataclasses import asdict
from pathlib import Path
from typing import Literal, final

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor
from torch.utils.data import DataLoader

from amortized_sr.data.folder import read_folder
from amortized_sr.data.images import DecodedImages
from amortized_sr.data.mnist import read_mnist
from amortized_sr.data.pairs import (
    CropDataset,
    Pair,
    ScaleRange,
    StepSampler,
    TargetBatch,
    choose_queries,
    collate_crops,
    cut_pair,
)
from amortized_sr.data.scenes import draw_scenes
from amortized_sr.data.shard_set import is_shard_set
from amortized_sr.data.sharded_store import ShardedStore, open_shards
from amortized_sr.degradation import Degradation, changed_settings
from amortized_sr.image_io import ImageError
from amortized_sr.training.same_size import SameSizeBatches


# No dataclass: Lightning takes dataclasses apart in the processes that it spawns.
@final
class SuperResolutionData(LightningDataModule):
    """Random crops at random scales for training, whole images for validation.

    The loader returns 8-bit targets; a whole batch of them is shrunk to low-resolution images on the training device.

    Args:
        source: `mnist`, `folder` or `shards`.
        root: For `mnist` the folder of `MNIST/raw`, downloaded if it is missing; for `folder` the folder of images; for
            `shards` the folder or the address (`s3://bucket/set`) that `amortized-sr pack` wrote to.
        val_root: `folder` and `shards`: a folder with validation images, or a set of shards; without it, images of
            `root` are held out.
        val_count: Number of images held out from training (the last of MNIST's training split and of shards, random
            ones of a folder), or the limit for images of `val_root`.
        shorter_side: `folder`: larger images are shrunk when they are read, until their shorter side has this many
            pixels; None shrinks none.
        channels: 1 for grey, 3 for colour; must be the network's.
        crop_size: Side of the training crops in pixels, at most that of the images.
        scales: Scales and sizes of the training pairs.
        degradation: How low-resolution images are made; its conditions must be the network's.
        graphics_share: Share of the training samples that are drawn graphics.
        graphics_scenes: Number of scenes drawn for them, 16 * 3 * crop_size^2 bytes each.
        batch_size: Crops per step and process.
        steps_per_epoch: Training steps between two validations; a run with fewer steps validates five times.
        num_queries: Number of random pixels of each target that are supervised; 0 supervises all, which costs little
            where the field renders grids fast.
        val_scales: The task's; images smaller than the largest of them cannot be measured and are left out.
        augment: Whether crops are flipped and transposed at random.
        shift: Largest number of pixels that images are moved by before they are cropped.
        num_workers: Processes that cut crops; the images are decoded already, so 0 is usually enough.
        cache: Folder for decoded images, reused by later runs; None decodes into memory. For `shards` at an address
            the folder for copies of them.
        seed: Seed of order, crops, augmentation and scales.
        shards_mixed: `shards`: how many shards are shuffled together; those of the next turn are copied meanwhile. It
            decides the order, so a run that is resumed keeps it.
        cache_bytes: Most bytes of the copies of shards.
    """

    def __init__(
        self,
        source: Literal["mnist", "folder", "shards"],
        root: str | Path,
        val_root: str | Path | None = None,
        val_count: int = 16,
        channels: Literal[1, 3] = 3,
        crop_size: int = 96,
        scales: ScaleRange = ScaleRange(),
        degradation: Degradation = Degradation(),
        batch_size: int = 16,
        steps_per_epoch: int = 500,
        num_queries: int = 0,
        val_scales: tuple[int, ...] = (2, 3, 4),
        augment: bool = True,
        shift: int = 0,
        num_workers: int = 0,
        cache: Path | None = None,
        seed: int = 0,
        shorter_side: int | None = None,
        graphics_share: float = 0.0,
        graphics_scenes: int = 200,
        shards_mixed: int = 8,
        cache_bytes: int = 20 * 2**30,
    ) -> None:
        super().__init__()
        for name, value in {
            "crop_size": crop_size,
            "batch_size": batch_size,
            "steps_per_epoch": steps_per_epoch,
            "graphics_scenes": graphics_scenes,
            "shards_mixed": shards_mixed,
            "cache_bytes": cache_bytes,
        }.items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if shorter_side is not None and shorter_side < 1:
            raise ValueError(f"shorter_side must be at least 1, or null to shrink nothing, got {shorter_side}")
        for name, value in {"num_queries": num_queries, "num_workers": num_workers, "shift": shift}.items():
            if value < 0:
                raise ValueError(f"{name} must not be negative, got {value}")
        if not 0 <= graphics_share <= 1:
            raise ValueError(f"graphics_share must be between 0 and 1, got {graphics_share}")
        self.source: Literal["mnist", "folder", "shards"] = source
        self.root = root
        self.val_root = val_root
        self.val_count = val_count
        self.shorter_side = shorter_side
        self.channels: Literal[1, 3] = channels
        self.crop_size = crop_size
        self.scales = scales
        self.degradation = degradation
        self.graphics_share = graphics_share
        self.graphics_scenes = graphics_scenes
        self.batch_size = batch_size
        self.steps_per_epoch = steps_per_epoch
        self.num_queries = num_queries
        self.val_scales = val_scales
        self.augment = augment
        self.shift = shift
        self.num_workers = num_workers
        self.cache = cache
        self.seed = seed
        self.shards_mixed = shards_mixed
        self.cache_bytes = cache_bytes

    def prepare_data(self) -> None:
        """Fetch MNIST, or decode the folder into its cache, in one process before the others look for it."""
        if self.source == "mnist":
            read_mnist(Path(self.root), train=True)
        elif self.source == "folder" and self.cache is not None:
            read_folder(Path(self.root), self.channels, self.cache, self.shorter_side)

    def setup(self, stage: str) -> None:
        """Read the images into `train_store` and `val_store`; draw `scenes` for training."""
        mnist, hint = self.source == "mnist", ""
        store = read_mnist(Path(self.root), train=True) if mnist else self._read(self.root)
        val_store = self._read(self.val_root) if self.val_root and not mnist else None
        if val_store is None:
            hint = f", or lower val_count, which holds out {self.val_count} of {len(store)} images"
            store, val_store = self._hold_out(store)
        val_store = self._at_least(max(self.val_scales), val_store, "val_scales", "validation")
        val_store = val_store.select(range(min(len(val_store), self.val_count)))
        # Few images that are read in each validation: no reason to copy their shards each time.
        self.val_store = val_store.in_memory() if isinstance(val_store, ShardedStore) else val_store
        self.train_store = self._at_least(self.crop_size, store, "crop_size", "training", hint)
        self.scenes = None
        if self.graphics_share and stage == "fit":
            rank_zero_info(f"drawing {self.graphics_scenes} scenes for {self.graphics_share:.0%} of the samples")
            self.scenes = draw_scenes(
                self.graphics_scenes, self.crop_size, self.channels, self.graphics_share, self.seed
            )

    def train_dataloader(self) -> DataLoader[tuple[int, int, Tensor]]:
        """Return a loader that resumes at the trainer's current step."""
        assert self.trainer is not None
        loop = self.trainer.fit_loop.epoch_loop
        steps, run_steps = self.steps_per_epoch, self.trainer.max_steps * self.trainer.accumulate_grad_batches
        if 0 < run_steps < steps:
            steps = max(1, run_steps // 5)
            rank_zero_info(f"{run_steps} steps are less than steps_per_epoch; validating every {steps} steps instead")
        rank, world_size = self.trainer.global_rank, self.trainer.world_size
        return DataLoader(
            CropDataset(self.train_store, self.crop_size, self.augment, self.seed, self.shift),
            # The total counts also the batches before interruptions.
            batch_sampler=StepSampler(
                steps, self.batch_size, lambda: loop.batch_progress.total.completed, rank, world_size
            ),
            num_workers=self.num_workers,
            collate_fn=collate_crops,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=self.num_workers > 0,
            worker_init_fn=_ignore_interrupts,
        )

    def val_dataloader(self) -> DataLoader[Tensor]:
        """Return a loader of 8-bit `(batch, channel, height, width)` targets, each with images of one size."""
        return DataLoader(SameSizeBatches(self.val_store), batch_size=None)

    def training_images(self) -> DataLoader[Tensor]:
        """Return a loader of whole training images, in the form of `val_dataloader`."""
        return DataLoader(SameSizeBatches(self.train_store), batch_size=None)

    def on_after_batch_transfer(self, batch: TargetBatch | Tensor, dataloader_idx: int) -> Pair | Tensor:
        """Degrade training targets on the training device."""
        if not isinstance(batch, TargetBatch):
            return batch
        sides = self.scales.sample(self.crop_size, self.seed, batch.step)
        pair = cut_pair(batch.target, sides, self.degradation, self.seed, batch.first, self.scenes)
        if self.num_queries:
            pair = pair._replace(queries=choose_queries(self.num_queries, sides.target**2, batch, self.seed))
        return pair

    def facts(self) -> dict[str, object]:
        """Return facts about the data for the header of weights, without paths."""
        return {
            "source": self.source,
            "train_images": len(self.train_store),
            "val_images": len(self.val_store),
            "crop_size": self.crop_size,
            "batch_size": self.batch_size,
            "scales": asdict(self.scales),
            **({"shift": self.shift} if self.shift else {}),
            **({"shorter_side": self.shorter_side} if self.shorter_side else {}),
            **({"graphics_share": self.graphics_share} if self.graphics_share else {}),
            **({"degradation": changed_settings(self.degradation)} if self.degradation != Degradation() else {}),
        }

    def _read(self, root: str | Path) -> DecodedImages:
        if self.source == "shards" and (root == self.root or is_shard_set(str(root))):
            store = self._open_shards(str(root))
            report = str(store.shards)
        else:
            store, report = read_folder(Path(root), self.channels, self.cache, self.shorter_side)
        mean, deviation = store.moments()
        rank_zero_info(f"{report}\n  mean {mean:.2f}, deviation {deviation:.2f} (model.network.mean, .deviation)")
        return store

    def _open_shards(self, place: str) -> ShardedStore:
        store = open_shards(place, self.shards_mixed, self.cache, self.cache_bytes)
        shards = store.shards
        for setting, packed, wanted in (
            ("channels", shards.channels, self.channels),
            ("shorter_side", shards.notes.get("shorter_side"), self.shorter_side),
        ):
            if packed != wanted and (setting == "channels" or wanted is not None):
                problem = f"the shards were packed with {setting} {packed}, not {wanted}"
                raise ImageError(place, problem, f"set {setting} to that, or pack them again", setting=setting)
        return store

    def _hold_out(self, store: DecodedImages) -> tuple[DecodedImages, DecodedImages]:
        count, kept = len(store), len(store) - self.val_count
        if not 0 < self.val_count < count:
            problem = f"val_count must leave images for training, got {self.val_count} of {count} images"
            raise ImageError(self.root, problem, "lower val_count or set val_root", setting="val_count")
        if kept < self.val_count:
            text = f"warning: val_count {self.val_count} leaves {kept} of {count} images for training; lower it"
            rank_zero_info(text)
        order = np.arange(count)
        if self.source == "folder":
            order = np.random.default_rng(self.seed).permutation(order)
        return store.select(order[:kept]), store.select(order[kept:])

    def _at_least(self, side: int, store: DecodedImages, setting: str, kind: str, hint: str = "") -> DecodedImages:
        """Return the images whose sides are all at least `side` pixels, or raise an `ImageError`."""
        smaller = store.shorter_sides()
        chosen = np.flatnonzero(smaller >= side)
        if not len(chosen):
            problem = f"all {len(store)} {kind} images are smaller than {setting} {side}"
            raise ImageError(self.root, problem, f"lower {setting} to at most {max(smaller)}{hint}", setting=setting)
        if len(chosen) == len(store):
            return store
        rank_zero_info(f"left out {len(store) - len(chosen)} {kind} images smaller than {setting} {side}")
        return store.select(chosen)


def _ignore_interrupts(worker: int) -> None:
    """Let Ctrl-C, which a terminal sends to all processes, reach only the process that ends the run in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
