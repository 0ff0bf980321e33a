"""A random small model for the tests of the server."""

from pathlib import Path

import pytest
import torch
from torch import nn

from amortized_sr.model_builder import build_model
from amortized_sr.model_config import ModelConfig
from amortized_sr.weights import save_weights


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that the page can draw with, and that change every pixel."""
    torch.manual_seed(0)
    config = ModelConfig(encoder_width=8, encoder_blocks=1, head_width=16, frequencies=2)
    model = build_model(config)
    nn.init.normal_([*model.head.children()][-1].weight, std=0.1)
    path = tmp_path_factory.mktemp("served") / "small.safetensors"
    save_weights(path, model.state_dict(), config, {})
    return path


@pytest.fixture(scope="session")
def plain_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that are not trained: what they draw is nearly plain interpolation."""
    torch.manual_seed(0)
    config = ModelConfig(encoder_width=8, encoder_blocks=1, head_width=16, frequencies=2)
    path = tmp_path_factory.mktemp("served") / "plain.safetensors"
    save_weights(path, build_model(config).state_dict(), config, {})
    return path
