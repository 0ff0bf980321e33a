"""Effective kernels: known ones are recovered, and their numbers are those of kernels that are known."""

import math

import numpy as np
import pytest
import torch

from amortized_sr.analysis.kernels import PHASES, effective_kernels, kernel_numbers, local_kernel
from amortized_sr.analysis.places import Place, typical_places
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.model_builder import build_model

MIDDLE = Place("edge", 8, 9)


def forward_of(name):
    return lambda image: InterpolatedImage.like_pillow(image, name)


def lanczos(distance):
    return np.sinc(distance) * np.sinc(distance / 3) * (np.abs(distance) < 3)


def test_the_kernel_of_bilinear_interpolation_is_the_tent():
    found = local_kernel(forward_of("bilinear"), torch.rand(1, 3, 17, 18), MIDDLE)
    tent = (1 - found.offset.abs()).clamp(min=0)
    torch.testing.assert_close(found.profile, tent, atol=1e-6, rtol=0)
    assert len(found.offset) == PHASES * 18
    assert (found.offset.diff() > 0).all()
    expected = torch.zeros(17, 18, dtype=torch.float64)
    expected[8:10, 9:11] = 0.25
    torch.testing.assert_close(found.kernel, expected, atol=1e-6, rtol=0)


def test_lanczos_kernel_is_recovered():
    found = local_kernel(forward_of("lanczos"), torch.rand(1, 1, 17, 18), MIDDLE)
    offset = found.offset.numpy()
    # Pillow's weights are divided by their sum: over all pixels with the same phase.
    pixels = np.arange(-9, 9)
    total = np.array([lanczos((value % 1) + pixels).sum() for value in offset])
    np.testing.assert_allclose(found.profile.numpy(), lanczos(offset) / total, atol=1e-6)


def test_a_kernel_is_linear_in_both_axes_and_needs_no_image_for_a_linear_map():
    position = torch.tensor([[7.25, 9.5]], dtype=torch.float64)
    one, other = (effective_kernels(forward_of("bicubic"), torch.rand(1, 3, 16, 20), position) for _ in range(2))
    torch.testing.assert_close(one, other, atol=1e-6, rtol=0)
    rank = torch.linalg.svdvals(one[0])
    assert rank[1] < 1e-6 < rank[0]


def test_a_network_has_the_kernel_that_differences_see(small_config):
    model = build_model(small_config).double().eval().requires_grad_(False)
    for parameter in model.head.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    image, position = torch.rand(1, 3, 7, 8).double(), torch.tensor([[3.2, 4.4]], dtype=torch.float64)
    (kernel,) = effective_kernels(model.encode, image, position)
    for row, column in ((3, 4), (2, 6), (4, 4)):
        move = torch.zeros_like(image)
        move[..., row, column] = 1e-5
        coord = (2 * position + 1) / torch.tensor([7.0, 8.0]) - 1
        high, low = (float(model.encode(image + sign * move)(coord).mean()) for sign in (1, -1))
        assert float(kernel[row, column]) == pytest.approx((high - low) / 2e-5, rel=1e-4, abs=1e-8)
    bicubic = effective_kernels(forward_of("bicubic"), image, position)[0]
    assert (kernel - bicubic).abs().max() > 1e-2


def test_numbers_of_an_even_kernel():
    kernel = torch.zeros(9, 9)
    kernel[4:6, 4:6] = 0.25
    found = kernel_numbers(kernel, (4.5, 4.5))
    assert found.total == pytest.approx(1)
    assert found.negative == 0
    assert found.pixels == pytest.approx(4)
    assert found.reach == pytest.approx(math.hypot(0.5, 0.5))
    assert found.elongation == pytest.approx(1)


def test_numbers_of_a_long_kernel_with_negative_weights():
    kernel = torch.zeros(9, 9)
    kernel[4:6, 1:9] = torch.tensor([-0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, -0.5])
    found = kernel_numbers(kernel, (4.5, 4.5))
    assert found.total == pytest.approx(4)
    assert found.negative == pytest.approx(0.25)
    assert found.pixels == pytest.approx(16)
    assert found.reach == pytest.approx(math.hypot(0.5, 3.5))
    # Deviations of two and of eight even steps.
    assert found.elongation == pytest.approx(math.sqrt((8**2 - 1) / (2**2 - 1)))


def test_a_row_has_no_breadth_and_no_weights_have_no_numbers():
    assert kernel_numbers(torch.tensor([[0.5, 0.5]]), (0.0, 0.5)).elongation is None
    nothing = kernel_numbers(torch.zeros(3, 3), (1.0, 1.0))
    assert (nothing.total, nothing.pixels, nothing.reach) == (0, None, None)


def test_the_patch_of_an_interpolation_depends_on_the_pixels_around_it_alone():
    found = local_kernel(forward_of("bilinear"), torch.rand(1, 1, 17, 18), MIDDLE)
    reached = (found.dependence > 1e-9).nonzero()
    # Points up to 0.75 pixels away depend on pixels up to a pixel farther.
    assert reached.amin(dim=0).tolist() == [7, 8]
    assert reached.amax(dim=0).tolist() == [9, 10]
    assert float(found.pattern.square().sum()) == pytest.approx(1)
    assert 0 < found.share < 1
    # A patch changes most if the whole neighbourhood becomes brighter.
    assert (found.pattern[7:10, 8:11] > 0).all()


def test_places_are_where_they_must_be():
    image = torch.full((1, 1, 40, 60), 0.2)
    image[..., 20:] = 0.8  # an edge from column 20 to 40
    image[..., 40:] = 0.5 + 0.3 * torch.rand(40, 20)  # texture
    found = {place.name: place for place in typical_places(image)}
    assert list(found) == ["flat", "edge", "texture"]
    assert found["flat"].column < 17 or 23 <= found["flat"].column < 37
    assert abs(found["edge"].column - 20) <= 2
    assert found["texture"].column >= 38
    assert all(8 <= place.row < 32 and 8 <= place.column < 52 for place in found.values())


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2), (3, 20)])
def test_narrow_and_constant_images_have_a_flat_place_and_a_kernel(shape):
    image = torch.full((1, 3, *shape), 0.5)
    places = typical_places(image)
    assert [place.name for place in places] == ["flat"]
    found = local_kernel(forward_of("bicubic"), image, places[0])
    assert found.kernel.shape == shape
    assert found.numbers.total == pytest.approx(1, abs=1e-6)


def test_a_straight_edge_has_no_texture():
    image = torch.zeros(1, 1, 20, 20)
    image[..., 10:] = 1
    assert [place.name for place in typical_places(image)] == ["flat", "edge"]
