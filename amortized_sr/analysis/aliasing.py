"""Aliasing: how much of what pixels sample is finer than pixels can show."""

import math
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.analysis.departure import LEAST_VARIATION
from amortized_sr.continuous import ContinuousImage
from amortized_sr.coords import Size, Window

# Samples per pixel and axis: frequencies up to so many times the pixels' Nyquist frequency are seen as what they are.
_SAMPLES = 4


@final
@dataclass(frozen=True)
class Aliasing:
    """What lies above the Nyquist frequency of a rendering's pixels, and so returns as something coarser.

    Attributes:
        absolute: Root of its mean square, in brightness.
        relative: The same over the standard deviation; None where the brightness hardly varies.
    """

    absolute: float
    relative: float | None


@torch.no_grad()
def aliasing(function: ContinuousImage, size: Size, samples: int = _SAMPLES) -> Aliasing:
    """Return what a rendering with `size` pixels samples above its Nyquist frequency, half a period per pixel.

    Pixels sample the brightness over a footprint. The same footprint at every place, not only at the pixels, is a
    function of its own, and its spectrum (under a Hann window) shows what the pixels cannot.

    Args:
        function: One image.
        size: `(height, width)` of the rendering.
        samples: Places per pixel and axis; what is finer than two of them counts as something coarser.

    Raises:
        ValueError: If the rendering has fewer than 4 pixels on an axis, or holds NaN or infinity.
    """
    if min(size) < 4:
        raise ValueError(f"aliasing needs a rendering of at least 4x4 pixels, got {size[1]}x{size[0]}; enlarge it")
    dense = _footprints_everywhere(function, size, samples)
    rows, columns = (torch.hann_window(side, periodic=False, dtype=torch.float64) for side in dense.shape)
    window = rows[:, None] * columns
    varied = (dense - (window * dense).sum() / window.sum()) * window
    power = torch.fft.fft2(varied).abs().square() / (dense.numel() * window.square().sum())
    down, right = (torch.fft.fftfreq(side, dtype=torch.float64).abs() * samples for side in dense.shape)
    finer = torch.maximum(down[:, None], right[None]) > 0.5
    total, above = float(power.sum()), float(power[finer].sum())
    variation = math.sqrt(total)
    return Aliasing(math.sqrt(above), math.sqrt(above / total) if variation >= LEAST_VARIATION else None)


def _footprints_everywhere(function: ContinuousImage, size: Size, samples: int) -> Float[Tensor, "rows columns"]:
    """Return the brightness over a pixel's footprint at `samples` places per pixel and axis: renderings in turn."""
    height, width = size[0] - 1, size[1] - 1
    lines = [
        torch.stack([_brightness(function, size, (down / samples, right / samples)) for right in range(samples)], -1)
        for down in range(samples)
    ]
    # (row, column, down, right) -> (row down, column right)
    return torch.stack(lines, 2).permute(0, 2, 1, 3).reshape(height * samples, width * samples)


def _brightness(function: ContinuousImage, size: Size, shift: tuple[float, float]) -> Float[Tensor, "rows columns"]:
    """Return a rendering, without its last row and column, moved down and right by part of a pixel."""
    y0, x0 = (-1 + 2 * part / side for part, side in zip(shift, size, strict=True))
    y1, x1 = (low + 2 * (side - 1) / side for low, side in zip((y0, x0), size, strict=True))
    window: Window = (y0, x0, min(y1, 1.0), min(x1, 1.0))
    return checked(function.render((size[0] - 1, size[1] - 1), window)).mean(dim=1)[0].double().cpu()


def checked(rendering: Tensor) -> Tensor:
    """Return a rendering of one image unchanged.

    Raises:
        ValueError: If it holds NaN or infinity.
    """
    if not rendering.isfinite().all():
        raise ValueError("the rendering holds NaN or infinity; check the image, or lower a fit's learning rate")
    return rendering
