"""Short runs, lines of progress, the learning curve, and held-out images."""

import csv
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from amortized_sr.model_config import ModelConfig
from amortized_sr.training.command import train
from amortized_sr.training.run_folder import draw_curve, read_curve
from amortized_sr.training.super_resolution import SuperResolutionTask

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def images(waves):
    return waves


def logged(run):
    with (run / "metrics.csv").open(newline="") as file:
        return [(int(row["step"]) + 1, float(row["val/psnr"])) for row in csv.DictReader(file) if row["val/psnr"]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("steps", "epoch", "validated"),
    [
        (100, 500, [20, 40, 60, 80, 100]),
        (13, 500, [2, 4, 6, 8, 10, 12, 13]),
        (3, 500, [1, 2, 3]),
        (5, 2, [2, 4, 5]),
        (4, 2, [2, 4]),
    ],
)
def test_a_run_is_validated_at_its_end_and_a_short_one_five_times(arguments, tmp_path, steps, epoch, validated):
    short = ["--trainer.max_steps", str(steps), "--data.steps_per_epoch", str(epoch), "--model.learning_rate", "0.01"]
    assert train([*arguments, *short]) == 0
    found = logged(tmp_path / "run")
    assert [step for step, _ in found] == validated
    if steps == 100:
        assert found[-1][1] > found[0][1] + 0.5
    assert read_curve(tmp_path / "run") == dict(found)


@pytest.mark.slow
@pytest.mark.parametrize(("warmup", "warns"), [(5, True), (4, False)])
def test_a_run_within_its_warm_up_warns(arguments, caplog, warmup, warns):
    with caplog.at_level("INFO", logger="lightning.pytorch.utilities.rank_zero"):
        assert train([*arguments, "--model.warmup_steps", str(warmup)]) == 0
    assert ("warning: the run of 4 steps ends within its warm-up of 5 steps" in caplog.text) == warns


@pytest.mark.slow
def test_held_out_images_are_named_as_the_cause_where_few_are_left(arguments, images, caplog, capsys):
    Image.new("L", (20, 20)).save(images / "small.png")
    with caplog.at_level("INFO", logger="lightning.pytorch.utilities.rank_zero"):
        assert train([*arguments, "--data.val_count", "11"]) == 0
    assert "warning: val_count 11 leaves 2 of 13 images for training" in caplog.text
    for path in images.iterdir():
        Image.new("L", (20, 20)).save(path)
    Image.new("L", (28, 28)).save(images / "large.png")
    # Whichever image is left is too small, unless it is the large one.
    arguments += ["--run_dir", "other", "--model.val_scales", "[2]", "--seed_everything", "1"]
    assert train([*arguments, "--data.val_count", "13"]) == 2
    assert (
        "all 1 training images are smaller than crop_size 28; lower crop_size to at most 20, or lower val_count, which "
        "holds out 13 of 14 images (--data.crop_size)"
    ) in capsys.readouterr().err


@pytest.mark.slow
def test_without_a_terminal_progress_is_one_line_a_validation(arguments, tmp_path):
    place = arguments.index("--trainer.enable_progress_bar")
    del arguments[place : place + 2]
    arguments += ["--trainer.log_every_n_steps", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "amortized_sr", "train", *arguments], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert "\r" not in done.stdout + done.stderr
    first, second, wrote, attempt = done.stdout.splitlines()
    assert first.startswith("step 2 of 4, ")
    assert "val/psnr " in first
    assert ", left 0:00:0" in first
    assert second.startswith("step 4 of 4, ")
    assert wrote.startswith(f"wrote {tmp_path / 'run' / 'model.safetensors'}, the averaged weights; ")
    assert attempt.startswith("try it: amortized-sr upscale ")


def test_the_curve_joins_the_parts_of_a_run_and_the_last_word_counts(tmp_path):
    for name, rows in {
        "metrics_before_2": [(3, 21.0), (5, 22.0)], "metrics_before_10": [(5, 22.5)], "metrics": [(7, 23.0), (9, "nan")]
    }.items():  # fmt: skip
        lines = [f"{step},{value}" for step, value in rows]
        (tmp_path / f"{name}.csv").write_text("\n".join(["step,val/psnr", *lines, "8,"]))
    assert read_curve(tmp_path) == {4: 21.0, 6: 22.5, 8: 23.0}
    draw_curve(tmp_path)
    with Image.open(tmp_path / "curve.png") as picture:
        blue = np.argwhere((np.asarray(picture) == (0, 0, 255)).all(-1))
    # It rises from left to right.
    left, right = blue[blue[:, 1].argmin()], blue[blue[:, 1].argmax()]
    assert right[1] - left[1] > 250
    assert left[0] - right[0] > 250


@pytest.mark.parametrize("rows", ["", "0,inf", "0,20"])
def test_a_curve_of_one_point_or_none_is_no_error(tmp_path, rows):
    (tmp_path / "metrics.csv").write_text(f"step,val/psnr\n{rows}\n")
    draw_curve(tmp_path)
    assert (tmp_path / "curve.png").exists() == (rows == "0,20")


@pytest.mark.slow
def test_columns_of_sample_pictures_have_captions(arguments, tmp_path, monkeypatch):
    texts, original = [], ImageDraw.ImageDraw.text

    def recorded(self, xy, text, **settings):
        texts.append(text)
        original(self, xy, text, **settings)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", recorded)
    assert train(arguments) == 0
    assert texts[:4] == ["input", "bicubic", "model", "target"]


def norm(task, order):
    return float(torch.nn.utils.get_total_norm([p.grad for p in task.parameters() if p.grad is not None], order))


@pytest.mark.parametrize(("algorithm", "order"), [("norm", 2), ("value", math.inf)])
def test_gradients_are_clipped(algorithm, order):
    task = SuperResolutionTask(ModelConfig(encoder_width=4, encoder_blocks=1, head_width=4))
    task.model(torch.rand(1, 3, 6, 6), (12, 12)).square().sum().mul(1e4).backward()
    before = norm(task, order)
    optimizer = torch.optim.Adam(task.parameters(), fused=True)
    task.configure_gradient_clipping(optimizer)
    assert norm(task, order) == before > 0.5
    task.configure_gradient_clipping(optimizer, 0.5, algorithm)
    assert 0.499 < norm(task, order) < 0.501


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_run_clips_gradients_and_takes_its_steps_in_one_pass(arguments, monkeypatch, precision):
    norms = []

    def before_the_next_gradients(task, optimizer):
        assert optimizer.defaults["fused"]
        norms.append(norm(task, 2))

    monkeypatch.setattr(SuperResolutionTask, "on_before_zero_grad", before_the_next_gradients)
    assert train([*arguments, "--trainer.gradient_clip_val", "1e-3", "--trainer.precision", precision]) == 0
    assert len(norms) > 2
    assert 0 < max(norms) < 1.01e-3
