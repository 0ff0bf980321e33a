import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from amortized_sr.data.mnist import read_digits
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.metrics import psnr
from amortized_sr.resize import blur, enlarge, interpolation_kernel, shrink, shrink_height, shrink_width


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


def test_an_enlarged_image_shrinks_back_to_itself(shared_data):
    digits = read_digits(shared_data / "data", train=True, limit=64)
    plain, corrected = (shrink(enlarge(digits, (56, 56), rounds), (28, 28)) for rounds in (0, 3))
    assert psnr(plain, digits).mean() < 30
    assert psnr(corrected, digits).mean() > 39


def test_enlarging_without_correction_is_pillows_bicubic():
    image = torch.rand(1, 3, 9, 7)
    expected = InterpolatedImage.like_pillow(image, "bicubic").render((20, 16)).clamp(0, 1)
    torch.testing.assert_close(enlarge(image, (20, 16), rounds=0), expected, atol=1e-6, rtol=0)


def test_a_corrected_enlargement_stays_in_range_and_keeps_flat_images():
    flat = enlarge(torch.full((1, 1, 5, 4), 0.7), (11, 9))
    torch.testing.assert_close(flat, torch.full((1, 1, 11, 9), 0.7), atol=1e-6, rtol=0)
    noise = enlarge((torch.rand(2, 1, 8, 8) > 0.5).float(), (16, 24))
    assert noise.min() >= 0
    assert noise.max() <= 1


def test_box_shrinking_is_the_exact_mean_at_any_ratio():
    # Each of 30 pixels as 7 points, of which a pixel of the result holds 30.
    image = torch.rand(2, 3, 30, 30)
    points = image.repeat_interleave(7, 2).repeat_interleave(7, 3)
    expected = torch.nn.functional.avg_pool2d(points, 30)
    torch.testing.assert_close(shrink_height(shrink_width(image, 7, "box"), 7, "box"), expected)


@pytest.mark.parametrize("sigma", [0.0, 0.7, 2.5])
def test_a_blur_has_the_deviation_that_it_is_asked_for_and_keeps_flat_images(sigma):
    point = torch.zeros(1, 1, 41, 41)
    point[..., 20, 20] = 1
    distance = torch.arange(-20.0, 21.0)
    for axis in (2, 3):
        spread = (blur(point, sigma).sum(dim=axis)[0, 0] * distance.square()).sum().sqrt()
        assert spread == pytest.approx(sigma, rel=0.04)
    torch.testing.assert_close(blur(torch.full((1, 2, 3, 4), 0.3), sigma), torch.full((1, 2, 3, 4), 0.3))
