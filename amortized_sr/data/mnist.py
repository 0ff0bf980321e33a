"""MNIST through torchvision -> decoded store, or images as a tensor."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from amortized_sr.data.cache import ImageStore, pack
from amortized_sr.image_io import ImageError

if TYPE_CHECKING:
    from torchvision.datasets import MNIST


def read_mnist(root: Path, train: bool) -> ImageStore:
    """Return the 60,000 training or 10,000 test digits, 28x28 grey; archives missing in `MNIST/raw` are downloaded.

    Raises:
        ImageError: If the archives are missing and cannot be downloaded.

    References:
        LeCun et al., "Gradient-Based Learning Applied to Document Recognition", Proc. IEEE 1998.
    """
    return pack(digit[:, :, None] for digit in _archives(root, train).data.numpy())


def read_digits(root: Path, train: bool, limit: int | None = None) -> Float[Tensor, "count 1 height width"]:
    """Return the first `limit` digits, or all, as images in [0, 1]; errors as `read_mnist`."""
    store = read_mnist(root, train)
    digits = np.stack([store[index] for index in range(len(store))[:limit]])
    return torch.from_numpy(digits).permute(0, 3, 1, 2).float() / 255


def read_labels(root: Path, train: bool) -> Int[Tensor, " count"]:
    """Return which digit each image shows, 0 to 9; errors as `read_mnist`."""
    return _archives(root, train).targets


def _archives(root: Path, train: bool) -> "MNIST":
    # Not at the top: photographs can be trained on without torchvision.
    from torchvision.datasets import MNIST

    try:
        return MNIST(str(root), train=train, download=True)
    except (RuntimeError, OSError) as error:
        problem = f"MNIST is missing and cannot be downloaded ({error})"
        raise ImageError(root, problem, f"put its four archives into {root / 'MNIST' / 'raw'}") from None
