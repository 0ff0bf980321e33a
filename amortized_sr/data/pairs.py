"""Targets and scales -> training pairs, which depend on the seed and the step only.

There is no global random state: a resumed run sees the same pairs as an uninterrupted one, and N processes together
see the same pairs as one process with N times the batch.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, final

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from amortized_sr.data.images import DecodedImages, Pixels
from amortized_sr.data.order import ORDER_STREAM, ShuffledOrder
from amortized_sr.data.scenes import Scenes
from amortized_sr.degradation import Degradation

# Separate streams of random numbers: (seed, stream, number).
_CROP, _SCALE, _QUERY = range(ORDER_STREAM + 1, 4)


class TargetBatch(NamedTuple):
    """8-bit crops before they are degraded, with the numbers of their training step and of their first sample."""

    target: UInt8[Tensor, "batch channel height width"]
    step: int
    first: int


class Pair(NamedTuple):
    """A low-resolution image and its target.

    Attributes:
        planes: The degraded target: colours, then conditions.
        target: Values in [0, 1].
        queries: Numbers of the target's pixels that are supervised, row by row; None supervises all.
    """

    planes: Float[Tensor, "batch plane rows columns"]
    target: Float[Tensor, "batch channel height width"]
    queries: Int[Tensor, "batch query"] | None = None


class PairSides(NamedTuple):
    """Sides in pixels of a training step's images; the used region of the crop is shrunk to the target if larger."""

    region: int
    target: int
    image: int


@dataclass(frozen=True)
class ScaleRange:
    """Distribution of the sizes of a training pair, sampled in each step.

    Args:
        low: Smallest scale.
        high: Largest scale, except for a share of far scales; scales are uniform between both.
        image_size: Largest side of the low-resolution image, in pixels. The target has scale times that, at most the
            crop's side; where the crop is the limit, the image is smaller.
        far: Largest far scale.
        far_share: Share of the steps whose scale is between `high` and `far`.
        same_share: Share of the steps with scale 1, in which the image is its own target.
        same_size: Side of the images of these steps, in pixels; None is `image_size`. Removing noise needs larger ones.
        shrink: In half of the steps, targets are shrunk by up to this factor first: the same photographs with finer
            detail per pixel. The factor is at most crop over target, which is 1 at the farthest scales.
        fixed_target: Whether targets always have `image_size` pixels a side, and images are smaller by the scale.
    """

    low: float = 1.0
    high: float = 4.0
    image_size: int = 24
    far: float = 4.0
    far_share: float = 0.0
    same_share: float = 0.0
    shrink: float = 1.0
    fixed_target: bool = False
    same_size: int | None = None

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 1 <= self.low <= self.high:
            raise ValueError(f"scales must satisfy 1 <= low <= high, got {self.low} to {self.high}")
        if self.far_share > 0 and self.far < self.high:
            raise ValueError(f"far must be at least high, got {self.far} and {self.high}")
        if min(self.far_share, self.same_share) < 0 or self.far_share + self.same_share > 1:
            raise ValueError(
                f"far_share and same_share must be shares of one whole, got {self.far_share} and {self.same_share}"
            )
        if not self.shrink >= 1:
            raise ValueError(f"shrink must be at least 1, got {self.shrink}")
        if self.image_size < 1:
            raise ValueError(f"image_size must be at least 1 pixel, got {self.image_size}")
        if self.same_size is not None and (self.same_size < 1 or self.fixed_target):
            raise ValueError(
                f"same_size must be at least 1 pixel, and null where fixed_target is true, got {self.same_size}"
            )

    def sample(self, crop_size: int, seed: int, step: int) -> PairSides:
        """Return the sides for a training step."""
        random = np.random.default_rng((seed, _SCALE, step))
        scale, image_size = random.uniform(self.low, self.high), self.image_size
        kind, far, factor = random.uniform((0, self.high, 2 - self.shrink), (1, max(self.high, self.far), self.shrink))
        if kind < self.same_share:
            scale, image_size = 1.0, self.same_size or image_size
        elif kind < self.same_share + self.far_share:
            scale = far
        target = min(crop_size, image_size if self.fixed_target else round(image_size * scale))
        region = min(crop_size, round(target * max(1.0, factor)))
        return PairSides(region, target, max(1, round(target / scale)))


@final
@dataclass(eq=False)
class StepSampler(Sampler[list[tuple[int, int]]]):
    """Batches of `(step, sample number)`, epoch after epoch, starting at any step.

    Args:
        steps_per_epoch: Training steps between two validations.
        batch_size: Samples per step and process.
        steps_done: Returns the number of finished steps; a resumed run knows it only after the sampler is built.
        rank: Number of this process.
        world_size: Number of processes, which share the samples of a step.
    """

    steps_per_epoch: int
    batch_size: int
    steps_done: Callable[[], int]
    rank: int
    world_size: int

    def __len__(self) -> int:
        """Return the number of steps of a whole epoch, also if the run resumes within one."""
        return self.steps_per_epoch

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Yield the steps of an epoch; the trainer stops earlier in an epoch that was resumed."""
        start = self.steps_done()
        for step in range(start, start + self.steps_per_epoch):
            first = (step * self.world_size + self.rank) * self.batch_size
            yield [(step, number) for number in range(first, first + self.batch_size)]


@final
@dataclass(eq=False)
class CropDataset(Dataset[tuple[int, int, Tensor]]):
    """Random crops of decoded images, which are all at least `crop_size` high and wide.

    Sample number `n` is a crop of one image; every image is used once before any is used again. Augmentation flips and
    transposes at random; before that, images are moved by up to `shift` pixels, with their edges continued.
    """

    store: DecodedImages
    crop_size: int
    augment: bool
    seed: int
    shift: int = 0
    order: ShuffledOrder = field(init=False)

    def __post_init__(self) -> None:
        """Prepare the order."""
        self.order = ShuffledOrder(self.store.groups, self.store.mixed, self.seed)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.store)

    def __getitem__(self, key: tuple[int, int]) -> tuple[int, int, Tensor]:
        """Return step, sample number and crop `(channel, crop, crop)` of a `(step, sample number)`."""
        index, groups = self.order.place(key[1])
        self.store.expect(groups)
        crop = self._crop(self.store[index], key[1])
        return *key, torch.from_numpy(crop).permute(2, 0, 1)

    def _crop(self, image: Pixels, number: int) -> Pixels:
        random = np.random.default_rng((self.seed, _CROP, number))
        size, shift = self.crop_size, self.shift
        top, left = (int(random.integers(-shift, side - size + shift + 1)) for side in image.shape[:2])
        if shift:
            rows, columns = range(top, top + size), range(left, left + size)
            crop = image.take(rows, axis=0, mode="clip").take(columns, axis=1, mode="clip")
        else:
            crop = image[top : top + size, left : left + size]
        if self.augment:
            vertical, horizontal, transpose = random.integers(0, 2, 3).tolist()
            crop = crop[:: 1 - 2 * vertical, :: 1 - 2 * horizontal]
            crop = crop.transpose(1, 0, 2) if transpose else crop
        return np.array(crop, order="C")


def collate_crops(samples: list[tuple[int, int, Tensor]]) -> TargetBatch:
    """Stack the samples of one step."""
    return TargetBatch(torch.stack([crop for _, _, crop in samples]), samples[0][0], samples[0][1])


def cut_pair(
    crops: UInt8[Tensor, "batch channel height width"],
    sides: PairSides,
    degradation: Degradation = Degradation(),
    seed: int = 0,
    first: int = 0,
    scenes: Scenes | None = None,
) -> Pair:
    """Return the pair that a training step makes of its 8-bit crops, on their device.

    Scenes replace some of the crops; they get noise and JPEG as well. The seed and the samples' numbers, of which
    `first` is the first one, decide all that is random.
    """
    exact = Degradation()(crops[..., : sides.region, : sides.region].float() / 255, (sides.target, sides.target)).image
    if sides.image == sides.target:
        degradation = degradation.at_same_size()
    image = degradation.shrink(exact, (sides.image, sides.image), seed, first)
    for index in range(len(crops)):
        if scenes is not None and scenes.replaces(first + index):
            small, large = scenes.pair(first + index, sides.target, sides.image)
            image[index], exact[index] = small.to(image), large.to(exact)
    return Pair(degradation.add_faults(image, seed, first).planes, exact)


def choose_queries(count: int, pixels: int, batch: TargetBatch, seed: int) -> Int[Tensor, "batch query"]:
    """Return `count` random pixel numbers below `pixels` for each sample of a batch, on the batch's device."""
    numbers = range(batch.first, batch.first + len(batch.target))
    chosen = [np.random.default_rng((seed, _QUERY, number)).integers(0, pixels, count) for number in numbers]
    return torch.from_numpy(np.stack(chosen)).to(batch.target.device)
