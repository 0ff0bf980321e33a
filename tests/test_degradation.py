"""Degradation: what both training pairs and the benchmark make their inputs with."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from amortized_sr.degradation import Degradation, add_conditions


def _pillow(image, size):
    picture = Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    return np.asarray(picture)


@settings(max_examples=60)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    scale=st.floats(1.0, 8.0),
    seed=st.integers(0, 2**32 - 1),
)
def test_degrade_is_pillows_antialiased_bicubic_within_one_level(height, width, scale, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    size = max(1, round(height / scale)), max(1, round(width / scale))
    ours = Degradation()(torch.from_numpy(image)[None, None].float() / 255, size).image[0, 0] * 255
    assert np.abs(ours.numpy() - _pillow(image, size).astype(float)).max() <= 1.01


def test_degrade_gives_multiples_of_one_level():
    levels = Degradation()(torch.rand(1, 3, 31, 17), (9, 8)).image * 255
    torch.testing.assert_close(levels, levels.round(), atol=1e-4, rtol=0)
    assert levels.min() >= 0
    assert levels.max() <= 255


def test_degrade_to_the_same_size_only_rounds():
    image = torch.rand(1, 1, 6, 5)
    torch.testing.assert_close(Degradation()(image, (6, 5)).image, (image * 255).round() / 255)


# --- noise, the first condition ---

NOISY = Degradation(noise=(5.0, 50.0), clean_share=0.3)


def test_noise_is_a_function_of_the_seed_and_the_sample_number():
    target = torch.rand(6, 3, 20, 20)
    whole = NOISY(target, (10, 10), seed=3, first=40)
    for index in range(6):
        alone = NOISY(target[index : index + 1], (10, 10), seed=3, first=40 + index)
        torch.testing.assert_close(alone.planes, whole.planes[index : index + 1])
    assert not torch.equal(NOISY(target, (10, 10), seed=4, first=40).image, whole.image)


def test_the_noise_has_the_deviation_that_its_condition_says():
    flat = torch.full((40, 1, 64, 64), 0.5)
    image, conditions = NOISY(flat, (64, 64))
    assert NOISY.conditions == ("noise",)
    assert conditions.shape == (40, 1)
    assert 0.1 < (conditions == 0).float().mean() < 0.6
    measured = image.flatten(1).std(dim=1)
    torch.testing.assert_close(measured, conditions[:, 0], atol=0.01, rtol=0.05)


def test_a_clean_sample_is_that_of_no_noise():
    target = torch.rand(30, 1, 12, 12)
    noisy, clean = NOISY(target, (6, 6)), Degradation()(target, (6, 6))
    untouched = noisy.conditions[:, 0] == 0
    assert untouched.any()
    assert torch.equal(noisy.image[untouched], clean.image[untouched])
    assert clean.conditions.shape == (30, 0)
    assert torch.equal(clean.planes, clean.image)


def test_conditions_become_constant_planes_behind_the_colours():
    planes = add_conditions(torch.rand(2, 3, 4, 5), torch.tensor([[0.1], [0.2]]))
    assert planes.shape == (2, 4, 4, 5)
    assert (planes[1, 3] == 0.2).all()


@pytest.mark.parametrize("setting", [{"noise": (5.0, 1.0)}, {"noise": (-1.0, 1.0)}, {"clean_share": 1.5}])
def test_senseless_degradations_are_refused(setting):
    with pytest.raises(ValueError, match="must"):
        Degradation(**setting)
