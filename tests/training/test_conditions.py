"""Training with a degradation whose strength the network reads."""

import torch

from amortized_sr.degradation import add_conditions
from amortized_sr.training.command import train
from amortized_sr.weights import load_weights

NOISY = ["--data.degradation.noise", "[0, 50]", "--data.degradation.clean_share", "0.3"]


def test_a_network_that_reads_the_noise_level_is_trained_exported_and_used(arguments, tmp_path):
    assert train([*arguments, *NOISY, "--model.network.conditions", "[noise]", "--model.learning_rate", "0.01"]) == 0

    trained = load_weights(tmp_path / "run")

    assert trained.config.conditions == ("noise",)
    assert trained.facts["data"]["degradation"] == {"noise": [0.0, 50.0], "clean_share": 0.3}
    assert (tmp_path / "run" / "samples" / "step_0000004.png").exists()
    image = torch.rand(2, 1, 9, 7)
    told = [trained.model(add_conditions(image, torch.full((2, 1), level)), (18, 14)) for level in (0.0, 0.2)]
    assert not torch.equal(*told)


def test_a_network_and_a_degradation_that_do_not_fit_are_refused(arguments, tmp_path, capsys):
    for wrong in (NOISY, ["--model.network.conditions", "[noise]"]):
        assert train([*arguments, *wrong]) == 2
        assert "set network.conditions and data.degradation alike" in capsys.readouterr().err
        assert not (tmp_path / "run" / "model.safetensors").exists()
