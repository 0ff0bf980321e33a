"""Linear maps have no additivity error; those of `hyper` and `learned` are linear in their latent."""

import pytest
import torch
from torch import nn

from amortized_sr.analysis.additivity import EQUAL, MIXTURES, additivity, image_additivity, latent_additivity
from amortized_sr.analysis.quantization import BITS, psnr_by_bits, quantized
from amortized_sr.benchmark.faults import CLEAN
from amortized_sr.benchmark.methods import MethodSettings, method
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.model_builder import build_model
from amortized_sr.model_config import ModelConfig


def encoder(field="hyper"):
    """The `encode` of a random model that draws much, in float64."""
    config = ModelConfig(
        field=field, encoder_width=8, encoder_blocks=1, head_width=16, frequencies=2, functions=4, field_width=16,
        field_depth=2,
    )  # fmt: skip
    model = build_model(config).double().eval().requires_grad_(False)
    for parameter in [*model.head.parameters(), *model.field.parameters()]:
        nn.init.normal_(parameter, std=0.3)
    return model.encode


def images(*shape):
    return torch.rand(1, 3, *shape).double(), torch.rand(1, 3, *shape).double()


@pytest.mark.parametrize(("a", "b"), MIXTURES)
def test_a_linear_map_has_no_error_and_a_square_has_its_own(a, b):
    x, y = images(4, 5)
    matrix = torch.rand(5, 7).double()
    linear = additivity(lambda image: image @ matrix, x, y, a, b)
    assert linear.absolute < 1e-14
    assert linear.relative < 1e-12
    assert linear.decibels == EQUAL
    square = additivity(torch.square, x, y, a, b)
    expected = (a * x + b * y).square() - a * x.square() - b * y.square()
    assert square.absolute == pytest.approx(float(expected.square().mean().sqrt()))
    assert square.relative > 0.01


def test_decibels_are_those_of_the_error():
    found = additivity(lambda image: 0.1 + 0 * image, *images(2, 2), 0.5, 0.0)
    # 0.1 - 0.05 everywhere.
    assert found.absolute == pytest.approx(0.05)
    assert found.decibels == pytest.approx(26.0206, abs=1e-4)
    # What does not vary is no measure.
    assert found.relative is None


@pytest.mark.parametrize("name", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_interpolations_are_linear_in_the_image(name):
    found = image_additivity(
        lambda image: InterpolatedImage.like_pillow(image, name), *images(5, 6), 0.25, 0.75, (20, 24)
    )
    assert found.absolute < 1e-14
    assert found.learned is None


def test_an_encoder_is_not_linear_in_the_image_and_the_base_is_taken_off():
    forward, (x, y) = encoder(), images(5, 6)
    found = image_additivity(forward, x, y, 0.5, 0.5, (20, 24))
    assert found.relative > 1e-4
    mixed = forward((x + y) / 2)
    added = (mixed.render((20, 24)) - mixed.base.render((20, 24))).square().mean().sqrt()
    assert found.learned == pytest.approx(found.absolute / float(added))


@pytest.mark.parametrize(("field", "linear"), [("hyper", True), ("learned", True), ("concat", False), ("film", False)])
@pytest.mark.parametrize(("a", "b"), MIXTURES)
def test_hyper_and_learned_are_linear_in_the_latent_and_others_are_not(field, linear, a, b):
    forward = encoder(field)
    first, second = (forward(image) for image in images(5, 6))
    found = latent_additivity(first, second, a, b, (13, 17))
    assert (found.absolute < 1e-12) == linear


def test_latents_of_different_sizes_cannot_be_mixed_and_interpolations_have_none():
    forward = encoder()
    first, second = forward(images(5, 6)[0]), forward(images(5, 7)[0])
    with pytest.raises(ValueError, match="cannot be mixed; crop the images to one size first"):
        latent_additivity(first, second, 0.5, 0.5, (10, 12))
    assert latent_additivity(InterpolatedImage.like_pillow(images(5, 6)[0], "bicubic"), first, 0.5, 0.5, (9, 9)) is None


@pytest.mark.parametrize("bits", BITS)
def test_quantised_codes_have_few_values_and_err_by_half_a_step(bits):
    codes = torch.randn(1, 5, 20, 20)
    codes[:, 2] = 0.7  # constant
    found = quantized(codes, bits)
    for channel in range(5):
        assert len(found[0, channel].unique()) <= 2**bits
        step = (codes[0, channel].max() - codes[0, channel].min()) / (2**bits - 1)
        assert (found - codes)[0, channel].abs().max() <= step / 2 * 1.0001
    assert (found[:, 2] == codes[:, 2]).all()
    torch.testing.assert_close(quantized(found, bits), found)


def test_bits_that_are_none_are_refused():
    with pytest.raises(ValueError, match="1 to 16 bits, got 0"):
        quantized(torch.rand(1, 1, 2, 2), 0)


def test_fewer_bits_are_worse_and_images_without_a_half_have_no_psnr():
    forward = method("amortized", MethodSettings(device="cpu")).forward
    y, x = torch.meshgrid(torch.arange(24.0), torch.arange(25.0), indexing="ij")
    image = (0.5 + 0.3 * torch.sin(x / 2) * torch.cos(y / 3))[None, None].expand(1, 3, -1, -1)
    found = psnr_by_bits(forward, image)
    assert list(found) == ["float", "8", "6", "4"]
    assert found["float"] > 30
    assert abs(found["float"] - found["8"]) < 0.5
    assert found["8"] > found["4"] + 0.1
    assert psnr_by_bits(forward, image[..., :1, :]) is None
    assert psnr_by_bits(method("lanczos", MethodSettings()).forward, image) is None


def test_forward_is_what_methods_make_and_optimised_functions_have_none():
    image = torch.rand(1, 3, 9, 8)
    for name in ("bicubic", "amortized", "amortized+tta", "amortized:mnist", "autoencoder"):
        one = method(name, MethodSettings(device="cpu"))
        with torch.no_grad():
            drawn = one.forward(image).render((18, 16))
        torch.testing.assert_close(drawn, one.make(image, CLEAN).function.render((18, 16)), atol=1e-5, rtol=0)
    for name in ("fit:relu", "amortized+refine", "autoencoder+refine"):
        assert method(name, MethodSettings(device="cpu")).forward is None
