"""Derivatives are those of formulas that are known, and of every kind of function as differences see them."""

import math
from typing import get_args

import pytest
import torch
from formula import Formula
from torch import nn

from amortized_sr.analysis.points import colours_at, derivatives, sample_positions
from amortized_sr.baselines.fitting import FittedImage
from amortized_sr.baselines.networks import CoordinateNetworks
from amortized_sr.choices import FieldName, Footprint, Interpolation, NetworkName, Normalization
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.model_builder import build_model
from amortized_sr.model_config import ModelConfig

PIXELS = sample_positions((6, 8), 2)


def test_a_sine_has_its_analytic_gradient_and_laplacian():
    down, right = 0.9, 0.4
    sine = Formula(lambda y, x: torch.sin(down * y + right * x))
    found = derivatives(sine, PIXELS)
    angle = down * PIXELS[..., 0] + right * PIXELS[..., 1]
    expected = torch.cos(angle)[..., None] * torch.tensor([down, right])
    torch.testing.assert_close(found.gradient, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.laplacian, -(down**2 + right**2) * torch.sin(angle), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("colour", "gradient", "laplacian"),
    [
        (lambda y, x: torch.ones_like(y), (0.0, 0.0), 0.0),
        (lambda y, x: 3 * y - 2 * x, (3.0, -2.0), 0.0),
        (lambda y, x: x * x, (0.0, None), 2.0),
        (lambda y, x: x * y, (None, None), 0.0),
    ],
)
def test_polynomials_have_their_derivatives(colour, gradient, laplacian):
    found = derivatives(Formula(colour), PIXELS)
    for axis, value in enumerate(gradient):
        if value is not None:
            assert found.gradient[..., axis].allclose(torch.tensor(value, dtype=torch.float64), atol=1e-9)
    assert found.laplacian.allclose(torch.tensor(laplacian, dtype=torch.float64), atol=1e-9)


def test_a_bilinear_image_has_no_curvature_and_a_nearest_one_no_slope_between_pixels():
    image = torch.rand(1, 3, 6, 8, dtype=torch.float64)
    bilinear = derivatives(InterpolatedImage.like_pillow(image, "bilinear"), PIXELS)
    assert bilinear.laplacian.abs().max() < 1e-9
    assert bilinear.gradient.abs().max() > 0.1
    nearest = derivatives(InterpolatedImage.like_pillow(image, "nearest"), PIXELS)
    assert (nearest.gradient == 0).all()
    assert (nearest.laplacian == 0).all()


def assert_equal_to_differences(function, tolerance=1e-5):
    """Compare with central differences; a network of ReLUs may have a kink between two of some points."""
    position = 1.3 + 2.9 * torch.rand(40, 2, dtype=torch.float64)
    step = 1e-4
    found = derivatives(function, position)
    assert found.gradient.isfinite().all()
    second = torch.zeros(40, dtype=torch.float64)
    for axis in (0, 1):
        move = torch.zeros(2, dtype=torch.float64)
        move[axis] = step
        low, middle, high = (colours_at(function, position + sign * move).mean(-1) for sign in (-1, 0, 1))
        slope = (high - low) / (2 * step)
        close = torch.isclose(found.gradient[:, axis], slope, atol=tolerance, rtol=1e-3)
        assert close.double().mean() >= 0.9
        second += (high - 2 * middle + low) / step**2
    assert torch.isclose(found.laplacian, second, atol=30 * tolerance, rtol=1e-2).double().mean() >= 0.9
    assert found.gradient.abs().max() > 100 * tolerance


@pytest.mark.parametrize("name", [name for name in get_args(Interpolation) if name != "nearest"])
def test_interpolated_images_have_the_slopes_that_differences_see(name):
    assert_equal_to_differences(InterpolatedImage.like_pillow(torch.rand(1, 3, 6, 6).double(), name))


@pytest.mark.parametrize(
    ("field", "footprint"),
    [("hyper", footprint) for footprint in get_args(Footprint)] + [(name, "point") for name in get_args(FieldName)],
)
def test_every_field_has_the_slopes_that_differences_see(field, footprint):
    config = ModelConfig(
        field=field, footprint=footprint, encoder_width=8, encoder_blocks=1, head_width=16, frequencies=2, functions=4,
        field_width=16, field_depth=2,
    )  # fmt: skip
    model = build_model(config).double().eval().requires_grad_(False)
    # What a fresh model adds to the interpolation is almost nothing.
    for parameter in [*model.head.parameters(), *model.field.parameters()]:
        nn.init.normal_(parameter, std=0.3)
    function = model.encode(torch.rand(1, 3, 6, 6).double())
    base = function.base
    position = sample_positions((6, 6), 2)
    assert base is None or (colours_at(function, position) - colours_at(base, position)).abs().max() > 1e-2
    assert_equal_to_differences(function)


@pytest.mark.parametrize("coords", [None, *get_args(Normalization)])
@pytest.mark.parametrize("network", get_args(NetworkName))
def test_every_fitted_network_has_the_slopes_that_differences_see(network, coords):
    # Growing frequencies are not differentiated in training: here they have to be.
    networks = CoordinateNetworks(network, 1, (6, 6), 3, seed=0).double().requires_grad_(False)
    for bias in networks.biases:
        nn.init.normal_(bias, std=0.1)
    assert_equal_to_differences(FittedImage(networks, coords, (6, 6), region=2))


def test_functions_made_in_inference_mode_are_differentiated_too(small_config):
    model = build_model(small_config).eval().requires_grad_(False)
    image = torch.rand(1, 3, 5, 7)
    with torch.inference_mode():
        function = model.encode(image)
    position = sample_positions((5, 7), 2)
    found, expected = derivatives(function, position), derivatives(model.encode(image), position)
    torch.testing.assert_close(found.gradient, expected.gradient)
    torch.testing.assert_close(found.laplacian, expected.laplacian)
    assert found.gradient.abs().max() > 0.01


def test_samples_divide_pixels_evenly_and_avoid_their_centres():
    assert sample_positions((1, 2), 2)[0].tolist() == [[-0.25, -0.25], [-0.25, 0.25], [-0.25, 0.75], [-0.25, 1.25]]
    assert sample_positions((2, 1), 1)[:, 0].tolist() == [[0, 0], [1, 0]]


def test_colours_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="returns NaN or infinity; a fit that diverged"):
        colours_at(Formula(lambda y, x: y * math.nan), PIXELS)
