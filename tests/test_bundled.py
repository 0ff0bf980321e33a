"""The bundled weights keep what README says of them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from amortized_sr.data.mnist import read_mnist
from amortized_sr.image_io import read_picture
from amortized_sr.metrics import psnr
from amortized_sr.resize import degrade
from amortized_sr.upscaler import Upscaler
from amortized_sr.weights import DEFAULT_MODEL, bundled_models, load_weights

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def test_bundled_weights_say_how_they_were_trained_and_stay_small():
    assert DEFAULT_MODEL in bundled_models()
    for path in bundled_models().values():
        facts = load_weights(path).facts
        assert {"data", "metrics", "seconds", "seed", "steps", "versions"} <= facts.keys()
    assert sum(path.stat().st_size for path in bundled_models().values()) < 8_000_000


def test_mnist_weights_reach_their_quality_on_real_test_digits(shared_data, tmp_path):
    shutil.copytree(shared_data / "data" / "MNIST", tmp_path / "MNIST")
    store = read_mnist(tmp_path, train=False)
    digits = torch.from_numpy(np.stack([store[index] for index in range(1000)])).permute(0, 3, 1, 2).float() / 255
    upscaler = Upscaler.from_pretrained("mnist", device="cpu")
    for side, least in ((14, 30.5), (7, 21.9)):
        drawn = upscaler.upscale(degrade(digits, (side, side)), size=(28, 28))
        assert psnr(drawn, digits).mean() > least


def test_the_default_model_beats_lanczos_on_a_photograph_at_every_scale():
    picture = read_picture(EXAMPLES / "kitten_1024.jpg")
    crop = picture.crop((0, 0, picture.width // 24 * 24, picture.height // 24 * 24)).resize(
        (480, 480), 5, reducing_gap=3
    )
    target = torch.from_numpy(np.array(crop)).permute(2, 0, 1)[None].float() / 255
    upscaler = Upscaler.from_pretrained(device="cpu")
    for scale in (2, 3, 4, 8):
        side = 480 // scale
        image = degrade(target, (side, side))
        small = Image.fromarray((image[0] * 255).round().byte().permute(1, 2, 0).numpy())
        lanczos = torch.from_numpy(np.array(small.resize((480, 480), Image.Resampling.LANCZOS)))
        lanczos = lanczos.permute(2, 0, 1)[None].float() / 255
        ours = upscaler.upscale(image, size=(480, 480))
        assert psnr(ours, target, shave=scale) > psnr(lanczos, target, shave=scale) + 0.2


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_flat_image_stays_flat(value):
    drawn = Upscaler.from_pretrained(device="cpu").upscale(torch.full((1, 3, 9, 9), value), scale=7.0)
    assert (drawn - value).abs().max() < 0.02
