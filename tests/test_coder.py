"""`Coder`: codes of pictures of any kind, functions and pictures of codes, and what it refuses."""

import dataclasses
import re

import numpy as np
import pytest
import torch
from PIL import Image

from amortized_sr import Coder
from amortized_sr.image_io import ImageError
from amortized_sr.model_builder import build_autoencoder
from amortized_sr.weights import save_weights
from amortized_sr.weights_header import WeightsError, sha256


@pytest.fixture
def coder(autoencoder_weights) -> Coder:
    return Coder.from_pretrained(autoencoder_weights, "cpu")


def noise(height: int, width: int, channels: int = 0, seed: int = 0, top: int = 256) -> np.ndarray:
    shape = (height, width, channels) if channels else (height, width)
    kind = np.uint8 if top == 256 else np.uint16
    return np.random.default_rng(seed).integers(0, top, shape, dtype=kind)


def test_a_code_is_the_models_own_for_the_pixels_in_0_to_1(coder):
    pixels = noise(14, 10)
    expected = coder.model.encode(torch.from_numpy(pixels)[None, None].float() / 255)
    for image in (Image.fromarray(pixels), pixels, torch.from_numpy(pixels)[None, None].float() / 255):
        assert torch.equal(coder.encode(image), expected)


def test_the_code_of_a_picture_does_not_depend_on_the_others(coder):
    images = [Image.fromarray(noise(*size, seed=seed)) for seed, size in enumerate([(8, 8), (8, 8), (1, 1), (30, 5)])]
    codes = coder.encode(images)
    assert codes.shape == (4, 6)
    for image, code in zip(images, codes, strict=True):
        assert torch.equal(coder.encode(image)[0], code)


@pytest.mark.parametrize("size", [(1, 1), (2000, 5), (3, 900)])
def test_images_of_any_size_have_a_code_that_draws(coder, size):
    code = coder.encode(noise(*size))
    assert code.isfinite().all()
    assert coder.decode(code).render((9, 7)).isfinite().all()


def test_pictures_of_other_kinds_become_those_of_training(coder, tmp_path):
    colour, alpha = noise(9, 9, 3), noise(9, 9)
    grey = Image.fromarray(colour).convert("L")
    assert torch.equal(coder.encode(colour), coder.encode(grey))
    # Transparency lies on white, as `read_picture` gives it to the training.
    clear = Image.fromarray(np.dstack((colour, alpha)))
    white = Image.alpha_composite(Image.new("RGBA", (9, 9), "white"), clear).convert("RGB")
    assert torch.equal(coder.encode(clear), coder.encode(white))
    clear.save(tmp_path / "clear.png")
    assert torch.equal(coder.encode(tmp_path / "clear.png"), coder.encode(white))
    # 16 bits, in memory and in a file, are those of 8 bits for the same tones.
    eight = noise(9, 9, seed=1)
    deep = Image.fromarray(eight.astype(np.uint16) * 257)
    deep.save(tmp_path / "deep.png")
    for image in (deep, tmp_path / "deep.png", str(tmp_path / "deep.png")):
        assert torch.equal(coder.encode(image), coder.encode(eight))
    black_and_white = Image.fromarray(eight > 127)
    assert torch.equal(coder.encode(black_and_white), coder.encode(((eight > 127) * 255).astype(np.uint8)))


@pytest.mark.parametrize("small_autoencoder", [3], indirect=True)
def test_a_colour_model_sees_grey_as_three_channels_and_draws_rgb(coder):
    grey = noise(9, 9)
    assert torch.equal(coder.encode(grey), coder.encode(np.dstack([grey] * 3)))
    (picture,) = coder.pictures(coder.encode(grey))
    assert picture.render((20, 10)).mode == "RGB"


def test_decoding_is_the_models_and_a_latent_remembers_the_weights(coder, autoencoder_weights):
    codes = torch.randn(2, 6)
    function = coder.decode(codes, (14, 10))
    assert torch.equal(function.render((31, 17)), coder.model.decode(codes).render((31, 17)))
    assert function.size == (14, 10)
    assert coder.decode(codes).size == (8, 8)
    assert function.latent.model == coder.digest == sha256(autoencoder_weights)


def test_pictures_are_the_renderings_in_8_bits(coder):
    codes = torch.randn(3, 6)
    rendered = coder.decode(codes).render((16, 12)).clamp(0, 1).mul(255).round().to(torch.uint8)
    pictures = [np.asarray(picture.render((16, 12))) for picture in coder.pictures(codes)]
    # One at a time, sums may be rounded in another order.
    assert np.abs(np.stack(pictures).astype(int) - rendered[:, 0].numpy()).max() <= 1
    assert np.ptp(pictures[0]) > 20


def test_samples_are_those_of_the_mixture(coder):
    assert torch.equal(coder.sample(5, seed=3, temperature=0.5), coder.model.prior.sample(5, 3, 0.5))
    assert torch.equal(coder.sample(5), coder.sample(9)[:5])
    means = coder.sample(20, temperature=0.0)
    assert len(means.unique(dim=0)) == 2


@pytest.mark.parametrize("path", ["line", "sphere", "prior"])
def test_a_morph_begins_and_ends_with_its_pictures(coder, path):
    codes = coder.encode([noise(8, 8, seed=seed) for seed in (0, 1)])
    between = coder.morph(*codes, frames=4, path=path)
    assert between.shape == (4, 6)
    assert torch.equal(between[[0, -1]], codes)


def test_the_model_that_is_given_stays_as_it_is(small_autoencoder):
    _, model = small_autoencoder
    model.train()
    coder = Coder(model, "cpu")
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    code = coder.encode(noise(8, 8))
    assert not code.requires_grad
    # Not an inference tensor: codes may be optimised.
    code.requires_grad_().sum().backward()


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (torch.zeros(1, 3, 8, 8), r"image must have shape \(batch, 1, height, width\)"),
        (torch.zeros(1, 1, 0, 8), "no empty axis"),
        (torch.zeros(1, 1, 8, 8, dtype=torch.uint8), "must hold floats"),
        (torch.full((1, 1, 8, 8), 255.0), "divide by 255"),
        (torch.full((1, 1, 8, 8), torch.nan), "an image holds NaN or infinity"),
        ([], "there are no images"),
        (Image.new("I", (4, 4)), "mode I cannot be kept"),
    ],
)
def test_what_is_no_image_is_refused(coder, images, said):
    # Called as users do, without the tests' checks of shapes.
    encode = getattr(Coder.encode, "__wrapped__", Coder.encode)
    with pytest.raises(ValueError, match=said):
        encode(coder, images)


def test_files_that_are_no_single_picture_are_refused(coder, tmp_path):
    with pytest.raises(ImageError, match=r"none\.png"):
        coder.encode(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ImageError, match="not an image"):
        coder.encode(tmp_path / "text.png")
    frames = [Image.fromarray(noise(4, 4, 3, seed)) for seed in (0, 1)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match=r"film\.gif: animations are not supported here; extract"):
        coder.encode(tmp_path / "film.gif")


def test_codes_of_another_length_or_with_nan_are_refused(coder):
    with pytest.raises(ValueError, match="a code of this model has 6 numbers"):
        coder.decode(torch.zeros(1, 7))
    with pytest.raises(ValueError, match="NaN or infinity"):
        coder.decode(torch.full((1, 6), torch.nan))


def test_other_weights_and_devices_are_refused(small_weights, autoencoder_weights):
    with pytest.raises(WeightsError, match=f"{re.escape(str(small_weights))}: the weights are those of an upscaler.*"):
        Coder.from_pretrained(small_weights, "cpu")
    with pytest.raises(ValueError, match="device 'nowhere' is not available"):
        Coder.from_pretrained(autoencoder_weights, "nowhere")


def test_a_model_without_a_fitted_mixture_says_so(tmp_path, small_autoencoder):
    config, _ = small_autoencoder
    code = torch.zeros(6)
    for components, said in ((0, "distribution of codes"), (2, "train it to the end")):
        changed = dataclasses.replace(config, components=components)
        path = tmp_path / f"{components}.safetensors"
        save_weights(path, build_autoencoder(changed).state_dict(), changed, {})
        coder = Coder.from_pretrained(path, "cpu")
        with pytest.raises(ValueError, match=said):
            coder.sample(1)
        with pytest.raises(ValueError, match=said):
            coder.morph(code, code, 3, "sphere")
        assert coder.morph(code, code, 3).shape == (3, 6)


@pytest.mark.gpu
def test_a_gpu_gives_the_same_codes_and_pictures(autoencoder_weights):
    first, second = (Coder.from_pretrained(autoencoder_weights, device) for device in ("cpu", "cuda"))
    images = [noise(9, 9, seed=seed) for seed in (0, 1)]
    assert torch.allclose(first.encode(images), second.encode(images).cpu(), atol=1e-3)
    assert torch.equal(first.sample(4), second.sample(4).cpu())
    codes = second.encode(images)
    for path in ("line", "sphere", "prior"):
        drawn = second.decode(second.morph(*codes, 5, path)).render((16, 16)).cpu()
        expected = first.decode(first.morph(*codes.cpu(), 5, path)).render((16, 16))
        assert torch.allclose(drawn, expected, atol=1e-2)
