"""Targets and scales -> training pairs, all of it a function of the seed and the step, and of nothing else.

Because no global random state is involved, a resumed run sees the same pairs as an uninterrupted one, and N
processes together see the same pairs as one process with N times the batch.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from amortized_sr.coords import Size
from amortized_sr.data.cache import ImageStore, Pixels
from amortized_sr.degradation import Degradation

# Separate streams of random numbers: (seed, stream, number).
_ORDER, _CROP, _SCALE, _QUERY = range(4)


class TargetBatch(NamedTuple):
    """Crops on their way to the training device, still 8 bit.

    Attributes:
        target: `(batch, channel, crop, crop)`.
        step: Number of the training step, which decides the scale.
        first: Number of the first sample.
    """

    target: UInt8[Tensor, "batch channel height width"]
    step: int
    first: int


class Pair(NamedTuple):
    """A low-resolution image and what it should become.

    Attributes:
        image: The degraded target.
        target: Values in [0, 1].
        queries: Numbers of the target's pixels that are supervised, row by row; None supervises all.
    """

    image: Float[Tensor, "batch channel rows columns"]
    target: Float[Tensor, "batch channel height width"]
    queries: Int[Tensor, "batch query"] | None = None


class PairSides(NamedTuple):
    """Sides of what one training step works with, in pixels.

    Attributes:
        region: Part of the crop that is used; it is shrunk to the target if it is larger.
        target: What the image should become.
        image: The low-resolution image.
    """

    region: int
    target: int
    image: int


@dataclass(frozen=True)
class ScaleRange:
    """How the sizes of a training pair are drawn, anew for each step.

    Args:
        low: Smallest scale.
        high: Largest scale of most steps, which are uniform between both.
        image_size: Largest side of the low-resolution image, in pixels. The target is cropped to scale times that,
            if the crop is larger; where that is more than the crop, the image is smaller.
        far: Largest scale of all.
        far_share: Share of the steps whose scale is between `high` and `far`.
        same_share: Share of the steps with scale 1, in which the image is its own target.
        shrink: Up to this factor targets are shrunk before they are used, in half of the steps: the same photographs
            with finer detail per pixel. Never by more than crop over target, which is 1 at the farthest scales.
    """

    low: float = 1.0
    high: float = 4.0
    image_size: int = 24
    far: float = 4.0
    far_share: float = 0.0
    same_share: float = 0.0
    shrink: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
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

    def draw(self, crop_size: int, seed: int, step: int) -> PairSides:
        """Return the sides for a training step."""
        random = np.random.default_rng((seed, _SCALE, step))
        scale = random.uniform(self.low, self.high)
        kind, place, factor = random.uniform(
            (0, self.high, 2 - self.shrink), (1, max(self.high, self.far), self.shrink)
        )
        if kind < self.same_share:
            scale = 1.0
        elif kind < self.same_share + self.far_share:
            scale = place
        target = min(crop_size, round(self.image_size * scale))
        region = min(crop_size, round(target * max(1.0, factor)))
        return PairSides(region, target, max(1, round(target / scale)))


@final
class StepSampler(Sampler[list[tuple[int, int]]]):
    """Batches of `(step, sample number)`, epoch after epoch, from any step on.

    Args:
        steps_per_epoch: Training steps between two validations.
        batch_size: Samples per step and process.
        steps_done: Returns how many steps the run has done; asked at the beginning of each epoch, since a resumed
            run learns it after the sampler is made.
        rank: Number of this process.
        world_size: Number of processes, which share the samples of a step.
    """

    def __init__(
        self, steps_per_epoch: int, batch_size: int, steps_done: Callable[[], int], rank: int, world_size: int
    ) -> None:
        self.steps_per_epoch = steps_per_epoch
        self.batch_size = batch_size
        self.steps_done = steps_done
        self.rank = rank
        self.world_size = world_size

    def __len__(self) -> int:
        """Return the number of steps of a whole epoch, also when the first one is entered in its middle."""
        return self.steps_per_epoch

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Yield the next steps, an epoch's number of them; the trainer stops earlier in an epoch that was resumed."""
        begin = self.steps_done()
        for step in range(begin, begin + self.steps_per_epoch):
            first = (step * self.world_size + self.rank) * self.batch_size
            yield [(step, number) for number in range(first, first + self.batch_size)]


@final
class CropDataset(Dataset[tuple[int, int, Tensor]]):
    """Random crops of a store's images.

    Sample number `n` is a crop of one image; every image is used once before any is used again.

    Args:
        store: The images, all at least `crop_size` high and wide.
        crop_size: Side of the crops in pixels.
        augment: Whether to flip and transpose at random.
        seed: Decides everything that is random.
    """

    def __init__(self, store: ImageStore, crop_size: int, augment: bool, seed: int) -> None:
        self.store = store
        self.crop_size = crop_size
        self.augment = augment
        self.seed = seed
        self._order: tuple[int, Pixels | np.ndarray] = (-1, np.empty(0, np.int64))

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.store)

    def __getitem__(self, key: tuple[int, int]) -> tuple[int, int, Tensor]:
        """Return step, sample number and crop `(channel, crop, crop)` of a `(step, sample number)`."""
        step, number = key
        image = self.store[self._image_index(number)]
        return step, number, torch.from_numpy(self._crop(image, number)).permute(2, 0, 1)

    def _image_index(self, number: int) -> int:
        turn, place = divmod(number, len(self.store))
        if self._order[0] != turn:
            self._order = (
                turn,
                np.random.default_rng((self.seed, _ORDER, turn)).permutation(len(self.store)),
            )
        return int(self._order[1][place])

    def _crop(self, image: Pixels, number: int) -> Pixels:
        random = np.random.default_rng((self.seed, _CROP, number))
        top, left = (int(random.integers(0, side - self.crop_size + 1)) for side in image.shape[:2])
        crop = image[top : top + self.crop_size, left : left + self.crop_size]
        if self.augment:
            vertical, horizontal, transpose = random.integers(0, 2, 3).tolist()
            crop = crop[:: 1 - 2 * vertical, :: 1 - 2 * horizontal]
            crop = crop.transpose(1, 0, 2) if transpose else crop
        return np.array(crop, order="C")


def collate_crops(samples: list[tuple[int, int, Tensor]]) -> TargetBatch:
    """Stack the samples of one step."""
    return TargetBatch(torch.stack([crop for _, _, crop in samples]), samples[0][0], samples[0][1])


def make_pair(
    target: UInt8[Tensor, "batch channel height width"], image_size: Size, target_size: Size | None = None
) -> Pair:
    """Degrade 8-bit targets to low-resolution images, on the device where they are.

    Args:
        target: What the images should become.
        image_size: `(height, width)` of the low-resolution images.
        target_size: Shrink the targets to this size first.
    """
    exact = target.float() / 255
    if target_size is not None:
        exact = Degradation()(exact, target_size).image
    return Pair(Degradation()(exact, image_size).image, exact)


def cut_pair(crops: UInt8[Tensor, "batch channel height width"], sides: PairSides) -> Pair:
    """Return the pair that a training step makes of its crops."""
    region, target, image = sides
    return make_pair(crops[..., :region, :region], (image, image), (target, target))


def choose_queries(count: int, pixels: int, batch: TargetBatch, seed: int) -> Int[Tensor, "batch query"]:
    """Return `count` random pixel numbers below `pixels` for each sample of a batch, on the batch's device."""
    numbers = range(batch.first, batch.first + len(batch.target))
    chosen = [np.random.default_rng((seed, _QUERY, number)).integers(0, pixels, count) for number in numbers]
    return torch.from_numpy(np.stack(chosen)).to(batch.target.device)


def crop_to_multiple(
    target: UInt8[Tensor, "batch channel height width"], scale: int
) -> UInt8[Tensor, "batch channel rows columns"]:
    """Cut off the last rows and columns so that height and width are multiples of `scale`."""
    height, width = target.shape[-2:]
    return target[..., : height - height % scale, : width - width % scale]
