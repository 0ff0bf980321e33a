"""Autoencoders where upscalers are expected: `Upscaler`, picture files, `upscale` and `info`."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.axes import Rendering
from amortized_sr.compute import Bounds, Compute
from amortized_sr.image_io import read_picture
from amortized_sr.latent import Latent, LatentError
from amortized_sr.model_builder import build
from amortized_sr.picture_tensor import picture_to_tensor
from amortized_sr.resize import shrink
from amortized_sr.upscaler import Upscaler
from amortized_sr.weights import load_weights, save_weights


@pytest.fixture
def upscaler(digit_autoencoder) -> Upscaler:
    return Upscaler.from_pretrained(digit_autoencoder, "cpu", precision="fp32")


@pytest.fixture
def colour_upscaler(digit_autoencoder, tmp_path) -> Upscaler:
    config = dataclasses.replace(load_weights(digit_autoencoder).config, channels=3)
    model = build(config)
    torch.nn.init.normal_(model.decoder.last.weight, std=0.1)
    save_weights(tmp_path / "colour.safetensors", model.state_dict(), config, {})
    return Upscaler.from_pretrained(tmp_path / "colour.safetensors", "cpu", precision="fp32")


def coded(upscaler: Upscaler, image: torch.Tensor) -> AmortizedImage:
    """The image, encoded and decoded by the autoencoder itself."""
    return upscaler.model.decode(upscaler.model.encode(image))


@pytest.mark.parametrize("size", [(1, 1), (7, 28), (28, 28), (60, 5), (3, 300), (90, 70)])
def test_an_upscaler_draws_what_the_autoencoder_does(upscaler, size):
    image = torch.rand(2, 1, *size)
    expected = coded(upscaler, image).render((50, 40))
    function = upscaler.encode(image)
    assert function.size == size
    torch.testing.assert_close(function.render((50, 40)), expected, atol=1e-5, rtol=0)
    if size[0] <= 50 and size[1] <= 40:
        torch.testing.assert_close(upscaler.upscale(image, size=(50, 40)), expected.clamp(0, 1), atol=1e-5, rtol=0)


def test_scale_refers_to_the_image_although_the_frame_is_square(upscaler):
    image = torch.rand(1, 1, 10, 30)
    assert upscaler.upscale(image, scale=2.5).shape == (1, 1, 25, 75)
    picture = Image.fromarray((image[0, 0] * 255).byte().numpy())
    assert upscaler.upscale(picture, scale=2.5).size == (75, 25)


def test_below_its_own_size_a_large_image_is_drawn_and_shrunk(upscaler):
    image = torch.rand(1, 1, 200, 300)
    expected = shrink(coded(upscaler, image).render((200, 300)), (20, 30)).clamp(0, 1)
    torch.testing.assert_close(upscaler.upscale(image, scale=0.1), expected, atol=1e-5, rtol=0)


def test_a_large_image_is_read_in_bands_from_the_top_to_the_bottom(digit_autoencoder):
    image, rows = torch.rand(1, 1, 400, 100), []

    def read_rows(start, stop):
        rows.append((start, stop))
        return image[:, :, start:stop]

    small = Upscaler(
        load_weights(digit_autoencoder), Compute("cpu", precision="fp32", bounds=Bounds(strip_pixels=5000))
    )
    strips = list(small.strips(read_rows, Rendering((400, 100), (400, 100))))
    # Once, whatever the number of strips.
    assert rows == [(start, start + 50) for start in range(0, 400, 50)]
    assert len(strips) == 8
    torch.testing.assert_close(torch.cat(strips, dim=2), coded(small, image).render((400, 100)), atol=1e-5, rtol=0)


def test_a_grey_autoencoder_sees_colours_as_three_grey_images(upscaler):
    image = torch.rand(2, 3, 20, 14)
    function = upscaler.encode(image)
    apart = [coded(upscaler, image[:, channel : channel + 1]).render((30, 30)) for channel in range(3)]
    torch.testing.assert_close(function.render((30, 30)), torch.cat(apart, dim=1), atol=1e-5, rtol=0)


def test_a_colour_autoencoder_sees_grey_as_three_equal_channels(colour_upscaler):
    image = torch.rand(2, 1, 20, 14)
    expected = coded(colour_upscaler, image.expand(-1, 3, -1, -1)).render((30, 30)).mean(dim=1, keepdim=True)
    torch.testing.assert_close(colour_upscaler.encode(image).render((30, 30)), expected, atol=1e-5, rtol=0)
    # The autoencoder itself is strict.
    with pytest.raises(ValueError, match=r"\(batch, 3, height, width\)"):
        colour_upscaler.model.encode(image)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_saved_latent_draws_the_same_bits(upscaler, tmp_path, channels):
    function = upscaler.encode(torch.rand(2, channels, 12, 20))
    function.latent.save(tmp_path / "codes.safetensors")
    loaded = Latent.load(tmp_path / "codes.safetensors")
    assert loaded.image_size == (12, 20)
    assert torch.equal(upscaler.decode(loaded).render((31, 50)), function.render((31, 50)))


def test_latents_and_models_of_other_kinds_are_refused(upscaler, small_weights):
    image = torch.rand(1, 1, 12, 20)
    other = Upscaler.from_pretrained(small_weights, "cpu")
    with pytest.raises(LatentError, match="made with other weights"):
        upscaler.decode(other.encode(image).latent)
    nameless = dataclasses.replace(other.encode(image).latent, model="")
    with pytest.raises(LatentError, match="is not this model's"):
        upscaler.decode(nameless)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_draws_nearly_the_same(digit_autoencoder, upscaler, precision):
    image = torch.rand(1, 1, 20, 20)
    half = Upscaler.from_pretrained(digit_autoencoder, "cpu", precision=precision)
    torch.testing.assert_close(
        half.encode(image).render((40, 40)), upscaler.encode(image).render((40, 40)), atol=0.05, rtol=0
    )


def test_there_is_no_self_ensemble(upscaler):
    for call in (upscaler.encode, lambda image, tta: upscaler.upscale(image, scale=2.0, tta=tta)):
        with pytest.raises(ValueError, match="an autoencoder has no self-ensemble"):
            call(torch.rand(1, 1, 9, 9), tta=True)


# --- files ---


def digit(name: str, mode: str) -> Path:
    grey = np.random.default_rng(0).integers(0, 256, (10, 12), dtype=np.uint8)
    pictures = {
        "L": grey,
        "RGB": np.stack([grey, grey.T[:10, :10].repeat(2, axis=1)[:, :12], 255 - grey], axis=2),
        "RGBA": np.stack([grey, grey, 255 - grey, grey // 2 + 60], axis=2),
        "I;16": grey.astype(np.uint16) * 257,
        "tiny": grey[:1, :1],
        "wide": np.tile(grey[:5], (1, 200))[:, :2000],
    }
    Image.fromarray(pictures[mode]).save(name)
    return Path(name)


@pytest.mark.parametrize(
    ("mode", "size"),
    [
        ("L", (24, 20)),
        ("RGB", (24, 20)),
        ("RGBA", (24, 20)),
        ("I;16", (24, 20)),
        ("tiny", (2, 2)),
        ("wide", (4000, 10)),
    ],
)
def test_pictures_of_all_kinds_are_drawn(cli, digit_autoencoder, tmp_path, monkeypatch, mode, size):
    monkeypatch.chdir(tmp_path)
    digit("a.png", mode)
    result = cli("upscale", "a.png", "-s", 2, "--model", digit_autoencoder)
    assert (result.code, result.err) == (0, "")
    with Image.open("a_x2.png") as drawn:
        assert drawn.size == size
        assert drawn.mode == {"tiny": "L", "wide": "L"}.get(mode, mode)


def test_a_picture_file_is_the_autoencoders_rendering(cli, digit_autoencoder, upscaler, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = picture_to_tensor(read_picture(digit("a.png", "RGB")))
    assert cli("upscale", "a.png", "-s", 3, "--precision", "fp32", "--model", digit_autoencoder).code == 0
    drawn = picture_to_tensor(read_picture(Path("a_x3.png")))
    expected = upscaler.encode(image).render((30, 36)).clamp(0, 1)
    assert (drawn - expected).abs().max() < 0.51 / 255


def test_tta_is_one_sentence_and_leaves_nothing(cli, digit_autoencoder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    digit("a.png", "L")
    result = cli("upscale", "a.png", "-s", 2, "--tta", "--model", digit_autoencoder)
    assert result.code == 2
    assert "an autoencoder has no self-ensemble" in result.complaint
    assert not Path("a_x2.png").exists()


def test_info_says_what_an_autoencoder_is(cli, digit_autoencoder, monkeypatch):
    assert json.loads(cli("info", "--model", "mnist", "--json").out)["kind"] == "upscaler"
    facts = json.loads(cli("info", "--model", digit_autoencoder, "--json").out)
    assert [facts[name] for name in ("kind", "code", "components", "frame")] == ["autoencoder", 16, 3, [28, 28]]
    out = cli("info", "--model", digit_autoencoder).out
    assert "kind: autoencoder\ncode: 16\ncomponents: 3\nframe: [28, 28]\n" in out
    monkeypatch.setattr("amortized_sr.weights_header.bundled_models", lambda: {"small": digit_autoencoder})
    assert "model small: autoencoder, 16 numbers, grey, " in cli("info").out
    assert json.loads(cli("info", "--json").out)["models"]["small"]["code"] == 16
