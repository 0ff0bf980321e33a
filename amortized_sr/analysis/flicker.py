"""Flicker: what changes fast while a picture of a fixed window is drawn larger from frame to frame."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.analysis.aliasing import checked
from amortized_sr.continuous import ContinuousImage
from amortized_sr.coords import Size
from amortized_sr.resize import shrink_height, shrink_width

FRAMES = 40

# Slow is what takes four frames or longer for a period.
_FAST = 0.25


def zoom_sizes(size: Size, low: int | float, high: int | float, frames: int = FRAMES) -> list[Size]:
    """Return sizes in even steps between two scales of an image of `size`, rounded to whole pixels.

    Raises:
        ValueError: If the scales are not positive and rising, or there are fewer than 4 frames.
    """
    if not 0 < low < high or frames < 4:
        raise ValueError(f"a zoom needs rising positive scales and at least 4 frames, got {low} to {high} in {frames}")
    scales = [low + (high - low) * frame / (frames - 1) for frame in range(frames)]
    return [(max(1, round(size[0] * scale)), max(1, round(size[1] * scale))) for scale in scales]


def zoom_flicker(function: ContinuousImage, sizes: Sequence[Size]) -> float:
    """Return the flicker of the only image of a function, drawn at rising sizes: the fast changes of `zoom_means`.

    Raises:
        ValueError: If a frame is smaller than the first one, or holds NaN or infinity.
    """
    return fast_changes(zoom_means(function, sizes))


@torch.no_grad()
def zoom_means(function: ContinuousImage, sizes: Sequence[Size]) -> Float[Tensor, "frames rows columns"]:
    """Return the brightness of every frame of a zoom, averaged over common areas: the pixels of the first frame.

    Frames of different sizes have no pixels in common. The mean over an area is the same in perfect pictures of all
    sizes, except for what pixels at its border share with its neighbours.

    Raises:
        ValueError: If a frame is smaller than the first one, or holds NaN or infinity.
    """
    first = sizes[0]
    if any(height < first[0] or width < first[1] for height, width in sizes):
        raise ValueError(f"the first of the sizes must be the smallest, got {list(sizes)}")
    frames = [checked(function.render(size)).mean(dim=1, keepdim=True).double() for size in sizes]
    return torch.stack([shrink_height(shrink_width(one, first[1], "box"), first[0], "box")[0, 0] for one in frames])


def fast_changes(series: Float[Tensor, "frames ..."]) -> float:
    """Return the root mean square of the fast part of series of numbers: what has a period below four frames.

    Series are multiplied by a Hann window, because they do not begin as they end.
    """
    count = len(series)
    window = torch.hann_window(count, periodic=False, dtype=torch.float64).to(series.device)
    varied = (series.double() - series.double().mean(dim=0)).reshape(count, -1) * window[:, None]
    frequency = torch.fft.fftfreq(count, dtype=torch.float64, device=series.device).abs()
    power = torch.fft.fft(varied, dim=0).abs().square()[frequency > _FAST].sum(dim=0)
    return float((power / (count * window.square().sum())).mean().sqrt())
