"""The promises of autoencoders, for every decoder."""

import dataclasses
import math
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from windows import windows

from amortized_sr.autoencoder_config import AutoencoderConfig
from amortized_sr.choices import DecoderName
from amortized_sr.compute import Bounds
from amortized_sr.coords import pixel_cell, pixel_window
from amortized_sr.grids import pixel_grid
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.model_builder import build_autoencoder

SMALL = AutoencoderConfig(
    code=16,
    encoder_width=4,
    hidden=12,
    decoder_width=8,
    rank=3,
    functions=6,
    field_width=8,
    field_depth=2,
    components=0,
)
GREY = [dataclasses.replace(SMALL, decoder=decoder) for decoder in get_args(DecoderName)]
COLOUR = dataclasses.replace(SMALL, channels=3, frame=64, grid=8, code=64, code_grid=4)
ALL = [*GREY, COLOUR]
NUMBERS = {field.name: field.type for field in dataclasses.fields(AutoencoderConfig) if field.type in (int, float)}


def name(config):
    return f"{config.decoder}-{config.channels}-{config.frame}-{config.code_grid}"


def make(config):
    """Return an autoencoder in float64 whose pictures and codes are loud."""
    torch.manual_seed(0)
    autoencoder = build_autoencoder(config).double()
    for parameter in [*autoencoder.decoder.parameters(), *autoencoder.field.parameters()]:
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=math.sqrt(2 / parameter[0].numel()))
    return autoencoder


def function_of(config):
    function = make(config).decode(torch.randn(2, config.code, dtype=torch.float64))
    assert 0.1 < function.render((9, 9)).std() < 100
    return function


def image(config, height, width, batch=2):
    return torch.rand(batch, config.channels, height, width, dtype=torch.float64)


sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


# --- the drawn function ---


@pytest.mark.parametrize("config", ALL, ids=name)
@settings(max_examples=5)
@given(size=sizes, window=windows())
def test_rendering_a_grid_equals_querying_its_points(config, size, window):
    function = function_of(config)
    grid = pixel_grid(size, window, torch.float64).flatten(0, 1)
    cell = torch.tensor(pixel_cell(size, window), dtype=torch.float64)
    queried = function(grid, cell).movedim(-1, 1).unflatten(-1, size)
    # Grid positions are multiples of 2^-22 of a cell.
    torch.testing.assert_close(function.render(size, window), queried, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("config", ALL, ids=name)
@settings(max_examples=5)
@given(size=st.tuples(st.integers(2, 60), st.integers(2, 60)), cut=st.tuples(*[st.floats(0, 1)] * 4))
def test_a_window_equals_the_crop_of_the_whole(config, size, cut):
    top, left = int(cut[0] * (size[0] - 1)), int(cut[1] * (size[1] - 1))
    bottom = top + 1 + int(cut[2] * (size[0] - top - 1))
    right = left + 1 + int(cut[3] * (size[1] - left - 1))
    function = function_of(config)
    window = pixel_window((top, left, bottom, right), size)
    crop = function.render(size)[:, :, top:bottom, left:right]
    torch.testing.assert_close(function.render((bottom - top, right - left), window), crop, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("config", ALL, ids=name)
def test_tiles_do_not_show_at_twice_and_at_odd_sizes(config):
    function = function_of(config)
    for size, tile in (((56, 56), 20), ((13, 22), 9), ((64, 3), 50)):
        tiled = dataclasses.replace(function, bounds=Bounds(tile=tile))
        torch.testing.assert_close(tiled.render(size), function.render(size), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("config", ALL, ids=name)
def test_images_of_a_batch_do_not_influence_each_other(config):
    autoencoder = make(config)
    batch = image(config, 11, 9, batch=3)
    codes, drawn = autoencoder.encode(batch), autoencoder(batch, (9, 11))
    assert codes.std(dim=0).min() > 0
    for index in range(3):
        torch.testing.assert_close(autoencoder.encode(batch[index : index + 1]), codes[index : index + 1])
        torch.testing.assert_close(autoencoder(batch[index : index + 1], (9, 11)), drawn[index : index + 1])


def test_the_function_of_a_code_has_the_frames_size_unless_told_another():
    autoencoder = make(SMALL)
    code = torch.zeros(1, SMALL.code, dtype=torch.float64)
    assert autoencoder.decode(code).size == (28, 28)
    named = autoencoder.decode(code, size=(7, 9))
    assert named.size == (7, 9)
    torch.testing.assert_close(named.render((12, 12)), autoencoder.decode(code).render((12, 12)))


@pytest.mark.parametrize("cell", [(0, 0), (2, 1), (3, 3)])
def test_a_cell_of_a_grid_of_codes_describes_its_part_of_the_image(cell):
    config = dataclasses.replace(COLOUR, decoder_blocks=0)
    autoencoder = make(config)
    code = torch.randn(1, config.code, dtype=torch.float64)
    changed = code.clone().unflatten(1, (-1, 4, 4))
    changed[:, :, cell[0], cell[1]] += 1
    change = (autoencoder.decode(changed.flatten(1)).render((64, 64)) - autoencoder.decode(code).render((64, 64))).abs()
    # 16 pixels a cell; a 3x3 convolution and four neighbours reach two cells of the field further, 8 pixels each.
    near = torch.zeros(64, 64, dtype=torch.bool)
    rows, columns = (slice(max(0, 16 * number - 16), 16 * number + 32) for number in cell)
    near[rows, columns] = True
    assert change[..., ~near].max() < 1e-6
    assert change[..., 16 * cell[0] : 16 * cell[0] + 16, 16 * cell[1] : 16 * cell[1] + 16].mean() > 0.01


# --- codes ---


@pytest.mark.parametrize("config", ALL, ids=name)
@pytest.mark.parametrize("size", [(1, 1), (7, 7), (28, 28), (13, 40), (5, 2000), (2000, 5)])
def test_an_image_of_any_size_becomes_a_code(config, size):
    codes = build_autoencoder(config).encode(torch.rand(2, config.channels, *size))
    assert codes.shape == (2, config.code)
    assert codes.isfinite().all()
    assert codes.dtype == torch.float32


def test_an_image_of_one_pixel_is_an_even_one_that_is_known_to_be_small():
    autoencoder = make(SMALL)
    single, even = torch.full((1, 1, 1, 1), 0.7).double(), torch.full((1, 1, 28, 28), 0.7).double()
    assert (autoencoder.encode(single) - autoencoder.encode(even)).abs().max() > 0.01


def test_the_encoder_sees_how_large_the_image_was():
    autoencoder = make(SMALL)
    small = image(SMALL, 7, 7)
    # The same frame, and so the same colours for the encoder.
    enlarged = InterpolatedImage.like_pillow(small, "bicubic").render((28, 28))
    torch.testing.assert_close(InterpolatedImage.like_pillow(enlarged, "bicubic").render((28, 28)), enlarged)
    assert (autoencoder.encode(small) - autoencoder.encode(enlarged)).abs().max() > 0.01
    # The shorter side counts, and no detail is finer than the frame's.
    evens = [autoencoder.encode(torch.full((1, 1, *size), 0.3).double()) for size in ((28, 28), (56, 31), (7, 40))]
    torch.testing.assert_close(evens[0], evens[1])
    assert (evens[0] - evens[2]).abs().max() > 0.01


@pytest.mark.parametrize("config", ALL, ids=name)
@pytest.mark.parametrize("size", [(7, 7), (14, 14), (28, 28), (10, 23)])
def test_every_parameter_gets_a_gradient(config, size):
    torch.manual_seed(0)
    autoencoder = build_autoencoder(config)
    # Film's head starts at zero and passes gradients on only after it has moved.
    optimizer = torch.optim.SGD(autoencoder.parameters(), lr=0.1)
    for _ in range(2 if config.decoder == "film" else 1):
        optimizer.zero_grad()
        given, target = (torch.rand(4, config.channels, *shape) for shape in (size, (28, 28)))
        (autoencoder(given, (28, 28)) - target).square().mean().backward()
        optimizer.step()
    without = [key for key, value in autoencoder.named_parameters() if value.grad is None or not value.grad.any()]
    assert without == []


@pytest.mark.slow
@pytest.mark.parametrize("config", ALL, ids=name)
def test_a_few_steps_of_training_lower_the_error(config):
    torch.manual_seed(0)
    autoencoder = build_autoencoder(config)
    given = torch.rand(8, config.channels, 4, 4)
    target = InterpolatedImage.like_pillow(given, "bicubic").render((12, 12))
    optimizer = torch.optim.Adam(autoencoder.parameters(), lr=3e-3)
    errors = []
    for _ in range(30):
        optimizer.zero_grad()
        error = (autoencoder(given, (12, 12)) - target).square().mean()
        error.backward()
        optimizer.step()
        errors.append(error.item())
    assert errors[-1] < 0.5 * errors[0]


# --- bad input ---


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 3, 28, 28), (0, 1, 28, 28), (1, 1, 0, 28)])
def test_wrong_image_shapes_are_refused_with_the_shape(shape):
    with pytest.raises((ValueError, TypeError), match=r"image must have shape \(batch, 1, height, width\)|annotation"):
        build_autoencoder(SMALL).encode(torch.rand(shape))


@pytest.mark.parametrize("shape", [(1, 15), (1, 17), (1, 0)])
def test_codes_of_another_length_are_refused_with_both(shape):
    with pytest.raises(ValueError, match=rf"a code of this model has 16 numbers, got \(1, {shape[1]}\)"):
        build_autoencoder(SMALL).decode(torch.zeros(shape))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_codes_that_are_not_finite_are_refused(value):
    code = torch.zeros(2, 16)
    code[1, 3] = value
    with pytest.raises(ValueError, match="holds NaN or infinity"):
        build_autoencoder(SMALL).decode(code)


# --- the record ---


@pytest.mark.parametrize("setting", NUMBERS)
@pytest.mark.parametrize("value", [-1, 10**9])
def test_every_number_has_bounds(setting, value):
    value = NUMBERS[setting](value)
    with pytest.raises(ValueError, match=rf"{setting} must be between .* and .*, got {value}"):
        AutoencoderConfig(**{setting: value})


def test_all_settings_but_two_are_numbers():
    assert {field.name for field in dataclasses.fields(AutoencoderConfig)} - {*NUMBERS} == {"channels", "decoder"}


@pytest.mark.parametrize("setting", ["mean", "deviation", "finest_cell"])
def test_numbers_that_are_none_are_refused(setting):
    with pytest.raises(ValueError, match=rf"{setting} must be between .* and .*, got nan"):
        AutoencoderConfig(**{setting: math.nan})


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"code_grid": 2, "decoder": "film"}, "code_grid 2 needs the decoder linear, got film"),
        ({"code_grid": 4, "grid": 8, "code": 24}, "code must be a multiple of 16 for code_grid 4, got 24"),
        ({"code_grid": 4, "grid": 8, "frame": 30}, "frame must be a multiple of 4 for code_grid 4, got 30"),
        ({"decoder": "modulated", "grid": 33}, "grid must be at most 32 for the decoder modulated, got 33"),
        ({"code_grid": 4}, "grid must be a multiple of 4 for code_grid 4, got 7"),
    ],
)
def test_settings_that_do_not_fit_each_other_are_refused(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        AutoencoderConfig(**settings)


@pytest.mark.parametrize("frame", [4, 5, 29, 64, 100])
def test_frames_of_any_side_can_be_encoded(frame):
    config = dataclasses.replace(SMALL, frame=frame)
    assert build_autoencoder(config).encode(torch.rand(1, 1, 9, 9)).shape == (1, 16)
