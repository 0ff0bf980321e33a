import math

import pytest
import torch

from amortized_sr.layers import Conv1x1, Conv3x3, SineLayer


@pytest.mark.parametrize("omega", [1.0, 30.0])
def test_preactivations_keep_their_distribution_through_depth(omega):
    # SIREN's claim: after the first layers, omega (W x + b) has about unit deviation, whatever the depth.
    hidden = SineLayer(2, 256, 30.0, first=True)(torch.rand(4000, 2) * 2 - 1)
    deviations = []
    for _ in range(6):
        layer = SineLayer(256, 256, omega)
        torch.nn.init.zeros_(layer.linear.bias)
        deviations.append((omega * layer.linear(hidden)).std().item())
        hidden = layer(hidden)
    assert all(deviation == pytest.approx(1, abs=0.15) for deviation in deviations)


def test_scale_and_shift_change_the_preactivation():
    layer = SineLayer(3, 4, 2.0)
    inputs = torch.randn(5, 3)
    before = 2.0 * layer.linear(inputs)
    torch.testing.assert_close(layer(inputs, 0.5, math.pi), torch.sin(before * 1.5 + math.pi))


def test_convolution_under_autocast_equals_torch_padding():
    # It converts before padding instead of after; the values that are convolved are the same.
    layer = Conv3x3(5, 7)
    plain = torch.nn.Conv2d(5, 7, 3, padding=1, padding_mode="replicate")
    plain.load_state_dict(layer.state_dict())
    image = torch.randn(2, 5, 6, 4, requires_grad=True)
    twin = image.detach().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        ours, theirs = layer(image), plain(twin)
    assert ours.dtype == theirs.dtype == torch.bfloat16
    assert torch.equal(ours, theirs)
    for output in (ours, theirs):
        output.float().square().sum().backward()
    torch.testing.assert_close(image.grad, twin.grad, rtol=0.02, atol=0.02)
    assert torch.equal(layer(image), plain(image))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_convolution_of_single_pixels_equals_a_matrix_at_each(threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    layer, features = Conv1x1(5, 7), torch.rand(2, 5, 4, 3)
    expected = torch.einsum("oi,bihw->bohw", layer.weight[:, :, 0, 0], features) + layer.bias[:, None, None]
    torch.testing.assert_close(layer(features), expected)
    torch.set_num_threads(before)
