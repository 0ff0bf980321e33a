import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from amortized_sr.coords import WHOLE, check_window, pixel_cell, pixel_centers, pixel_window
from amortized_sr.grids import normalize, pixel_grid


@given(count=st.integers(1, 500))
def test_pixel_centres_are_symmetric_and_one_pixel_apart(count):
    centers = torch.from_numpy(pixel_centers(count))
    torch.testing.assert_close(centers, -centers.flip(0))
    assert centers[0] == pytest.approx(-1 + 1 / count)
    if count > 1:
        torch.testing.assert_close(centers.diff(), torch.full((count - 1,), 2 / count, dtype=torch.float64))


def test_pixel_centres_are_those_of_grid_sample_without_aligned_corners():
    # An outside reference for the half-pixel rule.
    image = torch.arange(12.0).reshape(1, 1, 3, 4)
    grid = pixel_grid((3, 4)).flip(-1)[None]  # grid_sample wants (x, y)
    sampled = torch.nn.functional.grid_sample(image, grid, align_corners=False)
    torch.testing.assert_close(sampled, image)


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    low=st.tuples(st.floats(0, 0.9), st.floats(0, 0.9)),
)
def test_the_grid_of_a_pixel_window_is_the_crop_of_the_whole_grid(size, low):
    top, left = int(low[0] * size[0]), int(low[1] * size[1])
    box = (top, left, size[0], size[1])
    window = pixel_window(box, size)
    crop = pixel_grid(size, dtype=torch.float64)[top:, left:]
    torch.testing.assert_close(pixel_grid((size[0] - top, size[1] - left), window, torch.float64), crop)
    assert pixel_cell((size[0] - top, size[1] - left), window) == pytest.approx(pixel_cell(size))


def test_an_axis_without_pixels_is_refused():
    with pytest.raises(ValueError, match="at least 1 pixel, got 0"):
        pixel_centers(0)


@pytest.mark.parametrize(
    "window", [(0.0, 0.0, 0.0, 1.0), (-1.1, -1.0, 1.0, 1.0), (0.5, 0.0, 0.1, 1.0), (-1.0, -1.0, 1.0, math.nan)]
)
def test_windows_outside_the_image_or_empty_are_refused(window):
    with pytest.raises(ValueError, match="the whole image is"):
        check_window(window)


def test_the_whole_window_is_accepted():
    assert check_window(WHOLE) == WHOLE


def test_unit_coordinates_have_the_upper_left_corner_at_zero():
    corners = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
    torch.testing.assert_close(normalize(corners, "unit", (4, 4)), torch.tensor([[0.0, 0.0], [1.0, 1.0]]))


def test_centered_coordinates_are_x_and_upward_y():
    upper_left, middle_right = torch.tensor([[-1.0, -1.0], [0.0, 1.0]])
    torch.testing.assert_close(normalize(upper_left, "centered", (4, 4)), torch.tensor([-1.0, 1.0]))
    torch.testing.assert_close(normalize(middle_right, "centered", (4, 4)), torch.tensor([1.0, 0.0]))


@given(size=st.tuples(st.integers(2, 60), st.integers(2, 60)))
def test_standardized_coordinates_have_zero_mean_and_unit_variance(size):
    standard = normalize(pixel_grid(size, dtype=torch.float64), "standardized", size).reshape(-1, 2)
    torch.testing.assert_close(standard.mean(0), torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(standard.var(0, correction=0), torch.ones(2, dtype=torch.float64))


def test_standardizing_an_axis_of_one_pixel_is_refused():
    with pytest.raises(ValueError, match=r"got size \(1, 5\)"):
        normalize(torch.zeros(1, 2), "standardized", (1, 5))
