"""Whole images in batches of one size, for validation."""

from typing import final

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from amortized_sr.data.images import DecodedImages

VALIDATION_BATCH = 256
"""Most images of a validation batch, so that image `k` of batch `n` can have the number `n * VALIDATION_BATCH + k`."""


@final
class SameSizeBatches(Dataset[Tensor]):
    """Whole images, in batches of one size, because images of several sizes do not stack."""

    def __init__(self, store: DecodedImages) -> None:
        self.store = store
        groups: dict[tuple[int, int, int], list[int]] = {}
        for index in range(len(store)):
            groups.setdefault(store.shape_of(index), []).append(index)
        self.batches: list[list[int]] = []
        for (height, width, _), group in groups.items():
            # A quarter of a megapixel a batch: large images go one by one, digits by hundreds.
            size = max(1, min(VALIDATION_BATCH, 2**18 // (height * width)))
            self.batches += [group[start : start + size] for start in range(0, len(group), size)]

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self.batches)

    def __getitem__(self, index: int) -> Tensor:
        """Return the `(batch, channel, height, width)` images of a batch, in 8 bits."""
        images = np.stack([self.store[image] for image in self.batches[index]])
        return torch.from_numpy(images).permute(0, 3, 1, 2)
