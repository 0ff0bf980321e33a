"""Sines below and above the Nyquist frequency are told apart."""

import math

import pytest
import torch
from formula import Formula

from amortized_sr.analysis.aliasing import aliasing
from amortized_sr.analysis.charts import chart
from amortized_sr.analysis.point_sampling import PointSampled
from amortized_sr.interpolated_image import InterpolatedImage

SIDE = 64


def wave(down, right):
    """Return a sine with so many periods per pixel of an image of 64x64 pixels."""
    angle = 2 * math.pi
    return PointSampled(
        Formula(lambda y, x: 0.5 + 0.3 * torch.sin(angle * (down * y + right * x)), image_size=(SIDE, SIDE))
    )


@pytest.mark.parametrize("frequency", [(0.0, 0.3), (0.3, 0.0), (0.3, 0.35)])
def test_what_pixels_can_show_is_not_aliased(frequency):
    found = aliasing(wave(*frequency), (SIDE, SIDE))
    assert found.absolute < 0.003
    assert found.relative < 0.02


@pytest.mark.parametrize("frequency", [(0.0, 0.4), (0.4, 0.0), (0.45, 0.1), (0.8, 0.9)])
def test_what_pixels_cannot_show_is_aliased(frequency):
    # At half the size, a pixel is twice as wide.
    found = aliasing(wave(*frequency), (SIDE // 2, SIDE // 2))
    assert found.absolute == pytest.approx(0.3 / math.sqrt(2), rel=0.03)
    assert found.relative == pytest.approx(1, abs=0.02)


def test_sides_may_differ():
    assert aliasing(wave(0.0, 0.4), (SIDE, SIDE // 2)).relative > 0.98
    assert aliasing(wave(0.0, 0.4), (SIDE // 2, SIDE)).relative < 0.02


def test_means_over_pixels_alias_less_than_points():
    plate = chart("zone plate")
    means, points = aliasing(plate, (16, 16)), aliasing(PointSampled(plate), (16, 16))
    assert means.absolute < 0.5 * points.absolute


def test_a_constant_has_no_aliasing_and_no_share():
    found = aliasing(InterpolatedImage.like_pillow(torch.full((1, 3, 9, 9), 0.4), "bicubic"), (12, 12))
    assert found.absolute < 1e-6
    assert found.relative is None


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (30, 3)])
def test_renderings_of_few_pixels_are_refused(size):
    image = InterpolatedImage.like_pillow(torch.rand(1, 1, *size), "bicubic")
    with pytest.raises(ValueError, match=f"at least 4x4 pixels, got {size[1]}x{size[0]}; enlarge it"):
        aliasing(image, size)
    assert aliasing(image, (4 * size[0], 4 * size[1])).absolute >= 0


def test_colours_that_are_no_numbers_are_refused():
    image = torch.full((1, 1, 8, 8), math.nan)
    with pytest.raises(ValueError, match="the rendering holds NaN or infinity"):
        aliasing(InterpolatedImage.like_pillow(image, "bicubic"), (8, 8))
