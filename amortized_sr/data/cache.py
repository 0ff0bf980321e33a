"""Decoded images in one block of bytes, in memory or in a file, so that training never waits for decoding."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from amortized_sr.image_io import replacing

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


@final
@dataclass(frozen=True)
class ImageStore:
    """Images of one number of channels and any sizes.

    Args:
        pixels: All images' bytes, one after another, each `(height, width, channels)`.
        shapes: Each image's `(height, width, channels)`.
        starts: Where each image starts in `pixels`.
    """

    pixels: Pixels
    shapes: list[tuple[int, int, int]]
    starts: list[int]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.shapes)

    def __getitem__(self, index: int) -> Pixels:
        """Return an image `(height, width, channels)` without copying it."""
        height, width, channels = self.shapes[index]
        start = self.starts[index]
        return self.pixels[start : start + height * width * channels].reshape(height, width, channels)

    def select(self, indices: Iterable[int]) -> "ImageStore":
        """Return a store of some of the images, without copying them."""
        chosen = list(indices)
        return ImageStore(
            self.pixels,
            [self.shapes[index] for index in chosen],
            [self.starts[index] for index in chosen],
        )

    def moments(self) -> tuple[float, float]:
        """Return mean and standard deviation of all values, in [0, 1]."""
        total = sum(int(self[index].sum(dtype=np.uint64)) for index in range(len(self)))
        squares = sum(
            float(np.square(self[index], dtype=np.float32).sum(dtype=np.float64)) for index in range(len(self))
        )
        count = sum(height * width * channels for height, width, channels in self.shapes)
        mean = total / count
        return mean / 255, max(squares / count - mean**2, 0) ** 0.5 / 255


def pack(images: Iterable[Pixels]) -> ImageStore:
    """Return a store of the given `(height, width, channels)` images, in memory."""
    arrays = list(images)
    shapes = [(array.shape[0], array.shape[1], array.shape[2]) for array in arrays]
    starts = np.cumsum([0, *(array.size for array in arrays)])[:-1].tolist()
    pixels = np.concatenate([array.reshape(-1) for array in arrays]) if arrays else np.empty(0, np.uint8)
    return ImageStore(pixels, shapes, starts)


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
    ends = np.cumsum([0, *(height * width * channels for height, width, channels in shapes)])
    if not shapes or pixels.dtype != np.uint8 or pixels.ndim != 1 or ends[-1] != len(pixels):
        return None
    return ImageStore(pixels, shapes, ends[:-1].tolist()), notes
