import math

import numpy as np
import pytest
import torch

from amortized_sr.degradation import Degradation
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.metrics import cross_scale_consistency, lr_consistency, luma, psnr, ssim


def test_psnr_is_ten_log_ten_of_the_mean_squared_error_of_each_image():
    random = np.random.default_rng(0)
    prediction, target = random.random((2, 4, 3, 9, 7), dtype=np.float32)
    expected = -10 * np.log10(((prediction - target) ** 2).mean(axis=(1, 2, 3)))
    np.testing.assert_allclose(psnr(torch.tensor(prediction), torch.tensor(target)), expected, rtol=1e-5)


def test_psnr_clamps_the_prediction_and_does_not_round_it():
    target = torch.ones(1, 1, 4, 4)
    assert psnr(target + 3, target).item() == math.inf
    assert psnr(target - 0.001, target).item() == pytest.approx(60, abs=1e-3)


def test_psnr_leaves_the_border_out():
    target = torch.zeros(1, 1, 8, 8)
    prediction = torch.full((1, 1, 8, 8), 0.1)
    prediction[..., 0, :] = 1
    assert psnr(prediction, target, shave=1).item() == pytest.approx(20)
    assert psnr(prediction, target).item() < 20


def test_luma_has_matlabs_weights():
    levels = torch.tensor([[255.0, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]) / 255
    y = luma(levels.reshape(4, 3, 1, 1)).flatten() * 255
    # rgb2ycbcr of 8-bit red, green, blue and white.
    torch.testing.assert_close(y, torch.tensor([81.48, 144.55, 40.97, 235.0]), atol=0.01, rtol=0)


def test_ssim_is_that_of_the_paper():
    random = np.random.default_rng(1)
    target = random.random((40, 36))
    prediction = np.clip(target + random.normal(0, 0.1, target.shape), 0, 1)
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets**2) / (2 * 1.5**2))
    window = np.outer(window, window) / window.sum() ** 2

    def mean(values):
        patches = np.lib.stride_tricks.sliding_window_view(values, (11, 11))
        return np.einsum("hwij,ij->hw", patches, window)

    first, second = mean(prediction), mean(target)
    variances = mean(prediction**2) - first**2, mean(target**2) - second**2
    covariance = mean(prediction * target) - first * second
    similarity = (2 * first * second + 0.01**2) * (2 * covariance + 0.03**2)
    similarity /= (first**2 + second**2 + 0.01**2) * (variances[0] + variances[1] + 0.03**2)
    measured = ssim(*(torch.tensor(image[None, None], dtype=torch.float32) for image in (prediction, target)))
    assert measured.tolist() == pytest.approx([similarity.mean()], abs=1e-5)


def test_ssim_of_images_smaller_than_its_window_is_not_a_number():
    image = torch.rand(2, 3, 12, 12)
    assert ssim(image, image).tolist() == pytest.approx([1, 1])
    assert ssim(image, image, shave=1).isnan().tolist() == [True, True]


def test_an_image_shrunk_again_is_consistent_and_a_wrong_one_is_not():
    target = torch.rand(2, 1, 24, 24)
    image = Degradation()(target, (12, 12)).image
    # Rounding to 8 bits is all that is left: 20 log10(255 * sqrt(12)) = 58.9 dB, twice rounded 55.9 dB.
    assert lr_consistency(target, image).min() > 54
    assert lr_consistency(1 - target, image).max() < 30


def test_box_averages_agree_across_scales_and_other_filters_do_not():
    image = torch.rand(1, 1, 8, 8)
    for kind, low, high in (("nearest", 100, math.inf), ("lanczos", 20, 60)):
        function = InterpolatedImage.like_pillow(image, kind)
        assert low < cross_scale_consistency(function.render((32, 32)), function.render((16, 16))).item() <= high
