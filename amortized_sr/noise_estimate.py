"""How strong an image's noise is, estimated from its flattest blocks. Loads no torch.

A second difference along both axes removes what is even, sloped or an edge along an axis, and keeps white noise. A
clean photograph has blocks where nothing else is left almost everywhere, in skies and out of focus. Fine texture
everywhere looks like noise, so that small estimates mean nothing: below the *dead zone* an image counts as clean. So
do blocks of a few values only: they are drawn or dithered.
`scripts/measure_noise_estimate.py` measures the numbers of this file, but for that of few values.

References:
    Immerkaer, "Fast Noise Variance Estimation", Computer Vision and Image Understanding 64 (2), 1996 (the operator).
"""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float32, Shaped

_BLOCK = 8

# So many different values at most are no noise. With a standard deviation of 5, of 255, a block of noise has at least
# 13, among 20,000 of them.
_FEW = 8

# The flattest tenth of the blocks of white noise has less of it than all: its RMS is 1 / 1.36 of theirs.
_SHARE = 0.1
_CORRECTION = 1.36

# Side of a square of as many pixels, and the smallest estimate, of 255, that counts for images up to it.
_DEAD_ZONES = ((64, 10.0), (128, 6.0), (math.inf, 5.0))

# How many rows are floats at once.
_ROWS = 64 * _BLOCK


def estimate_noise(
    pixels: Shaped[np.ndarray, "height width colour"],
    as_colours: Callable[[Shaped[np.ndarray, "rows width colour"]], Float32[np.ndarray, "rows width colour"]],
    visible: Bool[np.ndarray, "height width"] | None = None,
) -> float:
    """Return the standard deviation of the noise, as a part of white; 0 for an image without a whole block.

    It is 1.36 times the RMS of the flattest tenth of the blocks of 8x8 second differences, and of the colours the
    median.

    Args:
        pixels: The image, of any type.
        as_colours: Turns some rows of it into colours in [0, 1], so that not all of it has to be floats at once.
        visible: Blocks with a pixel that is not visible do not count.

    Example:
        >>> noise = np.random.default_rng(0).normal(0.5, 0.1, (256, 256, 1)).astype(np.float32)
        >>> round(estimate_noise(noise, lambda rows: rows), 2)
        0.1
    """
    height, width = ((side - 2) // _BLOCK * _BLOCK for side in pixels.shape[:2])
    if min(height, width) < _BLOCK:
        return 0.0
    bands = (pixels[top : min(top + _ROWS, height) + 2, : width + 2] for top in range(0, height, _ROWS))
    blocks = np.concatenate([_energies(as_colours(band)) for band in bands])
    if visible is not None:
        whole = visible[1 : height + 1, 1 : width + 1].reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
        blocks = blocks[whole.all(axis=(1, 3)).ravel()]
    if not len(blocks):
        return 0.0
    flattest = np.sort(blocks, axis=0)[: math.ceil(_SHARE * len(blocks))]
    return _CORRECTION * float(np.median(np.sqrt(flattest.mean(axis=0))))


def significant_noise(estimate: float, pixels: int) -> float:
    """Return an estimate for an image of so many pixels, of 255 with one decimal; 0 inside the dead zone.

    Example:
        >>> significant_noise(8.0 / 255, 64 * 64), significant_noise(8.0 / 255, 512 * 512)
        (0.0, 8.0)
    """
    dead = next(dead for side, dead in _DEAD_ZONES if pixels <= side**2)
    sigma = round(255 * estimate, 1)
    return sigma if sigma >= dead else 0.0


def _energies(rows: Float32[np.ndarray, "rows width colour"]) -> Float32[np.ndarray, "block colour"]:
    """Return the mean square of each block of second differences, which have two rows and columns less.

    It is 0 for blocks of few values.
    """
    along_y = rows[:-2] - 2 * rows[1:-1] + rows[2:]
    both = (along_y[:, :-2] - 2 * along_y[:, 1:-1] + along_y[:, 2:]) / 6
    values = np.sort(_blocks(rows[1:-1, 1:-1]))
    many = np.count_nonzero(np.diff(values), axis=-1) >= _FEW
    return np.square(_blocks(both)).mean(axis=-1) * many


def _blocks(rows: Float32[np.ndarray, "rows width colour"]) -> Float32[np.ndarray, "block colour pixel"]:
    height, width, colours = rows.shape
    blocks = rows.reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK, colours)
    return blocks.transpose(0, 2, 4, 1, 3).reshape(-1, colours, _BLOCK * _BLOCK)
