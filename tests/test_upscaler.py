import dataclasses
import io
import json
import math
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

from amortized_sr import upscale
from amortized_sr.compute import Bounds, Compute
from amortized_sr.continuous import ContinuousImage
from amortized_sr.coords import pixel_cell, pixel_window
from amortized_sr.devices import available_devices, choose_device
from amortized_sr.grids import pixel_grid
from amortized_sr.image_io import MAX_OUTPUT_PIXELS
from amortized_sr.latent import Latent, LatentError
from amortized_sr.model_builder import build_model
from amortized_sr.model_config import ModelConfig
from amortized_sr.picture_tensor import picture_to_tensor
from amortized_sr.sizes import scaled_size
from amortized_sr.upscaler import Upscaler
from amortized_sr.weights import TrainedModel, load_weights, save_weights
from amortized_sr.weights_header import WeightsError

grey = pytest.mark.parametrize("small_config", [1], indirect=True)


@pytest.fixture
def upscaler(small_weights) -> Upscaler:
    return Upscaler.from_pretrained(small_weights, "cpu")


def picture(mode: str, height: int, width: int) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values).convert(mode)


def assert_within_one_step(actual: Image.Image, expected: Image.Image) -> None:
    assert actual.mode == expected.mode
    assert actual.size == expected.size
    assert np.abs(np.array(actual, int) - np.array(expected, int)).max() <= 1


# --- what goes in comes out ---


@pytest.mark.parametrize("small_config", [1, 3], indirect=True)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_picture_stays_a_picture_of_its_mode(upscaler, mode):
    result = upscaler.upscale(picture(mode, 5, 7), 3.0)

    assert result.mode == mode
    assert result.size == (21, 15)


@pytest.mark.parametrize("small_config", [1, 3], indirect=True)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_batch_of_tensors_stays_one_with_its_channels(upscaler, channels):
    result = upscaler.upscale(torch.rand(2, channels, 5, 7), 3.0)

    assert result.shape == (2, channels, 15, 21)
    assert result.dtype == torch.float32


def test_an_upscaled_tensor_is_clamped_to_the_range_of_colours(upscaler):
    image = torch.rand(1, 3, 8, 8).round()
    unclamped = upscaler.encode(image).render((24, 24))
    assert unclamped.min() < 0
    assert unclamped.max() > 1

    result = upscaler.upscale(image, 3.0)

    torch.testing.assert_close(result, unclamped.clamp(0, 1))


def test_a_picture_and_its_tensor_give_the_same_colours(upscaler):
    image = picture("RGB", 6, 5)

    result = upscaler.upscale(image, 2.5)

    exact = upscaler.upscale(picture_to_tensor(image), 2.5)
    torch.testing.assert_close(picture_to_tensor(result), exact, rtol=0, atol=0.5001 / 255)


def test_an_encoded_picture_draws_pictures_and_an_encoded_tensor_tensors(upscaler):
    assert upscaler.encode(picture("RGB", 4, 4)).render((8, 8)).size == (8, 8)
    assert isinstance(upscaler.encode(torch.rand(1, 3, 4, 4)), ContinuousImage)


def test_an_encoded_picture_draws_what_upscale_gives(upscaler):
    image = picture("RGB", 5, 6)

    assert upscaler.encode(image).render((13, 17)) == upscaler.upscale(image, size=(13, 17))


def test_an_encoded_picture_answers_at_points(upscaler):
    function = upscaler.encode(picture("RGB", 5, 6))
    size = (7, 9)

    colours = function(pixel_grid(size).flatten(0, 1), torch.tensor(pixel_cell(size)))

    drawn = function.function.render(size)[0].flatten(1).T
    torch.testing.assert_close(colours, drawn, rtol=0, atol=1e-4)


def test_a_grey_picture_has_one_channel_at_points(upscaler):
    assert upscaler.encode(picture("L", 5, 6))(torch.zeros(4, 2)).shape == (4, 1)


def test_the_colour_profile_is_given_to_every_rendering(upscaler):
    image = picture("RGB", 4, 4)
    image.info["icc_profile"] = b"profile"

    assert upscaler.encode(image).render((8, 8)).info["icc_profile"] == b"profile"
    assert upscaler.upscale(image, 2.0).info["icc_profile"] == b"profile"


def test_the_picture_that_goes_in_is_not_changed(upscaler):
    image = picture("RGB", 4, 4)
    before = image.copy()

    upscaler.upscale(image, 2.0)

    assert image == before


def test_the_tensor_that_goes_in_is_not_changed(upscaler):
    image = torch.rand(1, 3, 4, 4)
    before = image.clone()

    upscaler.upscale(image, 2.0)

    assert torch.equal(image, before)


def test_the_same_input_gives_the_same_bytes_again(upscaler):
    image = picture("RGB", 9, 8)

    assert upscaler.upscale(image, 3.7).tobytes() == upscaler.upscale(image, 3.7).tobytes()


def test_a_second_upscaler_of_the_same_weights_gives_the_same_bytes(upscaler, small_weights):
    image = picture("RGB", 9, 8)

    assert Upscaler.from_pretrained(small_weights, "cpu").upscale(image, 3.7) == upscaler.upscale(image, 3.7)


def test_the_function_takes_a_picture(small_weights, upscaler):
    image = picture("RGB", 4, 5)

    assert upscale(image, 2.0, model=small_weights, device="cpu") == upscaler.upscale(image, 2.0)


def test_the_function_takes_the_path_of_a_file(small_weights, upscaler, tmp_path):
    picture("RGB", 4, 5).save(tmp_path / "a.png")

    result = upscale(str(tmp_path / "a.png"), size=(9, 11), model=small_weights, device="cpu").to_pil()

    assert result == upscaler.upscale(picture("RGB", 4, 5), size=(9, 11))


# --- grey and colour ---


@grey
def test_a_grey_model_draws_the_channels_of_a_colour_image_one_by_one(upscaler):
    image = torch.rand(2, 3, 6, 5)

    result = upscaler.upscale(image, 2.5)

    single = torch.cat([upscaler.upscale(image[:, [channel]], 2.5) for channel in range(3)], dim=1)
    torch.testing.assert_close(result, single, rtol=0, atol=1e-5)


@grey
def test_a_grey_model_draws_the_channels_of_a_colour_picture_one_by_one(upscaler):
    image = picture("RGB", 6, 5)

    result = upscaler.upscale(image, 2.5)

    assert_within_one_step(result, Image.merge("RGB", [upscaler.upscale(band, 2.5) for band in image.split()]))


def test_a_colour_model_answers_to_a_grey_image_with_the_mean_of_its_colours(upscaler):
    image = torch.rand(1, 1, 6, 5)

    result = upscaler.encode(image).render((13, 11))

    colours = upscaler.encode(image.expand(-1, 3, -1, -1)).render((13, 11))
    torch.testing.assert_close(result, colours.mean(dim=1, keepdim=True), rtol=0, atol=1e-5)


# --- sizes ---


def test_scale_and_size_that_mean_the_same_give_the_same(upscaler):
    image = picture("RGB", 6, 8)

    assert upscaler.upscale(image, 2.5) == upscaler.upscale(image, size=(15, 20))


@pytest.mark.parametrize(
    ("own", "scale", "expected"),
    [
        ((3, 5), 2.0, (6, 10)),
        ((3, 5), 1.5, (5, 8)),  # 4.5 and 7.5: halves go up
        ((3, 5), 0.5, (2, 3)),  # 1.5 and 2.5
        ((10, 10), 1.04, (10, 10)),
        ((10, 10), 1.05, (11, 11)),
        ((3, 1000), 0.01, (1, 10)),
        ((1, 1), 1e-300, (1, 1)),
        ((7, 9), 1.0, (7, 9)),
    ],
)
def test_a_scaled_size_is_rounded_and_at_least_one_pixel(own, scale, expected):
    assert scaled_size(own, scale) == expected


@given(st.tuples(st.integers(1, 4000), st.integers(1, 4000)), st.floats(min_value=0.01, max_value=4.0))
def test_a_scaled_size_is_off_by_half_a_pixel_at_most(own, scale):
    for side, scaled in zip(own, scaled_size(own, scale), strict=True):
        assert scaled == 1 or abs(scaled - side * scale) <= 0.5


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 7), (7, 1), (2, 2)])
@pytest.mark.parametrize("scale", [0.3, 1.0, 2.0, 3.7])
def test_the_smallest_images_can_be_drawn_at_any_scale(upscaler, height, width, scale):
    result = upscaler.upscale(picture("RGB", height, width), scale)

    assert result.size == scaled_size((width, height), scale)


def test_an_even_image_of_one_pixel_has_the_same_colour_everywhere_under_interpolation_alone(tmp_path):
    config = ModelConfig(encoder_width=8, encoder_blocks=1, head_width=16, frequencies=2)
    model = build_model(config)
    torch.nn.init.zeros_([*model.head.children()][-1].weight)
    save_weights(tmp_path / "plain.safetensors", model.state_dict(), config, {})
    upscaler = Upscaler.from_pretrained(tmp_path / "plain.safetensors", "cpu")

    result = upscaler.upscale(Image.new("RGB", (1, 1), (10, 100, 200)), 9.0)

    assert result.getcolors() == [(81, (10, 100, 200))]


def test_a_size_of_other_proportions_stretches_the_image(upscaler):
    assert upscaler.upscale(picture("RGB", 6, 8), size=(30, 9)).size == (9, 30)


@pytest.mark.parametrize("size", [(4, 5), (9, 3), (4, 30), (1, 1)])
def test_a_smaller_picture_is_the_whole_one_shrunk_as_pillow_does(upscaler, size):
    image = picture("RGB", 9, 11)
    drawn = tuple(max(wanted, own) for wanted, own in zip(size, (9, 11), strict=True))

    result = upscaler.upscale(image, size=size)

    whole = upscaler.upscale(image, size=drawn)
    difference = np.array(result, int) - np.array(whole.resize(size[::-1], Image.Resampling.BICUBIC))
    # Pillow shrinks what was clamped and rounded before, here it is done once, at the end.
    assert np.abs(difference).mean() < 2


def test_a_scale_of_one_draws_every_pixel_at_its_own_place(upscaler):
    image = torch.rand(1, 3, 6, 5)

    result = upscaler.upscale(image, 1.0)

    points = upscaler.encode(image)(pixel_grid((6, 5)).flatten(0, 1), torch.tensor(pixel_cell((6, 5))))
    torch.testing.assert_close(result[0].flatten(1).T, points[0].clamp(0, 1), rtol=0, atol=1e-4)


# --- windows ---


@pytest.mark.parametrize("size", [(24, 30), (40, 33), (12, 15)])
def test_a_window_shows_what_the_crop_of_the_whole_does(upscaler, size):
    function = upscaler.encode(picture("RGB", 12, 15))
    top, left, bottom, right = size[0] // 4, size[1] // 3, size[0] // 2, size[1]

    part = function.render((bottom - top, right - left), pixel_window((top, left, bottom, right), size))

    assert_within_one_step(part, function.render(size).crop((left, top, right, bottom)))


@pytest.mark.slow
@pytest.mark.parametrize("length", [7, 10, 11, 13, 14])
def test_every_window_at_the_images_own_size_shows_the_crop(upscaler, length):
    """A window's borders are rounded, and half of all windows seem to hold a trace of one more pixel."""
    function = upscaler.encode(picture("L", 1, length))
    whole = function.render((1, length))

    for left in range(length):
        for right in range(left + 1, length + 1):
            part = function.render((1, right - left), pixel_window((0, left, 1, right), (1, length)))
            assert_within_one_step(part, whole.crop((left, 0, right, 1)))


@pytest.mark.parametrize("window", [(0.5, -1.0, 0.5, 1.0), (-1.1, -1.0, 1.0, 1.0), (0.0, 0.5, 1.0, 0.0)])
def test_a_window_that_is_empty_or_outside_is_refused_with_the_rule(upscaler, window):
    with pytest.raises(ValueError, match=r"window must be \(y0, x0, y1, x1\).* the whole image is \(-1, -1, 1, 1\)"):
        upscaler.encode(picture("RGB", 4, 4)).render((8, 8), window)


# --- tiles ---


@pytest.mark.parametrize("small_config", [1, 3], indirect=True)
@pytest.mark.parametrize("tile", [4, 7, 16])
def test_tiles_cannot_be_seen(upscaler, small_weights, tile):
    image = picture("RGB", 8, 9)
    bounded = Upscaler(load_weights(small_weights), Compute("cpu", bounds=Bounds(tile=tile)))

    assert_within_one_step(bounded.encode(image).render((26, 30)), upscaler.encode(image).render((26, 30)))


def test_tiles_cannot_be_seen_in_a_window(upscaler, small_weights):
    bounded, image = (
        Upscaler(load_weights(small_weights), Compute("cpu", bounds=Bounds(tile=6))),
        torch.rand(1, 3, 8, 9),
    )
    window = (-0.3, -0.8, 0.9, 0.1)

    whole = upscaler.encode(image).render((31, 23), window)

    torch.testing.assert_close(bounded.encode(image).render((31, 23), window), whole, rtol=0, atol=1e-5)


# --- bad input ---


def test_scale_and_size_together_are_refused(upscaler):
    with pytest.raises(ValueError, match="give either scale or size, not both"):
        upscaler.upscale(picture("RGB", 4, 4), 2.0, (8, 8))


def test_neither_scale_nor_size_is_refused(upscaler):
    with pytest.raises(ValueError, match=r"give either scale or size, .* not neither"):
        upscaler.upscale(picture("RGB", 4, 4))


@pytest.mark.parametrize("scale", [0.0, -0.0, -1.0, math.nan, math.inf, -math.inf])
def test_a_scale_that_is_no_positive_number_is_refused_with_an_example(upscaler, scale):
    with pytest.raises(ValueError, match=rf"^scale must be a positive number, got {scale}; for example 4 or 2\.5$"):
        upscaler.upscale(picture("RGB", 4, 4), scale)


@pytest.mark.parametrize("scale", [1e5, 1e12, 1e308])
def test_an_absurd_scale_is_refused_with_the_limit(upscaler, scale):
    with pytest.raises(
        ValueError, match=rf"of a 5x4 image gives \d+x\d+ pixels.*, above the limit of {MAX_OUTPUT_PIXELS:,};"
    ):
        upscaler.upscale(picture("RGB", 4, 5), scale)


@pytest.mark.parametrize("size", [(0, 8), (8, 0), (-1, 8)])
def test_a_size_without_pixels_is_refused(upscaler, size):
    with pytest.raises(ValueError, match=r"size must be \(height, width\) in whole pixels, at least 1 each, got \("):
        upscaler.upscale(picture("RGB", 4, 4), size=size)


def test_an_absurd_size_is_refused_with_the_limit(upscaler):
    with pytest.raises(ValueError, match=f"size 1000000x2000000 is more than the limit of {MAX_OUTPUT_PIXELS:,}"):
        upscaler.encode(picture("RGB", 4, 4)).render((2_000_000, 1_000_000))


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "CMYK", "I;16", "F"])
def test_a_picture_of_an_unsupported_mode_is_refused_by_name(upscaler, mode):
    with pytest.raises(ValueError, match=f"mode {mode} is not supported yet; convert it to L or RGB first"):
        upscaler.upscale(Image.new(mode, (4, 4)), 2.0)


def test_a_picture_without_pixels_is_refused(upscaler):
    with pytest.raises(ValueError, match="0x5 pixels is empty"):
        upscaler.upscale(Image.new("RGB", (0, 5)), 2.0)


def test_auto_is_the_fastest_device():
    assert choose_device("auto").type == available_devices()[-1]


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_an_absent_device_is_refused_with_those_that_are_there(small_weights, device):
    if device in available_devices():
        pytest.skip(f"this machine has {device}")

    with pytest.raises(ValueError, match=f"device '{device}' is not available here; available: cpu"):
        Upscaler.from_pretrained(small_weights, device)


@pytest.mark.gpu
def test_a_gpu_draws_what_the_cpu_does(upscaler, small_weights):
    image = picture("RGB", 12, 15)

    result = Upscaler.from_pretrained(small_weights, "cuda").upscale(image, 3.7)

    assert_within_one_step(result, upscaler.upscale(image, 3.7))


# --- what users without the checks of annotations, which come with the tests only, may pass ---

CALLS = {
    "a whole number as scale": "upscale(tensor, 2).shape",
    "a list as size": "upscale(tensor, size=[8, 10]).shape",
    "numpy's whole numbers as size": "upscale(tensor, size=numpy.array([8, 10])).shape",
    "an image of 64 bit numbers": "upscale(tensor.double(), 2.0).shape",
    "text as scale": "upscale(tensor, '4')",
    "a huge whole number as scale": "upscale(tensor, 10**400)",
    "a fraction as size": "upscale(tensor, size=(8.5, 10.0))",
    "text as size": "upscale(tensor, size='8x')",
    "one number as size": "upscale(tensor, size=(8,))",
    "two channels": "upscale(torch.zeros(1, 2, 4, 5), 2.0)",
    "no batch": "upscale(torch.zeros(3, 4, 5), 2.0)",
    "no rows": "upscale(torch.zeros(1, 3, 0, 5), 2.0)",
    "values up to 255": "upscale(255 * tensor, 2.0)",
    "floats of numpy": "upscale(numpy.zeros((4, 5, 3)), 2.0)",
    "nothing": "upscale(None, 2.0)",
    "one number as size of a rendering": "upscaler.encode(tensor).render(64)",
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory) -> dict[str, str]:
    """What a process without those checks answers to `CALLS`."""
    folder = tmp_path_factory.mktemp("answers")
    config = ModelConfig(encoder_width=8, encoder_blocks=1, head_width=16, frequencies=2)
    save_weights(folder / "small.safetensors", build_model(config).state_dict(), config, {})
    script = """
import json, sys, numpy, torch
from amortized_sr import Upscaler
upscaler = Upscaler.from_pretrained("small.safetensors", "cpu")
upscale = upscaler.upscale
tensor = torch.rand(1, 3, 4, 5)
answers = {}
for name, call in json.loads(sys.argv[1]).items():
    try:
        answers[name] = str(tuple(eval(call)))
    except Exception as error:
        answers[name] = f"{type(error).__name__}: {error}"
print(json.dumps(answers))
"""
    command = [sys.executable, "-c", script, json.dumps(CALLS)]
    return json.loads(subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout)


@pytest.mark.slow
@pytest.mark.parametrize("call", list(CALLS)[:4])
def test_numbers_and_images_of_kindred_types_are_taken(answers, call):
    assert answers[call] == "(1, 3, 8, 10)"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("text as scale", "scale must be a positive number, got '4'; "),
        ("a huge whole number as scale", f"scale {10**400} of a 5x4 image gives "),
        ("a fraction as size", "size must be (height, width) in whole pixels, at least 1 each, got (8.5, 10.0)"),
        ("text as size", "size must be (height, width) in whole pixels, at least 1 each, got '8x'"),
        ("one number as size", "size must be (height, width) in whole pixels, at least 1 each, got (8,)"),
        ("two channels", "image must have shape (batch, 1 or 3, height, width) and no empty axis, got (1, 2, 4, 5)"),
        ("no batch", "image must have shape (batch, 1 or 3, height, width) and no empty axis, got (3, 4, 5)"),
        ("values up to 255", "an image tensor must hold values in [0, 1], got up to "),
        ("floats of numpy", "an image must be a PIL picture, a path, a uint8 array (height, width) or "),
        ("nothing", "an image must be a PIL picture, a path, "),
        ("one number as size of a rendering", "size must be (height, width) in whole pixels, at least 1 each, got 64"),
        ("no rows", "image must have shape (batch, 1 or 3, height, width) and no empty axis, got (1, 3, 0, 5)"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(answers, call, said):
    assert answers[call].startswith(f"ValueError: {said}")


def test_bytes_are_refused_instead_of_being_clamped_to_one(small_weights):
    upscaler = Upscaler.from_pretrained(small_weights, device="cpu")
    with pytest.raises(ValueError, match="divide bytes by 255"):
        upscaler.upscale(torch.zeros(1, 3, 4, 4, dtype=torch.uint8), scale=2.0)


@pytest.mark.slow
def test_an_image_too_large_for_a_function_in_memory_is_refused_before_it_is_tried(small_weights):
    upscaler = Upscaler.from_pretrained(small_weights, device="cpu")
    with pytest.raises(ValueError, match="5000x4000 pixels as a function is above the limit of 16,777,216"):
        upscaler.encode(torch.zeros(1, 1, 1, 1).expand(1, 3, 4000, 5000))


def test_a_tensor_comes_back_in_its_own_type(small_weights):
    upscaler = Upscaler.from_pretrained(small_weights, device="cpu")
    for dtype in (torch.float16, torch.float64):
        assert upscaler.upscale(torch.rand(1, 3, 4, 4).to(dtype), scale=2.0).dtype == dtype


def test_two_upscalers_of_one_model_do_not_share_it(small_weights):
    trained = load_weights(small_weights)
    assert Upscaler(trained, Compute("cpu")).model is not Upscaler(trained, Compute("cpu")).model


def test_a_size_that_makes_no_sense_costs_no_encoding(small_weights):
    upscaler = Upscaler.from_pretrained(small_weights, device="cpu")
    seen = []
    upscaler.model.encoder.register_forward_pre_hook(lambda *_: seen.append(1))
    for wrong in ({"scale": -1.0}, {"size": (0, 5)}):
        with pytest.raises(ValueError, match="got"):
            upscaler.upscale(torch.rand(1, 3, 4, 4), **wrong)
    assert seen == []


def test_the_ensemble_turns_with_the_picture():
    upscaler = Upscaler.from_pretrained(device="cpu")
    image = torch.rand(1, 3, 9, 12)

    drawn = upscaler.upscale(image, scale=2.5, tta=True)

    flipped = upscaler.upscale(image.flip(-1), scale=2.5, tta=True)
    torch.testing.assert_close(flipped, drawn.flip(-1), atol=1e-5, rtol=0)
    assert (upscaler.upscale(image, scale=2.5) - drawn).abs().max() > 1e-3


def test_a_field_without_an_ensemble_is_refused(small_weights):
    concat = dataclasses.replace(load_weights(small_weights).config, field="concat")
    trained = TrainedModel(build_model(concat), concat, {}, small_weights)
    with pytest.raises(ValueError, match="ConcatField has no self-ensemble"):
        Upscaler(trained, Compute("cpu")).encode(torch.rand(1, 3, 4, 4), tta=True)


# --- what a picture may be ---


def test_paths_and_arrays_are_pictures_too(upscaler, tmp_path):
    image = picture("RGB", 5, 6)
    image.save(tmp_path / "a.png")
    wanted = upscaler.upscale(image, 2.0)
    for kind in (tmp_path / "a.png", str(tmp_path / "a.png"), np.array(image)):
        assert upscaler.upscale(kind, 2.0) == wanted
        assert upscaler.encode(kind).render((10, 12)) == wanted


def test_a_device_may_be_torchs(small_weights):
    assert Upscaler.from_pretrained(small_weights, torch.device("cpu")).device == torch.device("cpu")


def test_a_notebook_shows_a_picture(upscaler):
    shown = Image.open(io.BytesIO(upscaler.encode(picture("RGB", 5, 10))._repr_png_()))
    assert shown.size == (512, 256)


def test_an_upscaler_survives_pickling(upscaler):
    image = picture("RGB", 5, 6)
    assert pickle.loads(pickle.dumps(upscaler)).upscale(image, 2.0) == upscaler.upscale(image, 2.0)


# --- latents on the disk ---


@pytest.mark.slow
def test_a_latent_of_one_process_draws_the_same_bits_in_another(small_weights, tmp_path):
    upscaler = Upscaler.from_pretrained(small_weights, "cpu")
    function = upscaler.encode(torch.rand(1, 3, 9, 7))
    function.latent.save(tmp_path / "latent.safetensors")
    np.save(tmp_path / "here.npy", function.render((20, 30)).numpy())
    script = """
import sys, numpy
from amortized_sr import Latent, Upscaler
latent = Latent.load(sys.argv[2])
numpy.save(sys.argv[3], Upscaler.from_pretrained(sys.argv[1], "cpu").decode(latent).render((20, 30)).numpy())
"""
    arguments = [small_weights, tmp_path / "latent.safetensors", tmp_path / "there.npy"]
    subprocess.run([sys.executable, "-c", script, *arguments], check=True)
    assert np.array_equal(np.load(tmp_path / "there.npy"), np.load(tmp_path / "here.npy"))


def test_a_latent_of_other_weights_is_refused(small_weights):
    latent = Upscaler.from_pretrained("photo-tiny", "cpu").encode(torch.rand(1, 3, 4, 4)).latent
    with pytest.raises(ValueError, match="made with other weights"):
        Upscaler.from_pretrained(small_weights, "cpu").decode(latent)


def test_files_that_hold_no_latent_are_refused_with_a_sentence(small_weights, tmp_path):
    path, latent = (
        tmp_path / "latent.safetensors",
        Upscaler.from_pretrained(small_weights, "cpu").encode(torch.rand(1, 3, 4, 4)).latent,
    )
    with pytest.raises(LatentError, match="no such file"):
        Latent.load(path)
    path.write_bytes(b"text")
    with pytest.raises(LatentError, match="not a readable"):
        Latent.load(path)
    with pytest.raises(LatentError, match="a latent has 'latent-1'"):
        Latent.load(small_weights)
    for wrong in (
        {"codes": latent.codes * math.nan},
        {"image_size": (5, 4)},
        {"channels": 2},
        {"items_per_image": 3},
    ):
        dataclasses.replace(latent, **wrong).save(path)
        with pytest.raises(LatentError, match="encode the image again"):
            Latent.load(path)
    latent.save(path)
    with safe_open(path, "pt") as file:
        header = file.metadata()
    save_file({"codes": latent.codes[0].contiguous(), "image": latent.image}, path, header)
    with pytest.raises(LatentError, match="a tensor has the wrong shape"):
        Latent.load(path)
    save_file({"codes": latent.codes.contiguous()}, path, {**header, "latent": "[" * 100_000})
    with pytest.raises(LatentError, match="the header is not valid"):
        Latent.load(path)
    latent.save(path)
    with pytest.raises(WeightsError, match="holds a latent"):
        load_weights(path)


# --- neutral pictures ---


def test_a_neutral_picture_stays_neutral_exactly(upscaler):
    y, x = np.mgrid[:16, :16]
    checker = Image.fromarray(((x + y) % 2 * 255).astype(np.uint8)).convert("RGB")

    for result in (upscaler.upscale(checker, 3.7), upscaler.encode(checker).render((30, 50))):
        values = np.array(result)
        assert result.mode == "RGB"
        assert np.array_equal(values, values[..., :1].repeat(3, axis=2))
    assert upscaler.encode(checker)(torch.zeros(5, 2)).shape == (5, 3)
