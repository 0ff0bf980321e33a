from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from amortized_sr.choices import Interpolation
from amortized_sr.compute import Bounds
from amortized_sr.coords import pixel_cell, pixel_window
from amortized_sr.grids import pixel_grid
from amortized_sr.interpolated_image import InterpolatedImage

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
NAMES = get_args(Interpolation)


def pillow(image, size, name):
    """Resize in floating point, which Pillow does for one channel at a time."""
    planes = [Image.fromarray(plane.numpy()).resize((size[1], size[0]), FILTERS[name]) for plane in image[0]]
    return torch.from_numpy(np.stack([np.asarray(plane) for plane in planes]))[None]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25)
@given(own=st.tuples(st.integers(1, 12), st.integers(1, 12)), scale=st.tuples(*[st.integers(1, 5)] * 2))
def test_whole_enlargements_equal_pillows_resize_to_the_edges(name, own, scale):
    image = torch.rand(1, 3, *own)
    size = own[0] * scale[0], own[1] * scale[1]
    torch.testing.assert_close(
        InterpolatedImage.like_pillow(image, name).render(size), pillow(image, size, name), atol=2e-5, rtol=0
    )


@pytest.mark.parametrize("name", ["bilinear", "bicubic", "lanczos"])
@settings(max_examples=25)
@given(own=st.tuples(st.integers(2, 20), st.integers(2, 20)), size=st.tuples(*[st.integers(1, 45)] * 2))
def test_any_size_equals_pillows_resize_smaller_ones_too(name, own, size):
    image = torch.rand(1, 1, *own)
    torch.testing.assert_close(
        InterpolatedImage.like_pillow(image, name).render(size), pillow(image, size, name), atol=5e-5, rtol=0
    )


@pytest.mark.parametrize("name", NAMES)
def test_at_its_own_size_the_image_comes_back(name):
    image = torch.rand(2, 3, 7, 5)
    torch.testing.assert_close(InterpolatedImage.like_pillow(image, name).render((7, 5)), image)


@pytest.mark.parametrize("name", NAMES)
def test_rendering_equals_querying_windows_equal_crops_and_tiles_do_not_show(name):
    function = InterpolatedImage.like_pillow(torch.rand(2, 3, 5, 4), name)
    size = (15, 20)
    whole = function.render(size)
    grid = pixel_grid(size).flatten(0, 1)
    queried = function(grid, torch.tensor(pixel_cell(size))).movedim(-1, 1).unflatten(-1, size)
    torch.testing.assert_close(queried, whole, atol=1e-4, rtol=0)
    crop = function.render((6, 9), pixel_window((3, 8, 9, 17), size))
    torch.testing.assert_close(crop, whole[:, :, 3:9, 8:17], atol=1e-5, rtol=0)
    torch.testing.assert_close(
        InterpolatedImage.like_pillow(function.image, name, Bounds(tile=7)).render(size), whole, atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_flat_image_stays_flat_up_to_the_edges(name):
    drawn = InterpolatedImage.like_pillow(torch.full((1, 1, 3, 4), 0.3), name).render((31, 17))
    torch.testing.assert_close(drawn, torch.full_like(drawn, 0.3))
