"""Training that starts from weights: `--init`."""

import re
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image, ImageDraw

from amortized_sr.model_builder import build
from amortized_sr.model_config import ModelConfig
from amortized_sr.training.checkpoint import start_from
from amortized_sr.training.command import train, validate
from amortized_sr.training.super_resolution import SuperResolutionTask
from amortized_sr.weights import load_weights, save_weights
from amortized_sr.weights_header import bundled_models, sha256

ROOT = Path(__file__).resolve().parents[2]

SMALL = {"encoder_width": 8, "encoder_blocks": 1, "frequencies": 1}


@pytest.fixture
def first(tmp_path, task):
    """Weights of the network that `arguments` trains, in the folder of a run."""
    if task == "upscaler":
        config = replace(load_weights("mnist").config, **SMALL, head_width=8)
    else:
        small = {"code": 6, "encoder_width": 8, "hidden": 8, "decoder_width": 4, "components": 2}
        config = replace(load_weights("mnist-autoencoder").config, **small)
    (tmp_path / "first").mkdir()
    save_weights(tmp_path / "first" / "model.safetensors", build(config).state_dict(), config, {})
    return tmp_path / "first" / "model.safetensors"


def distance(one, other):
    states = [load_weights(path).model.state_dict() for path in (one, other)]
    # The mixture of an autoencoder's codes is fitted anew.
    kept = [name for name in states[0] if not name.startswith("prior.")]
    return max((states[0][name] - states[1][name]).abs().max().item() for name in kept)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["upscaler", "autoencoder"])
def test_a_run_starts_from_the_weights_and_says_so(arguments, first, tmp_path):
    slow = ["--model.learning_rate", "1e-8", "--trainer.max_steps", "2"]
    # The folder of a run stands for its weights.
    assert train([*arguments, *slow, "--init", str(first.parent)]) == 0
    run = tmp_path / "run"
    # Random weights of another seed are 0.1 and more apart.
    assert distance(run / "model.safetensors", first) < 1e-6
    assert load_weights(run).facts["init"] == {"weights": "model", "sha256": sha256(first)}
    assert f"init: {first.parent}\n" in (run / "config.yaml").read_text()
    assert str(tmp_path) not in str(load_weights(run).facts)


@pytest.mark.slow
def test_a_resumed_run_remembers_what_it_started_from_and_needs_it_no_more(arguments, first, tmp_path):
    assert train([*arguments, "--init", str(first)]) == 0
    facts = load_weights(tmp_path / "run").facts
    first.unlink()
    again = ["--config", str(tmp_path / "run" / "config.yaml"), "--ckpt_path", "last", "--trainer.max_steps", "6"]
    assert train(again) == 0
    resumed = load_weights(tmp_path / "run").facts
    assert (resumed["steps"], resumed["init"]) == (6, facts["init"])
    assert validate(["--config", str(tmp_path / "run" / "config.yaml")]) == 0


@pytest.mark.parametrize("expansion", [0, 2])
def test_expanded_convolutions_compute_what_the_weights_do(told_weights, expansion):
    trained = load_weights(told_weights)
    task = SuperResolutionTask(trained.config, expansion=expansion)
    start_from(str(told_weights), task)
    planes = torch.rand(1, 5, 9, 8)
    torch.testing.assert_close(task.model(planes, (18, 16)), trained.model(planes, (18, 16)), atol=1e-5, rtol=1e-5)
    for name, tensor in task.plain_state(task.model.state_dict()).items():
        torch.testing.assert_close(tensor, trained.model.state_dict()[name], atol=1e-6, rtol=1e-5)


EDSR = ModelConfig(encoder_width=8, encoder_blocks=3, head_width=8)
HYBRID = replace(EDSR, encoder="hybrid", half_width=6, half_blocks=2)


@pytest.mark.parametrize("expansion", [0, 1])
@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        (EDSR, replace(EDSR, conditions=("noise", "jpeg"))),
        (EDSR, replace(EDSR, encoder="hybrid", half_width=6, half_blocks=2)),
        (EDSR, replace(EDSR, encoder="hybrid", conditions=("jpeg",))),
        (replace(EDSR, conditions=("noise",)), replace(EDSR, encoder="hybrid", conditions=("noise", "jpeg"))),
        (replace(EDSR, skip="none", head_width=0), replace(EDSR, skip="none", head_width=0, conditions=("noise",))),
        (EDSR, replace(EDSR, encoder_blocks=5)),
        (EDSR, replace(EDSR, encoder="hybrid", encoder_blocks=6, half_width=6, half_blocks=2)),
        (HYBRID, replace(HYBRID, encoder_blocks=6, half_blocks=3)),
    ],
    ids=[
        "conditions",
        "hybrid",
        "both",
        "more conditions",
        "nothing below",
        "more blocks",
        "hybrid with more blocks",
        "more blocks of a hybrid",
    ],
)
def test_a_larger_network_begins_with_what_the_weights_draw(tmp_path, config, wanted, expansion):
    trained = build(config)
    for parameter in trained.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    save_weights(tmp_path / "small.safetensors", trained.state_dict(), config, {})
    task = SuperResolutionTask(wanted, expansion=expansion)
    start_from(str(tmp_path / "small.safetensors"), task)
    planes = torch.rand(2, 3 + len(wanted.conditions), 9, 7)
    expected = trained(planes[:, : 3 + len(config.conditions)], (20, 15))
    if config.conditions:  # The strongest condition decides how far the own correction counts.
        planes[:, 3 + len(config.conditions) :] = 0
    drawn = task.model(planes, (20, 15))
    torch.testing.assert_close(drawn, expected, atol=1e-5, rtol=1e-5)

    # What is new can be learned.
    (drawn - torch.rand_like(drawn)).square().mean().backward()
    torch.optim.Adam(task.parameters(), 1e-2).step()
    task.zero_grad()
    task.model(planes + 0.1, (20, 15)).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in task.model.parameters())


def test_a_field_that_begins_to_keep_the_tone_keeps_the_picture(tmp_path):
    # At the finest cell only the mean of the code's first function is lost, and here it has none.
    config = replace(EDSR, conditions=("noise",), finest_cell=0.5)
    trained = build(config)
    for parameter in trained.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    layer = trained.get_submodule("head.codes.4")
    functions = trained.field.basis
    with torch.no_grad():
        functions.frequency.copy_(torch.tensor([1.5, 2.5]))
        means = functions.damping(torch.tensor(0.5))[1:] * functions.means()
        whole = torch.cat((torch.ones(1), means, torch.zeros(2)))
        # The codes times what their functions add in all, in x and y; the first one takes the rest.
        added = (whole[:, None] * whole).flatten()
        for tensor in (layer.weight, layer.bias):
            codes = tensor.unflatten(0, (3, 25))
            codes[:, 0] -= torch.einsum("a,ca...->c...", added, codes)
    save_weights(tmp_path / "small.safetensors", trained.state_dict(), config, {})
    task = SuperResolutionTask(replace(config, keeps_tone=True))
    start_from(str(tmp_path / "small.safetensors"), task)

    planes = torch.rand(2, 4, 9, 7)
    torch.testing.assert_close(task.model(planes, (20, 15)), trained(planes, (20, 15)), atol=1e-5, rtol=1e-5)


def test_training_leaves_the_tone_kept():
    config = replace(EDSR, keeps_tone=True)
    task = SuperResolutionTask(config, expansion=1)
    optimizer = torch.optim.Adam(task.parameters(), 1e-2)
    image = torch.rand(2, 3, 9, 7)
    for _ in range(5):
        optimizer.zero_grad()
        (task.model(image, (18, 14)) - torch.rand(2, 3, 18, 14)).square().mean().backward()
        optimizer.step()
    model = build(config)
    model.load_state_dict(task.plain_state(task.model.state_dict()))
    codes = model.eval().encode(image).latent.codes.unflatten(1, (3, 25))
    assert codes[:, :, 0].abs().max() == 0
    assert (codes[:, :, 1:].abs().amax(dim=(0, 3, 4)) > 1e-3).all()


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (["--init", "nosuch"], "no weights named 'nosuch'; bundled are"),
        (["--init", "mnist"], "has the network encoder_width 48, not 8; encoder_blocks 5, not 1; head_width 64, not 8"),
        (["--init", "mnist-morph"], "holds an autoencoder; set --task autoencoder"),
        (["--init", "other.safetensors"], "has the network conditions ('noise',), not (); set --model.network alike"),
        (["--init", "mnist", "--ckpt_path", "last"], "--init starts a new run and --ckpt_path resumes one; omit one"),
        (["--init=mnist", "--ckpt_path=last"], "--init starts a new run and --ckpt_path resumes one; omit one"),
    ],
)
def test_weights_that_do_not_fit_are_a_sentence_before_anything_is_written(
    arguments, tmp_path, capsys, extra, sentence
):
    config = replace(load_weights("mnist").config, **SMALL, head_width=8, conditions=("noise",))
    save_weights("other.safetensors", build(config).state_dict(), config, {})
    before = sorted(tmp_path.rglob("*"))
    assert train([*arguments, *extra]) == 2
    assert sentence in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_validation_starts_from_nothing(arguments, capsys):
    assert validate([*arguments, "--init", "mnist"]) == 2
    assert "--init is for training; name the weights that are measured with --ckpt_path" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(bundled_models()))
def test_every_bundled_model_has_the_network_of_its_configuration(name, tmp_path, capsys):
    # Not only one that the weights can grow to.
    network = yaml.safe_load((ROOT / "configs" / f"{name}.yaml").read_text())["model"]["network"]
    config = asdict(load_weights(name).config)
    assert network == {key: list(config[key]) if isinstance(config[key], tuple) else config[key] for key in network}
    # The configuration fits the weights, so that the missing folder is what stops the run.
    command = ["--config", str(ROOT / "configs" / f"{name}.yaml"), "--init", name, "--run_dir", str(tmp_path / "run")]
    missing = ["--data.source", "folder", "--data.root", str(tmp_path / "nowhere"), "--trainer.accelerator", "cpu"]
    assert train([*command, *missing]) == 2
    assert "nowhere: no such folder" in capsys.readouterr().err


def letters(folder):
    """Make a folder of sixteen pages of text in one font."""
    folder.mkdir()
    for index in range(16):
        random = np.random.default_rng(index)
        page = Image.new("RGB", (72, 72), "white")
        for row in range(3):
            word = "".join(random.choice(list("etaoinshrdlu"), 12))
            ImageDraw.Draw(page).text((2, 22 * row), word, fill="black", font_size=20)
        page.save(folder / f"{index:02d}.png")
    return folder


def quality(capsys):
    return float(re.findall(r"^val/psnr ([\d.]+) dB", capsys.readouterr().out, re.MULTILINE)[0])


@pytest.mark.slow
def test_two_hundred_steps_on_a_narrow_folder_gain_on_its_held_out_images(tmp_path, capsys):
    # The command of docs/train.md, with smaller crops.
    command = [
        "--config", str(ROOT / "configs" / "photo-tiny.yaml"), "--data.root", str(letters(tmp_path / "letters")),
        "--data.val_count", "4", "--data.crop_size", "64", "--data.scales.image_size", "16", "--data.batch_size", "4",
        "--model.val_scales", "[2]", "--run_dir", str(tmp_path / "run"), "--trainer.accelerator", "cpu",
        "--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false",
    ]  # fmt: skip
    assert validate([*command, "--ckpt_path", "photo-tiny"]) == 0
    before = quality(capsys)
    tuning = ["--init", "photo-tiny", "--trainer.max_steps", "200"]
    gentle = ["--model.learning_rate", "5e-4", "--model.warmup_steps", "20"]
    assert train([*command, *tuning, *gentle]) == 0
    assert validate(command) == 0
    assert quality(capsys) > before + 0.3
