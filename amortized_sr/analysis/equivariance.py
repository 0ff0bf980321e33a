"""Whether the function of a moved image is the moved function: sub-pixel shifts before and after encoding."""

import math
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.analysis.additivity import EQUAL
from amortized_sr.analysis.aliasing import checked
from amortized_sr.continuous import ContinuousImage
from amortized_sr.coords import Window
from amortized_sr.resize import shrink

Shift = tuple[float, float]
"""`(y, x)` in pixels of the image: pixel `n` of the moved image shows what lies at `n + shift` of the image."""


@final
@dataclass(frozen=True)
class Equivariance:
    """How well renderings of two images of one scene agree, as PSNR in dB; at most 200.

    Attributes:
        moved: With the first function's window moved as the second image is.
        still: With one window for both: how much the shift changes.
    """

    moved: float
    still: float


@torch.no_grad()
def equivariance(
    first: ContinuousImage, second: ContinuousImage, shift: Shift, scale: int | float, margin: int
) -> Equivariance:
    """Compare the functions of an image and of the same image moved by `shift`, rendered at a scale.

    Colours are compared as they are rendered, not clamped.

    Args:
        first: The image's function.
        second: The moved image's.
        shift: How far it was moved.
        scale: Pixels of the renderings per pixel of the images.
        margin: How many pixels of the image's border are left out: at least the shift, because windows move.

    Raises:
        ValueError: If the sizes differ, nothing is left within the margin, or a rendering holds NaN or infinity.
    """
    height, width = first.size
    if first.size != second.size:
        raise ValueError(f"both images must have one size, got {first.size} and {second.size}")
    if margin < max(abs(part) for part in shift):
        raise ValueError(f"a margin of {margin} pixels does not hold a shift of {shift}; enlarge it")
    if min(height, width) <= 2 * margin:
        raise ValueError(f"a margin of {margin} pixels leaves nothing of {width}x{height}; give a larger image")
    size = round((height - 2 * margin) * scale), round((width - 2 * margin) * scale)

    def window(down: float, right: float) -> Window:
        top, left = -1 + 2 * (margin + down) / height, -1 + 2 * (margin + right) / width
        return top, left, top + 2 * (height - 2 * margin) / height, left + 2 * (width - 2 * margin) / width

    seen = checked(second.render(size, window(0.0, 0.0)))
    moved, still = (checked(first.render(size, part)) for part in (window(*shift), window(0.0, 0.0)))
    return Equivariance(_decibels(moved - seen), _decibels(still - seen))


def _decibels(error: Tensor) -> float:
    square = float(error.double().square().mean())
    return EQUAL if square == 0 else min(-10 * math.log10(square), EQUAL)


def scanned(
    photograph: Float[Tensor, "1 colour height width"], factor: int, offset: tuple[int, int]
) -> Float[Tensor, "1 colour rows columns"]:
    """Return a photograph shrunk by a whole factor, seen from `offset` = (down, right) pixels farther.

    An offset of 1 moves the image by exactly `1 / factor` of its pixels, as a camera that moves does; `shrink` makes
    images as for training, without rounding. All offsets below `factor` give images of one size.

    Raises:
        ValueError: If the photograph is too small for one pixel.
    """
    height, width = photograph.shape[-2:]
    rows, columns = (height + 1) // factor - 1, (width + 1) // factor - 1
    if min(rows, columns) < 1:
        raise ValueError(f"{width}x{height} pixels shrunk by {factor} leave no pixel; give a larger image")
    top, left = offset
    part = photograph[..., top : top + rows * factor, left : left + columns * factor]
    return shrink(part, (rows, columns))


def fourier_shifted(
    image: Float[Tensor, "1 colour height width"], shift: Shift
) -> Float[Tensor, "1 colour height width"]:
    """Return an image moved by the phase of its discrete spectrum: exact for periodic images without a Nyquist wave."""
    spectrum = torch.fft.fft2(image.double())
    for axis, distance in zip((-2, -1), shift, strict=True):
        frequency = torch.fft.fftfreq(image.shape[axis], dtype=torch.float64, device=image.device)
        phase = torch.exp(2j * math.pi * frequency * distance)
        spectrum = spectrum * (phase[:, None] if axis == -2 else phase)
    return torch.fft.ifft2(spectrum).real.to(image)
