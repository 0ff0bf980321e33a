"""Decoded images in one block of bytes, in memory or in a file, so that training never waits for decoding."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, final

import numpy as np
from jaxtyping import Int

from amortized_sr.data.images import DecodedImages, Pixels, count_levels, moments_of
from amortized_sr.image_io import replacing


@final
@dataclass(frozen=True)
class ImageStore(DecodedImages):
    """Images of one number of channels and any sizes: their bytes one after another, their shapes and their starts.

    Each image is `(height, width, channels)`.
    """

    pixels: Pixels
    shapes: list[tuple[int, int, int]]
    starts: list[int]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.shapes)

    def __getitem__(self, index: int) -> Pixels:
        """Return an image `(height, width, channels)` without copying it."""
        shape, start = self.shapes[index], self.starts[index]
        return self.pixels[start : start + math.prod(shape)].reshape(shape)

    def shape_of(self, index: int) -> tuple[int, int, int]:
        """Return `(height, width, channels)` of an image."""
        return self.shapes[index]

    def shorter_sides(self) -> Int[np.ndarray, " count"]:
        """Return the smaller of height and width of each image."""
        return np.array([min(height, width) for height, width, _ in self.shapes], dtype=np.int64)

    def select(self, indices: Iterable[int] | Int[np.ndarray, " chosen"]) -> "ImageStore":
        """Return a store of some of the images, without copying them."""
        chosen = list(indices)
        return ImageStore(self.pixels, [self.shapes[one] for one in chosen], [self.starts[one] for one in chosen])

    def moments(self) -> tuple[float, float]:
        """Return mean and standard deviation of all values, in [0, 1]."""
        # How often each of the 256 values occurs: exact, and one image at a time in memory.
        counts = np.zeros(256, dtype=np.int64)
        for index in range(len(self)):
            counts += count_levels(self[index])
        return moments_of(counts)

    @property
    def groups(self) -> Int[np.ndarray, " group"]:
        """One group: every image is as near as any other."""
        return np.array([len(self.shapes)], dtype=np.int64)

    @property
    def mixed(self) -> int:
        """The one group."""
        return 1

    def expect(self, groups: Sequence[int]) -> None:
        """Do nothing: all images are there."""


def pack(images: Iterable[Pixels]) -> ImageStore:
    """Return a store of the given `(height, width, channels)` images, in memory."""
    arrays = list(images)
    shapes = [(array.shape[0], array.shape[1], array.shape[2]) for array in arrays]
    return ImageStore(np.concatenate([array.reshape(-1) for array in arrays]), shapes, _ends(shapes)[:-1])


def save_store(path: Path, store: ImageStore, notes: dict[str, Any]) -> None:
    """Write a store that owns all its bytes as `path` (`.npy`), with its index and notes (`.json`)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        np.save(file, store.pixels)
    with replacing(path.with_suffix(".json")) as file:
        file.write(json.dumps({"shapes": store.shapes, "notes": notes}).encode())


def load_store(path: Path) -> tuple[ImageStore, dict[str, Any]] | None:
    """Return the memory-mapped store of a file and its notes, or None if it is missing or damaged."""
    try:
        index = json.loads(path.with_suffix(".json").read_text())
        shapes = [(height, width, channels) for height, width, channels in index["shapes"]]
        notes = index["notes"]
        pixels = np.load(path, mmap_mode="r")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    ends = _ends(shapes)
    if not shapes or pixels.dtype != np.uint8 or pixels.ndim != 1 or ends[-1] != len(pixels):
        return None
    return ImageStore(pixels, shapes, ends[:-1]), notes


def _ends(shapes: list[tuple[int, int, int]]) -> list[int]:
    """Return 0 and where each image ends."""
    return [0, *accumulate(map(math.prod, shapes))]
