"""The departure from straight lines is 0 where interpolation is linear, and known where it is not."""

import math

import pytest
import torch
from formula import Formula

from amortized_sr.analysis.departure import BIN_EDGES, departures
from amortized_sr.interpolated_image import InterpolatedImage

SHARES = torch.arange(1, 8, dtype=torch.float64) / 8


def bilinear(*shape):
    return InterpolatedImage.like_pillow(torch.rand(1, *shape, dtype=torch.float64), "bilinear")


def test_bilinear_departs_by_nothing_along_axes_and_by_its_mixed_term_along_diagonals():
    function = bilinear(3, 6, 8)
    found = departures(function)
    for direction in ("rows", "columns"):
        assert found.directions[direction].absolute < 1e-12
        assert found.directions[direction].relative < 1e-12
    image = function.image
    # Along a diagonal the product of both shares is t^2 or t (1 - t), so the rest is the mixed term times t^2 - t.
    mixed = image[..., :-1, :-1] - image[..., :-1, 1:] - image[..., 1:, :-1] + image[..., 1:, 1:]
    expected = math.sqrt(float(mixed.square().mean() * (SHARES**2 - SHARES).square().mean()))
    assert found.directions["diagonals"].absolute == pytest.approx(expected)


def test_a_parabola_departs_by_the_same_everywhere():
    found = departures(Formula(lambda y, x: x * x / 255, (3, 5)))
    absolute = math.sqrt(float((SHARES**2 - SHARES).square().mean())) / 255
    assert found.directions["rows"].absolute == pytest.approx(absolute)
    differences = torch.tensor([1.0, 3.0, 5.0, 7.0]).square().mean().sqrt()
    assert found.directions["rows"].relative == pytest.approx(absolute * 255 / float(differences))
    assert found.directions["columns"].absolute < 1e-12
    assert found.directions["diagonals"].absolute == pytest.approx(absolute)
    # At most a quarter of a step of 8 bits.
    assert found.histogram == (1, *[0] * (len(BIN_EDGES) - 1))


def test_nearest_steps_at_the_middle():
    image = torch.tensor([[[[0.0, 1.0]]]], dtype=torch.float64)
    found = departures(InterpolatedImage.like_pillow(image, "nearest"))
    steps = (SHARES >= 0.5).double() - SHARES
    assert found.directions["rows"].absolute == pytest.approx(float(steps.square().mean().sqrt()))
    assert found.directions["rows"].relative == pytest.approx(found.directions["rows"].absolute)


def test_scaling_colours_scales_the_departure_and_not_the_relative_one():
    image = torch.rand(1, 1, 5, 6, dtype=torch.float64)
    whole, half = (departures(InterpolatedImage.like_pillow(factor * image + 0.1, "bicubic")) for factor in (1, 0.5))
    for direction, found in whole.directions.items():
        assert half.directions[direction].absolute == pytest.approx(found.absolute / 2)
        assert half.directions[direction].relative == pytest.approx(found.relative)
        assert found.relative > 0.01


def test_the_map_shows_where_the_function_is_curved():
    # A kink at column 4.5: only the segments across it depart.
    found = departures(Formula(lambda y, x: (x - 4.5).abs(), (3, 9)))
    bent = found.map > 1e-9
    assert bent.tolist() == [[column in (4, 5) for column in range(9)]] * 3
    assert sum(found.histogram) == pytest.approx(1)
    assert found.histogram[-1] > 0.05


@pytest.mark.parametrize(("shape", "directions"), [((1, 5), ["rows"]), ((5, 1), ["columns"]), ((2, 2), None)])
def test_narrow_images_have_the_directions_that_they_have(shape, directions):
    found = departures(bilinear(1, *shape))
    assert list(found.directions) == (directions or ["rows", "columns", "diagonals"])
    assert found.map.shape == shape
    assert found.map.isfinite().all()


def test_a_constant_image_departs_by_nothing_and_has_no_relative_departure():
    found = departures(InterpolatedImage.like_pillow(torch.full((1, 3, 4, 4), 0.3), "lanczos"))
    for one in found.directions.values():
        assert one.absolute < 1e-6
        assert one.relative is None
    assert found.histogram[0] == 1


def test_a_single_pixel_has_no_neighbours():
    with pytest.raises(ValueError, match="1x1 pixels has no neighbouring pixels; give one with at least two"):
        departures(bilinear(1, 1, 1))
