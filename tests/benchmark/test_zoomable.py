"""What a page gets of an amortised image."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from amortized_sr import Upscaler
from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.benchmark import zoomable as module
from amortized_sr.benchmark.faults import CLEAN
from amortized_sr.benchmark.methods import MethodSettings, method
from amortized_sr.benchmark.zoomable import Zoomable, zoomable
from amortized_sr.image_io import read_picture
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.model_builder import build_model
from amortized_sr.model_config import ModelConfig
from amortized_sr.picture_tensor import picture_to_tensor


@pytest.fixture
def function(small_weights) -> AmortizedImage:
    images = torch.rand(2, 3, 7, 9)
    return Upscaler.from_pretrained(small_weights, "cpu", precision="fp32").encode(images)


def test_the_data_are_the_codes_and_the_image_as_16_bits(function):
    held = zoomable(function, 1, (14, 18))

    assert isinstance(held, Zoomable)
    functions = 5
    assert held.codes.shape == (7, 9, functions, functions, 3)
    codes = function.latent.codes[1].reshape(3, functions, functions, 7, 9)
    assert abs(held.codes[2, 8, 3, 4] - codes[:, 3, 4, 2, 8].numpy()).max() < 1e-3
    numbers = np.frombuffer(held.data, "<f2")
    assert numbers[: held.codes.size].reshape(held.codes.shape).tobytes() == held.codes.tobytes()
    image = numbers[held.codes.size :].reshape(7, 9, 3)
    assert abs(image - function.latent.image[1].permute(1, 2, 0).numpy()).max() < 1e-3
    # Two bytes for each number, as base64.
    assert held.page_bytes == pytest.approx(7 * 9 * (25 + 1) * 3 * 2 * 4 / 3, abs=4)
    assert held.facts["config"]["skip"] == "bicubic"
    assert len(held.facts["tensors"]["field.basis.frequency"]) == 2


@pytest.mark.parametrize("name", ["kitten_64.png", "owl_32.png"])
@pytest.mark.parametrize("scale", [1, 4, 9])
def test_16_bits_move_no_colour_by_more_than_a_level(name, scale):
    picture = read_picture(Path(__file__).resolve().parents[2] / "examples" / name, background=(255, 255, 255))
    made = method("amortized", MethodSettings(device="cpu")).make(picture_to_tensor(picture), CLEAN)
    function = made.function
    assert isinstance(function, AmortizedImage)
    size = picture.height * scale, picture.width * scale

    assert isinstance(zoomable(function, 0, size), Zoomable)

    rounded = function.with_codes(function.latent.codes.half().float())
    levels, exact = (one.render(size).clamp(0, 1).mul(255).round() for one in (rounded, function))
    assert (levels - exact).abs().max() <= 1


def test_what_a_page_cannot_draw_has_a_reason(function, monkeypatch):
    interpolated = InterpolatedImage.like_pillow(torch.rand(1, 3, 7, 9), "bicubic")
    assert zoomable(interpolated, 0, (14, 18)) == "no latent"

    other = build_model(ModelConfig(field="concat", encoder_width=8, encoder_blocks=1)).encode(torch.rand(1, 3, 7, 9))
    assert zoomable(other, 0, (14, 18)) == "a field other than hyper"

    huge = function.with_codes(function.latent.codes * 1e6)
    assert zoomable(huge, 0, (14, 18)) == "a latent that 16 bits would change"
    coarse = replace(function, latent=replace(function.latent, image=function.latent.image * 1000))
    assert zoomable(coarse, 0, (14, 18)) == "a latent that 16 bits would change"

    monkeypatch.setattr(module, "LARGEST_LATENTS", 1000)
    assert zoomable(function, 0, (14, 18)) == "a latent of 0 MB, more than a page holds"
