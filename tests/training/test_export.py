"""Weights from checkpoints, and their measurement: `amortized-sr export` and `validate`."""

import csv
import pickle

import pytest
import torch
from lightning.pytorch import Trainer
from safetensors.torch import load_file

from amortized_sr.autoencoder_config import AutoencoderConfig
from amortized_sr.model_builder import build_model
from amortized_sr.model_config import ModelConfig
from amortized_sr.training.autoencoding import AutoencoderTask
from amortized_sr.training.command import train, validate
from amortized_sr.training.data import SuperResolutionData
from amortized_sr.training.retrying_writes import RetryingWrites
from amortized_sr.training.run import run_callbacks
from amortized_sr.training.run_folder import RunFolder
from amortized_sr.training.super_resolution import SuperResolutionTask
from amortized_sr.weights import load_weights, save_weights


@pytest.fixture
def run(arguments, tmp_path):
    """A trained run with chains of convolutions, whose average differs from its last weights."""
    arguments += ["--model.learning_rate", "0.01", "--ema_decay", "0.9", "--model.expansion", "2"]
    assert train(arguments) == 0
    return tmp_path / "run"


@pytest.mark.slow
def test_an_export_is_what_the_run_wrote_or_its_last_weights(run, cli):
    last = run / "checkpoints" / "last.ckpt"
    done = cli("export", last)
    assert (done.code, done.out) == (0, f"wrote {last.with_suffix('.safetensors')}, the averaged weights\n")
    assert cli("export", last, "--weights", "last", "-o", run / "end.safetensors").code == 0
    written, averaged, end = (
        load_weights(path)
        for path in (run / "model.safetensors", last.with_suffix(".safetensors"), run / "end.safetensors")
    )
    for name, tensor in written.model.state_dict().items():
        assert torch.equal(tensor, averaged.model.state_dict()[name])
    assert any(
        not torch.equal(tensor, end.model.state_dict()[name]) for name, tensor in written.model.state_dict().items()
    )
    assert averaged.config == end.config == written.config
    assert averaged.facts == written.facts | {"weights": "averaged", "seconds": averaged.facts["seconds"]}
    assert end.facts["weights"] == "last"


@pytest.mark.slow
def test_the_last_weights_are_those_that_were_trained(run, cli):
    state = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["current_model_state"]
    task = SuperResolutionTask(load_weights(run).config, expansion=2)
    task.load_state_dict(state)
    done = cli("export", run / "checkpoints" / "last.ckpt", "--weights", "last", "-o", run / "end.safetensors")
    assert done.code == 0
    image = torch.rand(1, 1, 6, 6)
    with torch.no_grad():
        expected = task.model(image, (12, 12))
    torch.testing.assert_close(load_weights(run / "end.safetensors").model(image, (12, 12)), expected)


@pytest.mark.slow
def test_an_export_in_half_precision_holds_the_rounded_weights(run, cli):
    last = run / "checkpoints" / "last.ckpt"
    done = cli("export", last, "--half", "-o", run / "half.safetensors")
    assert done.out == f"wrote {run / 'half.safetensors'}, the averaged weights in half precision\n"
    half, whole = load_file(run / "half.safetensors"), load_file(run / "model.safetensors")
    assert half.keys() == whole.keys()
    assert all(torch.equal(tensor, whole[name].half()) for name, tensor in half.items())

    # A weight that half precision cannot hold is an error, and the old file stays.
    content = torch.load(last, weights_only=True)
    next(iter(content["state_dict"].values())).fill_(1e6)
    torch.save(content, run / "large.ckpt")
    done = cli("export", run / "large.ckpt", "--half", "-o", run / "half.safetensors")
    assert done.code == 1
    assert "more than the 65504 of torch.float16; save in float32" in done.complaint
    assert load_file(run / "half.safetensors").keys() == half.keys()


@pytest.mark.slow
def test_files_that_are_no_checkpoint_of_a_run_are_refused(run, tmp_path, cli):
    (tmp_path / "text.ckpt").write_text("text")
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    for name, sentence in {
        "text": "not a readable checkpoint",
        "other": "the checkpoint holds no configuration",
        "none": "not a readable checkpoint",
    }.items():
        done = cli("export", tmp_path / f"{name}.ckpt")
        assert done.code == 1
        assert sentence in done.complaint
        assert not (tmp_path / f"{name}.safetensors").exists()


@pytest.mark.slow
@pytest.mark.parametrize("chosen", [None, "last", "best", "file"])
def test_a_validation_prints_what_the_run_logged(run, capsys, chosen):
    with (run / "metrics.csv").open(newline="") as file:
        logged = [row for row in csv.DictReader(file) if row["val/psnr"]]
    expected = max(logged, key=lambda row: float(row["val/psnr"])) if chosen == "best" else logged[-1]
    path = {None: None, "file": str(run / "model.safetensors")}.get(chosen, chosen)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert validate(["--config", str(run / "config.yaml"), *(["--ckpt_path", path] if path else [])]) == 0
    lines = dict(line.rsplit(" ", 2)[:2] for line in capsys.readouterr().out.splitlines() if line.endswith(" dB"))
    for name in ("val/psnr", "val/psnr_x2", "val/psnr_x4"):
        assert float(lines[name]) == pytest.approx(float(expected[name]), abs=0.006)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (["--ckpt_path", "nosuch.ckpt"], "no checkpoint nosuch.ckpt"),
        (["--ckpt_path", "nosuch.safetensors"], "no weights named 'nosuch.safetensors'"),
        (["--ckpt_path", "colour.safetensors"], "is for images of 3 channels, the data has 1"),
        (["--data.root", "nowhere"], "nowhere: no such folder"),
    ],
)
def test_what_cannot_be_validated_is_a_sentence(run, capsys, extra, sentence):
    config = ModelConfig(channels=3, encoder_width=4, encoder_blocks=1, head_width=4, frequencies=1)
    save_weights(run.parent / "colour.safetensors", build_model(config).state_dict(), config, {})
    assert validate(["--config", str(run / "config.yaml"), *extra]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    "task",
    [
        SuperResolutionTask(ModelConfig(channels=1, encoder_width=4, encoder_blocks=1), expansion=0),
        SuperResolutionTask(ModelConfig(channels=1, encoder_width=4, encoder_blocks=1), expansion=2),
        AutoencoderTask(AutoencoderConfig(code=4, encoder_width=4, hidden=4, decoder_width=4, components=2)),
    ],
    ids=["plain", "expanded", "autoencoder"],
)
def test_everything_that_a_spawned_process_receives_can_be_pickled(tmp_path, task):
    data = SuperResolutionData("folder", tmp_path, channels=1)
    writes = RetryingWrites()
    compare_every = int(isinstance(task, SuperResolutionTask))
    callbacks = run_callbacks(task, tmp_path, 0.99, compare_every, 0, writes)
    callbacks.append(RunFolder(tmp_path, "run_dir: x", "offline", {"model": {"loss": "l1"}}, writes))
    trainer = Trainer(callbacks=callbacks, logger=False, max_steps=1, accelerator="cpu", enable_progress_bar=False)
    task.trainer, data.trainer = trainer, trainer

    received, _, _ = pickle.loads(pickle.dumps((task, data, trainer)))

    assert received.state_dict().keys() == task.state_dict().keys()
    assert all(torch.equal(tensor, received.state_dict()[name]) for name, tensor in task.state_dict().items())
    (first, *_) = (tensor for tensor in received.model.encoder.parameters() if tensor.ndim == 4)
    assert first.is_contiguous(memory_format=torch.channels_last)


def test_code_in_a_checkpoint_is_never_run(cli, tmp_path):
    class TouchWhenLoaded:
        def __reduce__(self):
            return open, (str(tmp_path / "canary"), "w")

    path = tmp_path / "last.ckpt"
    torch.save({"state_dict": {}, "payload": TouchWhenLoaded()}, path)
    done = cli("export", path)
    assert (done.code, done.complaint) == (1, f"{path}: not a readable checkpoint; choose another one")
    assert not (tmp_path / "canary").exists()
    torch.load(path, weights_only=False)["payload"].close()
    assert (tmp_path / "canary").exists()


@pytest.mark.slow
def test_exports_hold_no_chains(run):
    assert not any("parametrizations" in name for name in load_file(run / "model.safetensors"))
