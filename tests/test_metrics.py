import math

import numpy as np
import pytest
import torch

from amortized_sr.metrics import psnr


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
