import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from amortized_sr.resize import degrade, interpolation_kernel


def _pillow(image, size):
    picture = Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    return np.asarray(picture)


@settings(max_examples=60)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    scale=st.floats(1.0, 8.0),
    seed=st.integers(0, 2**32 - 1),
)
def test_degrade_is_pillows_antialiased_bicubic_within_one_level(height, width, scale, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    size = max(1, round(height / scale)), max(1, round(width / scale))
    ours = degrade(torch.from_numpy(image)[None, None].float() / 255, size)[0, 0] * 255
    assert np.abs(ours.numpy() - _pillow(image, size).astype(float)).max() <= 1.01


def test_degrade_gives_multiples_of_one_level():
    levels = degrade(torch.rand(1, 3, 31, 17), (9, 8)) * 255
    torch.testing.assert_close(levels, levels.round(), atol=1e-4, rtol=0)
    assert levels.min() >= 0
    assert levels.max() <= 255


def test_degrade_to_the_same_size_only_rounds():
    image = torch.rand(1, 1, 6, 5)
    torch.testing.assert_close(degrade(image, (6, 5)), (image * 255).round() / 255)


@pytest.mark.parametrize("name", ["bilinear", "bicubic"])
@given(offset=st.floats(-0.5, 0.5), cell=st.floats(0, 3))
def test_kernels_are_a_partition_of_unity_for_points_and_footprints(name, offset, cell):
    place = torch.arange(-6, 7, dtype=torch.float64) + offset
    for region in (False, True):
        weights = interpolation_kernel(name, region)(place, torch.tensor(cell, dtype=torch.float64))
        assert weights.sum().item() == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize("name", ["bilinear", "bicubic"])
@given(offset=st.floats(-3, 3), cell=st.floats(0.01, 3))
def test_the_mean_over_a_footprint_is_the_mean_of_the_points_in_it(name, offset, cell):
    points = offset + cell * ((torch.arange(4000, dtype=torch.float64) + 0.5) / 4000 - 0.5)
    exact = interpolation_kernel(name, region=True)(
        torch.tensor([offset], dtype=torch.float64), torch.tensor([cell], dtype=torch.float64)
    )
    sampled = interpolation_kernel(name)(points, torch.zeros(1, dtype=torch.float64)).mean()
    assert exact.item() == pytest.approx(sampled.item(), abs=1e-5)


@pytest.mark.parametrize("name", ["bilinear", "bicubic"])
def test_kernels_vanish_at_their_reach(name):
    for region, cell in ((False, 0.0), (True, 0.7)):
        kernel = interpolation_kernel(name, region)
        reach = torch.tensor([kernel.reach(cell), -kernel.reach(cell)], dtype=torch.float64)
        torch.testing.assert_close(
            kernel(reach, torch.tensor(cell, dtype=torch.float64)), torch.zeros(2, 1, dtype=torch.float64)
        )
