"""Decoded images in one block of bytes, in memory or in a file, so that training never waits for decoding."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, final

import numpy as np

from amortized_sr.image_io import replacing

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


@final
@dataclass(frozen=True)
class ImageStore:
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

    def select(self, indices: Iterable[int]) -> "ImageStore":
        """Return a store of some of the images, without copying them."""
        chosen = list(indices)
        return ImageStore(self.pixels, [self.shapes[one] for one in chosen], [self.starts[one] for one in chosen])

    def moments(self) -> tuple[float, float]:
        """Return mean and standard deviation of all values, in [0, 1]."""
        # How often each of the 256 values occurs: exact, and one image at a time in memory.
        counts = sum(np.bincount(self[index].reshape(-1), minlength=256) for index in range(len(self)))
        levels = np.arange(256) / 255
        mean = float(np.average(levels, weights=counts))
        return mean, float(np.average((levels - mean) ** 2, weights=counts)) ** 0.5


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
