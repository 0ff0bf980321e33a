"""Denoisers of other packages: what they are told, what comes back, and a sentence where they are missing."""

import sys
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
import torch

from amortized_sr.benchmark import peers
from amortized_sr.benchmark.faults import CLEAN, Faults
from amortized_sr.benchmark.methods import Method, MethodError, MethodSettings, method, render_on_cpu
from amortized_sr.choices import DenoiserName
from amortized_sr.metrics import psnr


def smooth(channels=3):
    y, x = torch.meshgrid(torch.arange(48) / 9, torch.arange(40) / 7, indexing="ij")
    return torch.stack([0.5 + 0.3 * torch.sin(x + k) * torch.cos(y - k) for k in range(channels)])[None]


def drawn(name, images, faults, size=None):
    return render_on_cpu(method(name, MethodSettings()).make(images, faults).function, size or images.shape[-2:])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", get_args(DenoiserName))
def test_a_denoiser_that_is_told_the_noise_removes_most_of_it(name, channels):
    pytest.importorskip("bm3d" if name == "bm3d" else "skimage", reason="needs the extra `peers`")
    clean = smooth(channels)
    noisy = clean + 25 / 255 * torch.randn(clean.shape)
    result = drawn(name, noisy, Faults(25.0))
    assert result.shape == clean.shape
    assert psnr(result, clean) > psnr(noisy, clean) + 4
    assert torch.equal(drawn(name, noisy, CLEAN), noisy)


@pytest.fixture
def fake(monkeypatch):
    """A package `bm3d` that notes what it is given and returns grey."""
    given = []

    def grey(image, sigma):
        given.append((image, sigma))
        return np.full_like(image, 0.25)

    monkeypatch.setitem(sys.modules, "bm3d", SimpleNamespace(bm3d_rgb=grey, bm3d=grey))
    monkeypatch.setattr(peers.metadata, "version", lambda package: "1.2")
    return given


def test_images_go_one_by_one_with_the_channels_last_and_white_as_one(fake):
    images = torch.rand(2, 3, 6, 7) * 3 - 1
    result = drawn("bm3d", images, Faults(51.0))
    assert torch.equal(result, torch.full_like(images, 0.25))
    for (array, sigma), image in zip(fake, images, strict=True):
        assert sigma == pytest.approx(0.2)
        # Unclipped, as measurements of denoising are published.
        assert np.array_equal(array.astype(np.float32), image.permute(1, 2, 0).numpy())
    drawn("bm3d", images[:, :1], Faults(51.0))
    assert fake[-1][0].shape == (6, 7)


def test_a_model_enlarges_what_the_denoiser_leaves_and_is_told_the_rest(fake, told_weights):
    images = torch.rand(1, 3, 6, 7)
    model = f"amortized:{told_weights}"
    result = drawn(f"bm3d+{model}", images, Faults(51.0, 40), (12, 14))
    expected = drawn(model, torch.full_like(images, 0.25), Faults(jpeg=40), (12, 14))
    assert torch.equal(result, expected)


def test_results_belong_to_a_version_of_the_package(fake):
    found: Method = method("bm3d+amortized", MethodSettings())
    assert found.identity.startswith("bm3d 1.2 ")
    assert len(found.identity) > 64


@pytest.mark.parametrize("name", get_args(DenoiserName))
def test_a_missing_package_is_a_sentence_with_the_command_that_installs_it(name, monkeypatch):
    for package in ("bm3d", "skimage", "skimage.restoration", "pywt"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MethodError, match=rf"{name} needs packages .*; pip install 'amortized-sr\[peers\]'"):
        method(name, MethodSettings())
