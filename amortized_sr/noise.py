"""Gaussian noise of deviation 1: white, equal in all channels, or correlated between neighbouring pixels."""

import numpy as np

# Widths in pixels of the Gaussian that correlated noise is blurred with: neighbours correlate by 0.2 to 0.8.
_WIDTHS = 0.4, 1.0


def gaussian_noise(
    random: np.random.Generator, shape: tuple[int, ...], grey_share: float = 0.0, correlated_share: float = 0.0
) -> np.ndarray:
    """Return noise `(channel, height, width)` whose expected square is 1 in every pixel.

    Args:
        random: Decides the kind and all values; white noise is its first numbers.
        shape: `(channel, height, width)`.
        grey_share: Probability of noise that is the same in all channels, like that of a camera's brightness.
        correlated_share: Probability of blurred noise, like that of a shrunk or interpolated picture.
    """
    values = random.standard_normal(shape, dtype=np.float32)
    kind, width = random.random(), random.uniform(*_WIDTHS)
    if kind < grey_share:
        return np.broadcast_to(values[:1], shape)
    return _blurred(values, width) if kind < grey_share + correlated_share else values


def _blurred(white: np.ndarray, width: float) -> np.ndarray:
    """Blur white noise around the image's edges, which keeps the same deviation everywhere, and make that 1 again."""
    height, length = white.shape[-2:]
    rows, columns = (_gains(side, width) for side in (height, length))
    spectrum = np.fft.rfft2(white) * (rows[:, None] * columns[: length // 2 + 1])
    return np.fft.irfft2(spectrum, (height, length)).astype(np.float32)


def _gains(side: int, width: float) -> np.ndarray:
    gains = np.exp(-2 * (np.pi * width * np.fft.fftfreq(side)) ** 2)
    return gains / np.sqrt(np.mean(gains**2))
