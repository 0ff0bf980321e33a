import dataclasses
import json
import math
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from amortized_sr.benchmark.evaluation import evaluate
from amortized_sr.benchmark.faults import Faults
from amortized_sr.benchmark.methods import MethodSettings, method
from amortized_sr.benchmark.protocol import describe, evaluation_pair, measure
from amortized_sr.choices import Convention


def test_integer_scales_crop_to_a_multiple_and_shrink_as_pillow_does():
    random = np.random.default_rng(0)
    levels = random.integers(0, 256, (23, 31, 3), dtype=np.uint8)
    target = torch.from_numpy(levels).permute(2, 0, 1)[None].float() / 255
    pair = evaluation_pair(target, 3.0)
    assert torch.equal(pair.target, target[..., :21, :30])
    expected = Image.fromarray(levels[:21, :30]).resize((10, 7), Image.Resampling.BICUBIC)
    found = (pair.image[0].permute(1, 2, 0) * 255).round().numpy()
    assert np.abs(found - np.asarray(expected, np.float32)).max() <= 1


@pytest.mark.slow
@given(scale=st.floats(1, 9), height=st.integers(9, 60), width=st.integers(9, 60))
def test_any_scale_gives_a_target_of_that_scale(scale, height, width):
    pair = evaluation_pair(torch.zeros(1, 1, height, width), scale)
    for image, target, whole in zip(pair.image.shape[2:], pair.target.shape[2:], (height, width), strict=True):
        assert target <= whole
        assert abs(target - image * scale) <= 0.5 + 1e-6


@pytest.mark.parametrize("scale", [0.5, math.nan, math.inf, 100.0])
def test_senseless_scales_are_refused(scale):
    with pytest.raises(ValueError, match="scale"):
        evaluation_pair(torch.zeros(1, 1, 12, 12), scale)


def twice(image):
    return image.repeat_interleave(2, dim=-2).repeat_interleave(2, dim=-1)


def test_a_grey_image_is_measured_as_the_colour_image_that_it_is():
    image, target = torch.rand(2, 1, 1, 24, 24)
    grey = measure("y", image, twice(image), target, image, 2.0)[0]
    colour = measure("y", *(one.expand(-1, 3, -1, -1) for one in (image, twice(image), target, image)), 2.0)[0]
    assert grey.psnr == pytest.approx(colour.psnr, abs=1e-4)
    assert grey.ssim == pytest.approx(colour.ssim, abs=1e-5)


def pillow_psnr(drawn, target, convention, scale):
    """The same figures with numpy alone."""
    difference = drawn.astype(np.float64) - target
    if convention == "y":
        difference = (difference * np.array([65.738, 129.057, 25.064]) / 256).sum(axis=2)
    shave = {"y": scale, "rgb": scale + 6, "plain": 0}[convention]
    if shave:
        difference = difference[shave:-shave, shave:-shave]
    return 10 * math.log10(255**2 / np.square(difference).mean())


@pytest.mark.parametrize("convention", get_args(Convention))
def test_conventions_agree_with_pillow_and_numpy(convention):
    y, x = np.mgrid[0:48, 0:56]
    levels = np.stack([127 + 100 * np.sin(x / 3 + k) * np.cos(y / (4 + k)) for k in range(3)], axis=2)
    levels = levels.round().astype(np.uint8)
    small = Image.fromarray(levels).resize((28, 24), Image.Resampling.BICUBIC)
    drawn = np.asarray(small.resize((56, 48), Image.Resampling.BICUBIC))
    tensors = [torch.from_numpy(np.array(array)).permute(2, 0, 1)[None] / 255 for array in (drawn, levels, small)]
    drawn_tensor, target, image = tensors
    quality = measure(convention, drawn_tensor, twice(drawn_tensor), target, image, 2.0)[0]
    assert quality.psnr == pytest.approx(pillow_psnr(drawn, levels, convention, 2), abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_on_set5_is_what_pillow_and_numpy_say(shared_data, scale):
    found, expected = [], []
    for path in sorted((shared_data / "data" / "Set5").glob("*.png")):
        levels = np.asarray(Image.open(path).convert("RGB"))
        height, width = (side - side % scale for side in levels.shape[:2])
        levels = levels[:height, :width]
        small = Image.fromarray(levels).resize((width // scale, height // scale), Image.Resampling.BICUBIC)
        # In floating point, because the protocol does not round predictions and Pillow's 8-bit resize does.
        planes = [Image.fromarray(np.asarray(plane, np.float32)) for plane in small.split()]
        planes = [np.asarray(plane.resize((width, height), Image.Resampling.BICUBIC)) for plane in planes]
        drawn = np.stack(planes, axis=2).clip(0, 255)
        expected.append(pillow_psnr(drawn, levels, "y", scale))
        pair = evaluation_pair(torch.from_numpy(levels.copy()).permute(2, 0, 1)[None] / 255, float(scale))
        result = evaluate(method("bicubic", MethodSettings()), pair.image, pair.target, (height, width), "y")
        found.append(result.predictions[0].quality.psnr)
    assert len(found) == 5
    assert np.mean(found) == pytest.approx(np.mean(expected), abs=0.01)


def test_what_cannot_be_measured_is_none_and_perfect_is_a_number_that_json_has():
    image = torch.rand(1, 3, 12, 12)
    assert measure("rgb", image, twice(image), image, image, 2.0)[0].psnr is None
    assert measure("y", image, twice(image), None, image, 1.0)[0].psnr is None
    assert measure("y", image, twice(image), image, None, 1.0)[0].lr_consistency is None
    perfect = measure("plain", image, twice(image), image, image, 1.0)[0]
    assert perfect.psnr == 200
    assert json.loads(json.dumps(dataclasses.asdict(perfect), allow_nan=False))["lr_consistency"] == 200


@pytest.mark.parametrize("convention", get_args(Convention))
def test_an_image_that_keeps_its_size_is_measured_to_its_border(convention):
    image = torch.rand(1, 3, 40, 40)
    wrong = image.clone()
    wrong[..., 0, :] = 1 - wrong[..., 0, :]
    at_one, at_two = (measure(convention, wrong, twice(wrong), image, image, scale)[0].psnr for scale in (1.0, 2.0))
    assert at_one < 40
    assert (at_two == 200) == (convention != "plain")


@pytest.mark.parametrize("wrong", [{"noise": -1.0}, {"noise": 76.0}, {"noise": math.nan}, {"jpeg": 101}, {"jpeg": -1}])
def test_faults_that_no_model_can_be_told_are_refused(wrong):
    with pytest.raises(ValueError, match="must be between 0 and"):
        Faults(**wrong)


@pytest.mark.parametrize("convention", get_args(Convention))
def test_every_convention_says_what_it_is(convention):
    assert "rounded to 8 bits" in describe(convention)
