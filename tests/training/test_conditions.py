"""Training with a degradation whose strength the network reads."""

import re

import pytest
import torch

from amortized_sr.degradation import Degradation
from amortized_sr.jpeg_strength import condition_of_step, step_of_quality
from amortized_sr.metrics import psnr
from amortized_sr.model_config import ModelConfig
from amortized_sr.picture_tensor import add_conditions
from amortized_sr.training.command import train, validate
from amortized_sr.training.super_resolution import SuperResolutionTask
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


BOTH = [
    *NOISY, "--data.degradation.jpeg", "[10, 90]", "--model.network.conditions", "[noise, jpeg]",
    "--model.val_noise", "[20]", "--model.val_jpeg", "[30]",
]  # fmt: skip


def test_the_best_checkpoint_is_chosen_over_clean_and_faulty_inputs(arguments, tmp_path, capsys):
    assert train([*arguments, *BOTH]) == 0
    metrics = load_weights(tmp_path / "run").facts["metrics"]
    clean = [metrics.pop(f"val/psnr_x{scale}") for scale in (2, 4)]
    faulty = [metrics.pop(f"val/psnr_{name}_x{scale}") for name in ("noise20", "jpeg30") for scale in (1, 2)]
    assert metrics.pop("val/psnr") == pytest.approx(sum(clean) / 4 + sum(faulty) / 8, abs=0.002)
    assert metrics == {}

    # The same numbers decide the noise of another process.
    capsys.readouterr()
    assert validate(["--config", str(tmp_path / "run" / "config.yaml")]) == 0
    printed = re.findall(r"_(noise20|jpeg30)_x\d ([\d.]+) dB", capsys.readouterr().out)
    assert [float(value) for _, value in printed] == pytest.approx(faulty, abs=0.006)


def test_the_network_is_told_the_strengths_of_its_validation_images(told_weights, monkeypatch):
    trained, target = load_weights(told_weights), torch.randint(0, 256, (2, 3, 300, 20), dtype=torch.uint8)
    task = SuperResolutionTask(trained.config, val_noise=(25.0,), val_jpeg=(40,), val_faulty_scales=(2,))
    task.model = trained.model
    logged = {}
    monkeypatch.setattr(task, "log", lambda name, value, **_: logged.update({name: value}))
    task.validation_step(target, 3)

    # The middle of the third batch's images, whose numbers begin at three times the largest batch.
    middle = target[:, :, 22:278] / 255
    noisy = Degradation(noise=(25.0, 25.0), rounded_share=0.0)(middle, (128, 10), first=768)
    compressed = Degradation(jpeg=(40, 40))(middle, (128, 10), first=768)
    conditions = {"noise25": (25 / 255, 0.0), "jpeg40": (0.0, condition_of_step(step_of_quality(40)))}
    for (name, told), image in zip(conditions.items(), (noisy.image, compressed.image), strict=True):
        drawn = trained.model(add_conditions(image, torch.tensor([told, told])), (256, 20))
        torch.testing.assert_close(logged[f"val/psnr_{name}_x2"], psnr(drawn, middle).mean(), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"val_noise": (15.0,)}, "val_noise needs a network that reads noise; add it to network.conditions"),
        ({"val_jpeg": (40,)}, "val_jpeg needs a network that reads jpeg"),
        ({"val_noise": (99.0,)}, "noise must be between 0 and 75, got 99"),
        ({"val_noise": (float("nan"),)}, "got nan"),
        ({"val_jpeg": (0,)}, "must be above 0; clean inputs are measured at val_scales anyway"),
        ({"val_faulty_scales": (0,)}, "val_faulty_scales must be integers of at least 1"),
    ],
)
def test_validations_without_a_meaning_are_refused(settings, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        SuperResolutionTask(ModelConfig(), **settings)
