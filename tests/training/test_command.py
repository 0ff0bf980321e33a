"""`amortized-sr train` from end to end, on tiny generated images."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from lightning.pytorch import Callback
from PIL import Image
from safetensors.torch import load_file
from test_tracking import logged_tables

from amortized_sr import Upscaler
from amortized_sr.baselines.fitting import FitSettings, fit
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.model_builder import build
from amortized_sr.training.command import TrainCLI, train
from amortized_sr.training.losses import pixel_loss
from amortized_sr.training.run_folder import read_curve
from amortized_sr.weights import load_weights

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def images(waves):
    return waves


def weights(run):
    return load_file(run / "model.safetensors")


def same(first, second, **tolerance):
    assert first.keys() == second.keys()
    for name in first:
        torch.testing.assert_close(
            first[name], second[name], msg=lambda text, name=name: f"{name}: {text}", **tolerance
        )


@pytest.mark.slow
def test_a_run_leaves_weights_checkpoints_log_pictures_and_the_next_command(arguments, tmp_path, capsys):
    assert train(arguments) == 0
    run = tmp_path / "run"
    found = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    assert found == {
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
        "config.yaml",
        "curve.png",
        "metrics.csv",
        "model.safetensors",
        "samples/step_0000002.png",
        "samples/step_0000004.png",
    }
    assert f"amortized-sr upscale IMAGE --scale 4 --model {run / 'model.safetensors'}" in capsys.readouterr().out
    trained = load_weights(run / "model.safetensors")
    assert trained.config.encoder_width == 8
    assert trained.facts["steps"] == 4
    assert trained.facts["seed"] == 0
    data = trained.facts["data"]
    assert (data["source"], data["train_images"], data["val_images"]) == ("folder", 10, 2)
    # What somebody needs who has the file but not the run.
    settings = yaml.safe_load((run / "config.yaml").read_text())
    for name in ("batch_size", "crop_size", "scales"):
        assert data[name] == settings["data"][name]
    assert trained.facts["learning_rate"] == settings["model"]["learning_rate"]
    assert set(trained.facts["metrics"]) == {"val/psnr", "val/psnr_x2", "val/psnr_x4"}
    assert str(tmp_path) not in str(trained.facts)
    assert Upscaler.from_pretrained(run / "model.safetensors").upscale(Image.new("L", (5, 4)), scale=2.0).size == (
        10,
        8,
    )


@pytest.mark.slow
def test_a_run_that_ends_within_an_epoch_saves_its_end(arguments, tmp_path):
    assert train([*arguments, "--trainer.max_steps", "3"]) == 0
    assert saved_step(tmp_path / "run", "last") == 3
    assert load_weights(tmp_path / "run" / "model.safetensors").facts["steps"] == 3


@pytest.mark.slow
def test_training_learns(arguments, tmp_path):
    arguments += ["--trainer.max_steps", "80", "--data.steps_per_epoch", "40", "--trainer.log_every_n_steps", "1"]
    assert train([*arguments, "--model.learning_rate", "0.01"]) == 0
    with (tmp_path / "run" / "metrics.csv").open() as file:
        quality = [float(row["val/psnr"]) for row in csv.DictReader(file) if row["val/psnr"]]
    assert quality[1] > quality[0]


@pytest.mark.slow
def test_random_queries_learn_as_well(arguments, tmp_path):
    arguments += ["--trainer.max_steps", "30", "--data.steps_per_epoch", "15", "--data.num_queries", "50"]
    assert train([*arguments, "--model.learning_rate", "0.01"]) == 0
    with (tmp_path / "run" / "metrics.csv").open() as file:
        quality = [float(row["val/psnr"]) for row in csv.DictReader(file) if row["val/psnr"]]
    assert quality[1] > quality[0]


def saved_step(run, name):
    return torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)["global_step"]


class Interrupt(Callback):
    """Ctrl-C before a training step."""

    def __init__(self, step):
        self.step = step

    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == self.step:
            signal.raise_signal(signal.SIGINT)


# Drawn scenes, noise, JPEG, and what photographs are shrunk with.
FAULTS = [
    f"--data.{name}={value}"
    for name, value in {
        "graphics_share": 0.3,
        "graphics_scenes": 4,
        "degradation.noise": "[0, 50]",
        "degradation.clean_share": 0.2,
        "degradation.noise_only_share": 0.3,
        "degradation.jpeg": "[10, 95]",
        "degradation.cut_jpeg": "true",
        "degradation.second_jpeg_share": 0.5,
        "degradation.grey_noise_share": 0.3,
        "degradation.correlated_noise_share": 0.3,
        "degradation.box_share": 0.3,
        "degradation.blur_share": 0.5,
    }.items()
]


@pytest.mark.slow
@pytest.mark.parametrize("step", [2, 3])  # between epochs, and in the middle of one
@pytest.mark.parametrize(
    "end",
    [
        ["--trainer.max_steps", "6"],
        ["--trainer.max_steps", "-1", "--trainer.max_epochs", "3"],
        ["--trainer.max_steps", "6", "--data.num_queries", "20"],
        ["--trainer.max_steps", "6", "--trainer.accumulate_grad_batches", "2"],
        ["--trainer.max_steps", "6", *FAULTS, "--model.network.conditions", "[noise, jpeg]"],
        [
            "--trainer.max_steps",
            "6",
            "--model.expansion",
            "2",
            "--model.final_share",
            "0.5",
            "--data.scales.far_share",
            "0.5",
            "--data.scales.same_share",
            "0.2",
            "--trainer.precision",
            "bf16-mixed",
        ],
    ],
    ids=["steps", "epochs", "queries", "accumulation", "faults", "photographs"],
)
def test_an_interrupted_and_resumed_run_equals_an_uninterrupted_one(
    arguments, tmp_path, monkeypatch, capsys, end, step
):
    arguments += [*end, "--data.steps_per_epoch", "2"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train([*arguments, "--run_dir", str(whole)]) == 0
    original = TrainCLI.instantiate_trainer

    def interrupted(self, **kwargs):
        trainer = original(self, **kwargs)
        trainer.callbacks.insert(0, Interrupt(step))
        return trainer

    with monkeypatch.context() as patch:
        patch.setattr(TrainCLI, "instantiate_trainer", interrupted)
        assert train([*arguments, "--run_dir", str(parts)]) == 130
    assert f"amortized-sr train --config {parts / 'config.yaml'} --ckpt_path last" in capsys.readouterr().out
    assert saved_step(parts, "last") == step
    steps_per_epoch = 1 if "--trainer.accumulate_grad_batches" in end else 2
    assert saved_step(parts, "best") <= step // steps_per_epoch * steps_per_epoch  # not the interrupted state
    assert train([*arguments, "--run_dir", str(parts), "--ckpt_path", "last"]) == 0
    same(weights(parts), weights(whole), atol=0, rtol=0)
    assert (parts / "metrics_before_1.csv").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("strategy", "task"), [("ddp", "upscaler"), ("ddp_spawn", "autoencoder")])
def test_two_processes_equal_one_with_twice_the_batch(arguments, tmp_path, strategy, task):
    # Gradients are means over the samples, and both ways see the same samples: the rules of DDP predict equality.
    # Batches of 4 at one scale, so that each process' mean weighs the same.
    one, two = tmp_path / "one", tmp_path / "two"
    assert train([*arguments, "--run_dir", str(one), "--data.batch_size", "4"]) == 0
    ddp = ["--trainer.devices", "2", "--trainer.strategy", strategy, "--data.batch_size", "2", "--run_dir", str(two)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-m", "amortized_sr", "train", *arguments, *ddp],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
    )
    assert result.returncode == 0, result.stderr
    assert "MEMBER: 2/2" in result.stderr + result.stdout
    # An autoencoder's last layers begin near zero: where a gradient is little more than rounding, Adam makes it a step.
    same(weights(two), weights(one), atol=1e-5 if task == "upscaler" else 1e-4, rtol=1e-4)
    torch.manual_seed(0)
    untrained = build(load_weights(one).config).state_dict()
    moved = [(value - untrained[name]).abs().max() for name, value in weights(one).items()]
    assert max(moved) > 1e-3


@pytest.mark.slow
def test_the_exported_weights_are_the_average_not_the_last_ones(arguments, tmp_path):
    assert train([*arguments, "--model.learning_rate", "0.01", "--ema_decay", "0.9"]) == 0
    # Saved at the last validation, when the current weights were still the trained ones.
    saved = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    exported = weights(tmp_path / "run")
    average = {name.removeprefix("model."): value for name, value in saved["state_dict"].items()}
    current = {name.removeprefix("model."): value for name, value in saved["current_model_state"].items()}
    same(exported, average, atol=0, rtol=0)
    assert not torch.equal(exported["encoder.first.weight"], current["encoder.first.weight"])


@pytest.mark.slow
def test_the_final_loss_comes_at_the_end(arguments, tmp_path, monkeypatch):
    used = []

    def recorded(name, prediction, target):
        used.append(name)
        return pixel_loss(name, prediction, target)

    monkeypatch.setattr("amortized_sr.training.super_resolution.pixel_loss", recorded)
    chosen = ["--model.loss", "l1", "--model.final_loss", "mse", "--model.final_share", "0.25"]

    assert train([*arguments, *chosen]) == 0

    assert used == ["l1", "l1", "l1", "mse"]
    assert load_weights(tmp_path / "run").facts["final"] == ["mse", 0.25]


@pytest.mark.slow
@pytest.mark.parametrize("task", ["upscaler", "autoencoder"])
def test_a_run_whose_loss_is_not_finite_stops_with_advice(arguments, tmp_path, capsys):
    arguments += ["--model.learning_rate", "1e30", "--trainer.max_steps", "40", "--data.steps_per_epoch", "40"]
    assert train(arguments) == 1
    error = capsys.readouterr().err
    assert "error: the loss was not finite for 10 steps in a row" in error
    assert "--model.learning_rate" in error
    assert "Traceback" not in error


@pytest.mark.slow
def test_a_single_bad_step_is_skipped_and_forgotten(arguments, tmp_path, monkeypatch):
    class Poison(Callback):
        def on_after_backward(self, trainer, module):
            if trainer.fit_loop.epoch_loop.total_batch_idx == 1:
                next(module.parameters()).grad.fill_(float("nan"))

    original = TrainCLI.instantiate_trainer

    def poisoned(self, **kwargs):
        trainer = original(self, **kwargs)
        trainer.callbacks.insert(0, Poison())
        return trainer

    monkeypatch.setattr(TrainCLI, "instantiate_trainer", poisoned)
    assert train(arguments) == 0
    assert all(value.isfinite().all() for value in weights(tmp_path / "run").values())


@pytest.mark.slow
@pytest.mark.parametrize("task", ["upscaler", "autoencoder"])
def test_wandb_offline_gets_pixel_exact_pictures_and_no_network(arguments, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    assert train([*arguments, "--wandb", "offline"]) == 0
    run = tmp_path / "run"
    logged = sorted(run.rglob("media/images/val/samples*.png"))
    written = sorted((run / "samples").glob("*.png"))
    assert len(logged) == len(written) == 2
    for first, second in zip(
        sorted(np.asarray(Image.open(path)).tobytes() for path in logged),
        sorted(np.asarray(Image.open(path)).tobytes() for path in written),
        strict=True,
    ):
        assert first == second


@pytest.mark.slow
def test_images_are_compared_with_their_fits_which_are_made_once(arguments, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    fits = []

    def counted(images, settings):
        fits.append(len(images))
        return fit(images, FitSettings(steps=3, region=1))

    monkeypatch.setattr("amortized_sr.training.pictures.fit", counted)
    assert train([*arguments, "--compare_every", "1", "--wandb", "offline"]) == 0
    run = tmp_path / "run"
    assert fits == [2]
    with (run / "metrics.csv").open() as file:
        logged = [row for row in csv.DictReader(file) if row.get("compare/model")]
    assert len(logged) == 2
    assert len({row["compare/bicubic"] for row in logged}) == len({row["compare/fit"] for row in logged}) == 1
    assert len({row["compare/model"] for row in logged}) == 2
    # One column more than without fits.
    for name in ("step_0000002", "step_0000004"):
        with Image.open(run / "samples" / f"{name}.png") as picture:
            assert picture.width == 5 * (4 * 28 + 4) + 4

    tables = logged_tables(run)
    assert len(tables) == 2
    columns, data = tables[0]
    assert columns[:6] == ["image", "input", "bicubic", "fit", "model", "target"]
    kept = load_file(run / "fits.safetensors")
    bicubic = InterpolatedImage.like_pillow(kept["image"], "bicubic").render((28, 28)).clamp(0, 1)
    for index, row in enumerate(data):
        for name, picture in (("input", kept["image"]), ("bicubic", bicubic), ("fit", kept["fit"])):
            expected = (picture[index, 0] * 255).round().byte().numpy()
            assert np.array_equal(row[columns.index(name)], expected)
    # A resumed run uses the fits that it has.
    resumed = [*arguments, "--trainer.max_steps", "6", "--ckpt_path", "last", "--compare_every", "1"]
    assert train(resumed) == 0
    assert fits == [2]


@pytest.mark.slow
def test_a_server_that_cannot_be_reached_does_not_stop_a_training(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "2")
    monkeypatch.setenv("WANDB_FINISH_TIMEOUT", "2")
    assert train([*arguments, "--wandb", "online"]) == 0
    assert "wandb is not reachable" in capsys.readouterr().err
    run = tmp_path / "run"
    assert (run / "model.safetensors").exists()
    assert (run / "metrics.csv").exists()
    assert len(list((run / "samples").glob("*.png"))) == 2
    assert (run / "config.yaml").read_text().count("0000") == 0


@pytest.mark.slow
def test_a_folder_that_holds_a_run_is_not_overwritten(arguments, tmp_path, capsys):
    assert train(arguments) == 0
    before = (tmp_path / "run" / "model.safetensors").read_bytes()
    assert train(arguments) == 2
    assert "holds a run already; resume it with --ckpt_path last" in capsys.readouterr().err
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (["--ckpt_path", "last"], "no checkpoint"),
        (
            ["--data.val_count", "12"],
            "val_count must leave images for training, got 12 of 12 images; lower val_count or set val_root "
            "(--data.val_count)",
        ),
        (
            ["--data.crop_size", "64"],
            "all 10 training images are smaller than crop_size 64; lower crop_size to at most 28, "
            "or lower val_count, which holds out 2 of 12 images (--data.crop_size)",
        ),
        (["--data.root", "nowhere"], "nowhere: no such folder"),
        (["--trainer.max_steps", "-1"], "the run has no end; set --trainer.max_steps"),
        (
            ["--trainer.max_steps", "-1", "--trainer.max_time", "00:00:01:00"],
            "the run has no end; set --trainer.max_steps",
        ),
        (["--trainer.logger", "false"], "--trainer.logger is not used"),
        (["--trainer.accelerator", "gpu"], "No supported gpu backend"),
        (["--data.steps_per_epoch", "0"], "steps_per_epoch must be at least 1, got 0"),
        (["--data.batch_size", "0"], "batch_size must be at least 1, got 0"),
        (["--data.num_queries", "-1"], "must not be negative"),
        (["--ema_decay", "1.5"], "ema_decay must be at least 0 and below 1, got 1.5"),
        (["--model.val_scales", "[40]"], "all 2 validation images are smaller than val_scales 40"),
        (["--data.source", "mnist", "--data.root", "nowhere"], "MNIST is missing and cannot be downloaded"),
        (["--model.network.encoder_width", "100000"], "encoder_width must be between 1 and 1024, got 100000"),
        (["--data.scales.low", "0.5"], "scales must satisfy 1 <= low <= high"),
    ],
)
def test_what_cannot_be_trained_is_a_sentence_and_exit_code_2(arguments, extra, sentence, capsys):
    assert train([*arguments, *extra]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error


@pytest.mark.slow
def test_a_damaged_checkpoint_is_refused(arguments, tmp_path, capsys):
    assert train(arguments) == 0
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:1000])
    assert train([*arguments, "--ckpt_path", "last"]) == 2
    assert "not a readable checkpoint" in capsys.readouterr().err


def test_a_run_folder_that_cannot_be_made_is_refused(arguments, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert train([*arguments, "--run_dir", str(tmp_path / "file" / "run")]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_callbacks_of_the_command_line_are_kept(arguments, capsys):
    stopping = ["--trainer.callbacks", "EarlyStopping", "--trainer.callbacks.monitor", "nosuch"]
    with pytest.raises(RuntimeError, match="nosuch"):
        train([*arguments, *stopping])


def test_a_single_plugin_of_the_command_line_is_taken(arguments, tmp_path):
    config = tmp_path / "plugin.yaml"
    config.write_text(
        "trainer:\n  plugins: {class_path: lightning.pytorch.plugins.environments.LightningEnvironment}\n"
    )
    assert train([*arguments, "--config", str(config)]) == 0


def test_a_misspelt_key_in_a_configuration_is_named(arguments, tmp_path, capsys):
    config = tmp_path / "typo.yaml"
    config.write_text("model:\n  network:\n    encoder_widht: 8\n")
    assert train([*arguments, "--config", str(config)]) == 2
    error = capsys.readouterr().err
    assert "encoder_widht" in error
    assert "Traceback" not in error


def test_an_empty_folder_is_refused(arguments, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert train([*arguments, "--data.root", str(tmp_path / "empty")]) == 2
    assert "no image files in this folder" in capsys.readouterr().err


@pytest.mark.slow
def test_corrupt_files_are_reported_and_the_rest_is_trained_on(arguments, images, tmp_path, caplog):
    for index in range(2):
        (images / f"bad{index}.png").write_bytes((images / "00.png").read_bytes()[:60])
    with caplog.at_level("INFO", logger="lightning.pytorch.utilities.rank_zero"):
        assert train(arguments) == 0
    assert "12 images, 2 unreadable" in caplog.text
    assert "bad0.png: the file is damaged" in caplog.text
    assert load_weights(tmp_path / "run" / "model.safetensors").facts["data"]["train_images"] == 10


@pytest.mark.slow
def test_images_smaller_than_the_crop_are_left_out(arguments, images, tmp_path):
    Image.new("L", (20, 40)).save(images / "aa_small.png")
    assert train([*arguments, "--data.val_count", "1"]) == 0
    facts = load_weights(tmp_path / "run" / "model.safetensors").facts
    assert facts["data"]["train_images"] == 11


def test_print_config_shows_every_setting_and_trains_nothing(arguments, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        train([*arguments, "--print_config"])
    assert stop.value.code == 0
    assert "encoder_width: 8" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("config", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_committed_configuration_trains(config, images, tmp_path):
    for path in images.iterdir():
        Image.open(path).resize((310, 310)).convert("RGB").save(path)
    arguments = [
        "--config", str(config), "--data.source", "folder", "--data.root", str(images), "--data.val_root", "null",
        "--data.val_count", "2", "--data.batch_size", "2", "--trainer.max_steps", "5",
        "--data.graphics_scenes", "2",
        "--data.num_workers", "0",  # Lightning warns where there are fewer cores than the file asks for.
        "--run_dir", str(tmp_path / "run"), "--trainer.enable_progress_bar", "false", "--trainer.accelerator", "cpu",
    ]  # fmt: skip
    if "val_noise:" in config.read_text():
        arguments += ["--model.val_noise", "[15]", "--model.val_jpeg", "[40]"]
    if "task: autoencoder" in config.read_text():
        arguments += ["--model.network.components", "2"]
    assert train(arguments) == 0
    assert (tmp_path / "run" / "model.safetensors").stat().st_size < 8_000_000
    # Its own epoch is longer, and yet there is a curve.
    assert list(read_curve(tmp_path / "run")) == [1, 2, 3, 4, 5]
    assert (tmp_path / "run" / "curve.png").exists()
