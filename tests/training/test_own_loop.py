"""The training loop that the documentation shows: fifteen lines with the public functions only."""

import pytest
import torch

from amortized_sr.degradation import Degradation
from amortized_sr.model_builder import build_model
from amortized_sr.model_config import ModelConfig
from amortized_sr.weights import load_weights, save_weights


@pytest.mark.slow
def test_an_own_training_loop_learns_and_its_weights_load(tmp_path):
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    photographs = torch.stack([0.5 + 0.4 * torch.sin(x * (0.3 + 0.1 * i)) * torch.cos(y * 0.4) for i in range(8)])
    photographs = photographs[:, None].expand(-1, 3, -1, -1)
    losses = []

    config = ModelConfig(encoder_width=8, encoder_blocks=1, head_width=16, frequencies=2)
    model = build_model(config)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(60):
        target = photographs[torch.randint(len(photographs), (4,))]
        size = 8 + step % 9  # a scale from 2 to 4
        function = model.encode(Degradation()(target, (size, size)).image)
        loss = (function.render((32, 32)) - target).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    save_weights(tmp_path / "mine.safetensors", model.state_dict(), config, {"steps": 60})

    assert sum(losses[-9:]) < 0.9 * sum(losses[:9])
    loaded = load_weights(tmp_path / "mine.safetensors")
    assert loaded.config == config
    image = Degradation()(photographs[:1], (11, 13)).image
    torch.testing.assert_close(loaded.model(image, (40, 30)), model(image, (40, 30)))
