"""What training asks of decoded images, wherever their bytes are."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Int

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


class DecodedImages(ABC):
    """Images of one number of channels and any sizes, each `(height, width, channels)`, read by number."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of images."""

    @abstractmethod
    def __getitem__(self, index: int) -> Pixels:
        """Return an image, without copying it where that is possible."""

    @abstractmethod
    def shape_of(self, index: int) -> tuple[int, int, int]:
        """Return `(height, width, channels)` of an image, without reading it."""

    @abstractmethod
    def shorter_sides(self) -> Int[np.ndarray, " count"]:
        """Return the smaller of height and width of each image."""

    @abstractmethod
    def select(self, indices: Iterable[int] | Int[np.ndarray, " chosen"]) -> "DecodedImages":
        """Return some of the images, without copying them."""

    @abstractmethod
    def moments(self) -> tuple[float, float]:
        """Return mean and standard deviation of all values, in [0, 1]."""

    @property
    @abstractmethod
    def groups(self) -> Int[np.ndarray, " group"]:
        """How many images each group has; images of one group are near to each other, and have successive numbers."""

    @property
    @abstractmethod
    def mixed(self) -> int:
        """How many groups can be read in turn without waiting for each."""

    @abstractmethod
    def expect(self, groups: Sequence[int]) -> None:
        """Prepare for images of these groups, the most urgent first; the others may be forgotten."""


def moments_of(levels: Int[np.ndarray, "256"]) -> tuple[float, float]:
    """Return mean and standard deviation, in [0, 1], of values of which each of the 256 levels has so many."""
    values = np.arange(256) / 255
    mean = float(np.average(values, weights=levels))
    return mean, float(np.average((values - mean) ** 2, weights=levels)) ** 0.5


def count_levels(image: Pixels) -> Int[np.ndarray, "256"]:
    """Return how often each of the 256 levels occurs in an image."""
    return np.bincount(image.reshape(-1), minlength=256)
