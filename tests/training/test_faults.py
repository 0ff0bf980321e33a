"""What goes wrong in a training: it says so, keeps what was learnt, and can go on (rows 43 to 47 of the faults)."""

import resource
import signal
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback
from PIL import Image
from safetensors.torch import load_file

from amortized_sr.training.command import TrainCLI, train

ROOT = Path(__file__).resolve().parents[2]


def with_callback(monkeypatch, callback: Callback) -> None:
    original = TrainCLI.instantiate_trainer

    def instantiate(self, **kwargs):
        trainer = original(self, **kwargs)
        trainer.callbacks.insert(0, callback)
        return trainer

    monkeypatch.setattr(TrainCLI, "instantiate_trainer", instantiate)


@pytest.mark.parametrize("kind", ["only corrupt files", "only images smaller than the crop"])
def test_data_of_which_nothing_can_be_used_is_refused(arguments, images, capsys, kind):
    for path in images.iterdir():
        if kind == "only corrupt files":
            path.write_bytes(path.read_bytes()[:50])
        else:
            Image.new("L", (9, 9)).save(path)

    assert train(arguments) == 2

    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "Traceback" not in error


@pytest.mark.slow
def test_grey_and_colour_images_are_trained_on_together(arguments, images):
    Image.new("RGB", (28, 28), (10, 200, 30)).save(images / "colour.png")
    Image.new("RGBA", (28, 28), (10, 200, 30, 90)).save(images / "transparent.png")

    assert train(arguments) == 0


@pytest.mark.slow
def test_an_interrupted_run_leaves_a_checkpoint_that_goes_on(arguments, tmp_path, monkeypatch):
    class Interrupt(Callback):
        def on_train_batch_start(self, trainer, module, batch, index):
            if trainer.global_step == 3:
                signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        with_callback(patch, Interrupt())
        assert train(arguments) == 130
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").exists()

    assert train([*arguments, "--ckpt_path", "last"]) == 0

    assert all(value.isfinite().all() for value in load_file(tmp_path / "run" / "model.safetensors").values())


@pytest.mark.slow
@pytest.mark.parametrize("room_again", [True, False])
def test_a_disk_that_is_full_does_not_stop_the_run(arguments, tmp_path, monkeypatch, capsys, room_again):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    kept = []

    class Fill(Callback):
        def on_train_batch_start(self, trainer, module, batch, index):
            if trainer.global_step == 3:
                resource.setrlimit(resource.RLIMIT_FSIZE, (last.stat().st_size // 2, before[1]))
            if trainer.global_step == 5:
                kept.append(torch.load(last, weights_only=True)["global_step"])
                if room_again:
                    resource.setrlimit(resource.RLIMIT_FSIZE, before)

    with_callback(monkeypatch, Fill())
    try:
        with pytest.warns(UserWarning, match=r"could not write .*File too large.* training continues") as warned:
            code = train([*arguments, "--trainer.max_steps", "6"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    error = capsys.readouterr().err
    assert any("last.ckpt" in str(warning.message) for warning in warned)
    assert kept == [2]
    assert code == (0 if room_again else 1)
    assert torch.load(last, weights_only=True)["global_step"] == (6 if room_again else 2)
    assert ("error: trained to the end, but could not write" in error) == (not room_again)
    assert load_file(tmp_path / "run" / "model.safetensors")


@pytest.mark.slow
def test_processes_that_load_data_give_what_none_give(arguments, tmp_path):
    assert train([*arguments, "--data.num_workers", "0"]) == 0
    alone = load_file(tmp_path / "run" / "model.safetensors")

    assert train([*arguments, "--data.num_workers", "1", "--run_dir", str(tmp_path / "other")]) == 0

    together = load_file(tmp_path / "other" / "model.safetensors")
    assert all(torch.equal(alone[name], together[name]) for name in alone)
