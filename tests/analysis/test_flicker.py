import math

import pytest
import torch

from amortized_sr.analysis.charts import chart
from amortized_sr.analysis.flicker import FRAMES, fast_changes, zoom_flicker, zoom_sizes
from amortized_sr.analysis.point_sampling import PointSampled
from amortized_sr.interpolated_image import InterpolatedImage


def series(period):
    frame = torch.arange(FRAMES, dtype=torch.float64)
    return 0.3 + 0.2 * torch.sin(2 * math.pi * frame / period)[:, None] * torch.tensor([1.0, 1.0])


def test_fast_changes_are_those_with_short_periods():
    assert fast_changes(series(2.7)) == pytest.approx(0.2 / math.sqrt(2), rel=0.02)
    assert fast_changes(series(10)) < 1e-3
    assert fast_changes(torch.full((FRAMES, 2, 3), 0.7)) < 1e-9
    # A slow trend is no flicker.
    assert fast_changes(torch.linspace(0, 1, FRAMES)) < 1e-3


def test_sizes_rise_evenly_between_the_scales():
    sizes = zoom_sizes((64, 32), 0.25, 1.0)
    assert (len(sizes), sizes[0], sizes[-1]) == (FRAMES, (16, 8), (64, 32))
    assert sizes == sorted(sizes)
    assert len({height for height, _ in sizes}) == FRAMES
    assert zoom_sizes((1, 1), 0.25, 1.0) == [(1, 1)] * FRAMES


@pytest.mark.parametrize(("low", "high", "frames"), [(1.0, 1.0, 40), (0.0, 1.0, 40), (2.0, 1.0, 40), (0.5, 1.0, 3)])
def test_zooms_that_do_not_rise_are_refused(low, high, frames):
    with pytest.raises(ValueError, match="rising positive scales and at least 4 frames"):
        zoom_sizes((8, 8), low, high, frames)


def test_points_flicker_more_than_means():
    text = chart("text")
    sizes = zoom_sizes((64, 64), 0.25, 1.0)
    assert zoom_flicker(PointSampled(text), sizes) > 3 * zoom_flicker(text, sizes)


@pytest.mark.parametrize("shape", [(1, 1), (1, 20), (20, 1)])
def test_narrow_images_have_flicker_too(shape):
    flat = InterpolatedImage.like_pillow(torch.full((1, 3, *shape), 0.6), "bicubic")
    assert zoom_flicker(flat, zoom_sizes(shape, 0.5, 2)) < 1e-6
    assert math.isfinite(zoom_flicker(InterpolatedImage.like_pillow(torch.rand(1, 1, *shape), "bicubic"), [(4, 9)] * 5))


def test_frames_that_shrink_or_are_no_numbers_are_refused():
    image = InterpolatedImage.like_pillow(torch.rand(1, 1, 8, 8), "bicubic")
    with pytest.raises(ValueError, match="the first of the sizes must be the smallest"):
        zoom_flicker(image, [(8, 8), (8, 7), (9, 9), (10, 10)])
    broken = InterpolatedImage.like_pillow(torch.full((1, 1, 8, 8), math.inf), "bicubic")
    with pytest.raises(ValueError, match="the rendering holds NaN or infinity"):
        zoom_flicker(broken, zoom_sizes((8, 8), 1, 2))
