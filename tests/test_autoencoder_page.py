"""docs/autoencoder.md runs as it stands and prints what it says."""

import pytest
import torch
from pages import blocks, run_in

from amortized_sr.autoencoder_config import AutoencoderConfig
from amortized_sr.model_builder import build_autoencoder
from amortized_sr.weights import save_weights


@pytest.mark.slow
def test_every_block_prints_what_the_page_shows(tmp_path):
    config = AutoencoderConfig(components=2)
    autoencoder = build_autoencoder(config)
    assert autoencoder.prior is not None
    autoencoder.prior.fit(torch.randn(200, config.code), seed=0)
    save_weights(tmp_path / "random.safetensors", autoencoder.state_dict(), config, {})
    found = blocks("autoencoder.md")
    assert len(found) == 4
    # The page prints sizes, which do not depend on the weights.
    code = "\n".join(block.code for block in found)
    assert code.count("Coder.from_pretrained()") == 1
    printed = run_in(tmp_path, code.replace("from_pretrained()", "from_pretrained('random.safetensors')"))
    assert printed == "".join(block.output or "" for block in found)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["examples", "random.safetensors", "seven.png", "middle.png", "film.webp", *(f"new_{n}.png" for n in range(3))]
    )
