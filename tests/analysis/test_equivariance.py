"""Shifts before and after encoding agree where they must, and differ where they do not."""

import math
from dataclasses import replace

import pytest
import torch
from formula import Formula

from amortized_sr.analysis.equivariance import equivariance, fourier_shifted, scanned
from amortized_sr.analysis.point_sampling import PointSampled
from amortized_sr.interpolated_image import InterpolatedImage

SHIFT = (0.1, -0.25)


def scene(down=0.0, right=0.0):
    return PointSampled(
        Formula(lambda y, x: 0.5 + 0.3 * torch.sin(0.9 * (y + down) - 0.4 * (x + right)), image_size=(20, 24))
    )


def test_a_moved_formula_is_the_formula_of_the_moved_scene():
    found = equivariance(scene(), scene(*SHIFT), SHIFT, 4, 2)
    assert found.moved > 150
    assert found.still < 40
    # The other way it is twice as wrong.
    away = equivariance(scene(), scene(*SHIFT), (-SHIFT[0], -SHIFT[1]), 4, 2)
    assert away.moved == pytest.approx(found.still - 6, abs=1)


def test_interpolation_follows_whole_pixels_exactly_and_parts_of_one_not():
    image = torch.rand(1, 1, 16, 18, dtype=torch.float64)
    bicubic = InterpolatedImage.like_pillow(image, "bicubic")

    def moved(shift):
        other = replace(bicubic, image=fourier_shifted(image, shift))
        return equivariance(bicubic, other, shift, 3, 6).moved

    assert moved((1.0, 2.0)) > 100
    assert moved((0.0, 0.5)) < 30


def test_equal_functions_have_200_decibels_and_constants_too():
    flat = InterpolatedImage.like_pillow(torch.full((1, 3, 8, 8), 0.5), "nearest")
    found = equivariance(flat, flat, (0.1, 0.1), 4, 1)
    assert (found.moved, found.still) == (200.0, 200.0)


def test_a_phase_moves_waves_exactly():
    y, x = torch.meshgrid(*(torch.arange(side, dtype=torch.float64) for side in (12, 16)), indexing="ij")

    def wave(down, right):
        return 0.5 + 0.4 * torch.cos(2 * math.pi * (2 * (y + down) / 12 - 3 * (x + right) / 16))[None, None]

    torch.testing.assert_close(fourier_shifted(wave(0, 0), SHIFT), wave(*SHIFT))
    image = torch.rand(1, 3, 7, 8)
    torch.testing.assert_close(fourier_shifted(image, (1.0, -2.0)), image.roll((-1, 2), (-2, -1)), atol=1e-5, rtol=0)
    torch.testing.assert_close(fourier_shifted(torch.full((1, 1, 1, 1), 0.3), SHIFT), torch.full((1, 1, 1, 1), 0.3))
    torch.testing.assert_close(fourier_shifted(torch.full((1, 1, 1, 6), 0.3), SHIFT), torch.full((1, 1, 1, 6), 0.3))


def test_a_photograph_seen_from_one_pixel_farther_is_moved_by_a_tenth():
    y, x = torch.meshgrid(torch.arange(200.0), torch.arange(203.0), indexing="ij")
    photograph = (0.5 + 0.3 * torch.sin(0.02 * y + 0.013 * x))[None, None]
    first, down, right = (scanned(photograph, 10, offset) for offset in ((0, 0), (1, 0), (0, 1)))
    assert first.shape == down.shape == right.shape == (1, 1, 19, 19)
    # A tenth of the difference to the next pixel, because the photograph is smooth.
    inside = slice(3, -3)
    for moved, axis in ((down, -2), (right, -1)):
        slope = (first.roll(-1, axis) - first.roll(1, axis)) / 2
        expected = (first + 0.1 * slope)[..., inside, inside]
        torch.testing.assert_close(moved[..., inside, inside], expected, atol=5e-4, rtol=0)
        assert (moved - first)[..., inside, inside].abs().max() > 2e-3


def test_images_that_are_too_small_or_differ_are_refused():
    small = InterpolatedImage.like_pillow(torch.rand(1, 1, 1, 30), "bicubic")
    with pytest.raises(ValueError, match="a margin of 1 pixels leaves nothing of 30x1; give a larger image"):
        equivariance(small, small, (0.1, 0.1), 4, 1)
    with pytest.raises(ValueError, match="a margin of 0 pixels does not hold a shift"):
        equivariance(small, small, (0.1, 0.1), 4, 0)
    with pytest.raises(ValueError, match="both images must have one size"):
        equivariance(small, scene(), (0.1, 0.1), 4, 1)
    with pytest.raises(ValueError, match="9x30 pixels shrunk by 10 leave no pixel"):
        scanned(torch.rand(1, 1, 30, 9), 10, (0, 0))


def test_colours_that_are_no_numbers_are_refused():
    broken = InterpolatedImage.like_pillow(torch.full((1, 1, 9, 9), math.nan), "bicubic")
    with pytest.raises(ValueError, match="the rendering holds NaN or infinity"):
        equivariance(broken, broken, (0.1, 0.1), 4, 1)
