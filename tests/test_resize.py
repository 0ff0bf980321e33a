import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from amortized_sr.resize import interpolation_kernel


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
