import math

import pytest
import torch

from amortized_sr.layers import SineLayer


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
