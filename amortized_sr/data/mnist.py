"""MNIST through torchvision -> decoded store."""

from pathlib import Path

from torchvision.datasets import MNIST

from amortized_sr.data.cache import ImageStore, pack


def read_mnist(root: Path, train: bool) -> ImageStore:
    """Return the 60,000 training or 10,000 test digits, 28x28 grey.

    Args:
        root: Folder that holds, or will hold, `MNIST/raw`; the archives are fetched if they are not there.
        train: Which part.

    References:
        LeCun et al., "Gradient-Based Learning Applied to Document Recognition", Proc. IEEE 1998.
    """
    digits = MNIST(str(root), train=train, download=True).data.numpy()
    return pack(digit[:, :, None] for digit in digits)
