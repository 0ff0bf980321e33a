"""A box footprint is the exact mean over its area, for the interpolated image, the field and their sum."""

import dataclasses
import math
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from windows import windows

from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.choices import FieldName, Footprint, InterpolationName, Neighbors
from amortized_sr.coords import pixel_cell, pixel_window
from amortized_sr.fields.hyper import HyperField
from amortized_sr.grids import pixel_grid, position_coord
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.latent import Latent
from amortized_sr.model_builder import build_model
from amortized_sr.model_config import ModelConfig
from amortized_sr.resize import interpolation_kernel, square_kernel

SIZE = (12, 16)
CONFIG = ModelConfig(encoder_width=6, encoder_blocks=1, head_width=8, frequencies=2)

middles = st.tuples(st.floats(4, 7), st.floats(4, 11))
extents = st.tuples(st.floats(0.01, 2), st.floats(0.01, 2))


def positions():
    return torch.meshgrid(*(torch.arange(side, dtype=torch.float64) for side in SIZE), indexing="ij")


def asked(function, middle, extent):
    """Return the colour over a footprint, whose middle and extent are in pixels."""
    coord = position_coord(torch.tensor([middle], dtype=torch.float64), SIZE)
    cell = torch.tensor(extent, dtype=torch.float64) * 2 / torch.tensor(SIZE, dtype=torch.float64)
    return function(coord, cell).item()


def loud(config=CONFIG):
    """Return the function of a random image by a model in float64 whose field says much."""
    model = build_model(config).double()
    for parameter in [*model.head.parameters(), *model.field.parameters()]:
        nn.init.normal_(parameter, std=0.5)
    return model.encode(torch.rand(1, 3, *SIZE, dtype=torch.float64))


@pytest.mark.parametrize("name", get_args(InterpolationName))
@given(middle=middles, extent=extents)
def test_a_box_of_a_linear_ramp_is_exact(name, middle, extent):
    y, x = positions()
    ramp = InterpolatedImage((0.3 * y - 0.2 * x + 1)[None, None], interpolation_kernel(name, region=True))
    assert asked(ramp, middle, extent) == pytest.approx(0.3 * middle[0] - 0.2 * middle[1] + 1, abs=1e-5)


@pytest.mark.parametrize("neighbors", get_args(Neighbors))
@given(middle=middles, extent=extents)
def test_a_box_of_a_linear_ramp_that_the_field_draws_is_exact(neighbors, middle, extent):
    # Codes 1, sin(t e) / e: a line within every cell, and blended lines that agree are that line.
    field = HyperField(1, 1, neighbors, "box", 0.0).double()
    slow = 1e-3
    with torch.no_grad():
        field.basis.frequency.fill_(slow / math.pi)
    y, x = positions()
    codes = torch.zeros(1, 9, *SIZE, dtype=torch.float64)
    codes[0, 0] = 0.3 * y - 0.2 * x + 1
    codes[0, 2], codes[0, 6] = -0.2 / slow, 0.3 / slow  # the sine of x, the sine of y
    function = AmortizedImage(field, Latent(codes, SIZE, 1), None)
    assert asked(function, middle, extent) == pytest.approx(0.3 * middle[0] - 0.2 * middle[1] + 1, abs=1e-4)


@given(middle=middles, extent=extents)
def test_a_box_of_a_parabola_is_its_mean_and_a_point_is_not(middle, extent):
    y, x = positions()
    curved = (0.1 * y * y + 0.05 * x * x)[None, None]
    point = 0.1 * middle[0] ** 2 + 0.05 * middle[1] ** 2
    mean = point + 0.1 * extent[0] ** 2 / 12 + 0.05 * extent[1] ** 2 / 12
    exact, centre = (InterpolatedImage(curved, interpolation_kernel("bicubic", region)) for region in (True, False))
    assert asked(exact, middle, extent) == pytest.approx(mean, abs=1e-4)
    assert asked(centre, middle, extent) == pytest.approx(point, abs=1e-4)


@pytest.mark.parametrize("neighbors", get_args(Neighbors))
def test_a_box_of_a_model_is_the_mean_of_its_points(neighbors):
    function = loud(dataclasses.replace(CONFIG, neighbors=neighbors))
    window = pixel_window((3, 4, 5, 8), SIZE)
    mean = function.with_footprint("box").render((2, 2), window)
    side = 120
    points = function.with_footprint("point").render((2 * side, 2 * side), window)
    sampled = nn.functional.avg_pool2d(points, side)
    # One cell alone jumps at its borders, where sampling errs.
    torch.testing.assert_close(mean, sampled, atol=3e-3 if neighbors == 4 else 5e-2, rtol=0)
    assert (function.with_footprint("point").render((2, 2), window) - sampled).abs().max() > 0.1


@pytest.mark.parametrize("footprint", get_args(Footprint))
@settings(max_examples=8)
@given(size=st.tuples(st.integers(1, 40), st.integers(1, 40)), window=windows())
def test_grids_equal_points_for_every_footprint_that_is_asked_for(footprint, size, window):
    function = loud().with_footprint(footprint)
    grid = pixel_grid(size, window, torch.float64).flatten(0, 1)
    queried = function(grid, torch.tensor(pixel_cell(size, window), dtype=torch.float64))
    torch.testing.assert_close(
        function.render(size, window), queried.movedim(-1, 1).unflatten(-1, size), atol=2e-4, rtol=0
    )


@pytest.mark.parametrize("footprint", get_args(Footprint))
def test_windows_equal_crops_for_every_footprint_that_is_asked_for(footprint):
    function = loud().with_footprint(footprint)
    whole = function.render((30, 50))
    part = function.render((7, 20), pixel_window((5, 11, 12, 31), (30, 50)))
    torch.testing.assert_close(part, whole[..., 5:12, 11:31], atol=1e-4, rtol=0)


@pytest.mark.parametrize("scale", [1.5, 2, 3, 3.7, 4, 8])
@pytest.mark.parametrize("footprint", ["gauss", "box"])
def test_a_field_that_keeps_the_tone_moves_hardly_any_mean_above_scale_1(footprint, scale):
    # All codes of a plain image are equal, so what one of them adds is what the picture's mean moves by.
    size = round(12 * scale), round(16 * scale)

    def moved(keeps_tone):
        torch.manual_seed(0)
        model = build_model(dataclasses.replace(CONFIG, footprint=footprint, keeps_tone=keeps_tone)).double()
        with torch.no_grad():
            for parameter in model.head.parameters():
                nn.init.normal_(parameter, std=0.5)
            last = model.head.get_submodule("4")
            if keeps_tone:
                last.bias.mul_(model.head.mask.flatten())
                last.weight.mul_(model.head.mask[..., None])
            model.field.basis.frequency.copy_(torch.tensor([0.76, 1.5]))
            drawn = model.encode(torch.full((1, 3, *SIZE), 0.6, dtype=torch.float64)).render(size)
        return ((drawn.mean(dim=(2, 3)) - 0.6).abs().max() / (drawn - 0.6).square().mean().sqrt()).item()

    assert moved(True) < (1e-6 if footprint == "box" else 0.03)  # Pixels of `gauss` are samples.
    assert moved(False) > 0.3


@pytest.mark.parametrize("trained", get_args(Footprint))
def test_the_footprint_of_the_training_changes_nothing_and_parameters_are_shared(trained):
    function = loud(dataclasses.replace(CONFIG, footprint=trained))
    same = function.with_footprint(trained)
    assert torch.equal(same.render((20, 30)), function.render((20, 30)))
    assert same.field.basis.frequency is function.field.basis.frequency
    point = function.with_footprint("point")
    assert (point.render((20, 30)) - same.render((20, 30))).abs().max() > (0.01 if trained != "point" else -1)
    assert torch.equal(function.render((20, 30)), same.render((20, 30)))


@pytest.mark.parametrize("trained", ["point", "box"])
def test_a_width_that_was_not_learned_is_refused(trained):
    with pytest.raises(ValueError, match=f"trained with the footprint {trained} and have no width for gauss; ask for"):
        loud(dataclasses.replace(CONFIG, footprint=trained)).with_footprint("gauss")


@pytest.mark.parametrize("field", [name for name in get_args(FieldName) if name != "hyper"])
def test_fields_without_footprints_are_refused(field):
    with pytest.raises(ValueError, match="Field has no footprints to choose from; use a `hyper` field"):
        loud(dataclasses.replace(CONFIG, field=field, field_width=8, field_depth=2)).with_footprint("box")


def test_a_model_without_a_base_image_has_footprints_too():
    function = loud(dataclasses.replace(CONFIG, skip="none")).with_footprint("box")
    fine, coarse = function.render((24, 32)), function.render((12, 16))
    torch.testing.assert_close(nn.functional.avg_pool2d(fine, 2), coarse, atol=1e-4, rtol=0)


@given(middle=middles, extent=extents)
def test_flat_squares_have_exact_means(middle, extent):
    # Half of the picture is white: the mean is the share of the footprint in it.
    image = torch.zeros(1, 1, *SIZE, dtype=torch.float64)
    image[..., 8:] = 1
    low, high = middle[1] - extent[1] / 2, middle[1] + extent[1] / 2
    share = max(0.0, high - max(low, 7.5)) / extent[1]
    assert asked(InterpolatedImage(image, square_kernel()), middle, extent) == pytest.approx(share, abs=1e-5)
