"""Images and a short run, for all tests that train."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def images(tmp_path):
    """A folder of eight grey images of 28x28 pixels of noise."""
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(8):
        values = np.random.default_rng(index).integers(0, 256, (28, 28), dtype=np.uint8)
        Image.fromarray(values).save(folder / f"{index}.png")
    return folder


@pytest.fixture
def waves(tmp_path):
    """A folder of twelve grey images of 28x28 with something to learn in them."""
    folder = tmp_path / "waves"
    folder.mkdir()
    y, x = np.mgrid[0:28, 0:28]
    for index in range(12):
        wave = np.sin(x * (0.2 + 0.05 * index)) * np.cos(y * (0.5 - 0.03 * index))
        Image.fromarray((127 + 120 * wave).astype(np.uint8)).save(folder / f"{index:02d}.png")
    return folder


# The committed configurations of MNIST, made small.
TASKS = {
    "upscaler": [
        "--config", str(ROOT / "configs" / "mnist.yaml"), "--model.network.encoder_blocks", "1",
        "--model.network.head_width", "8", "--model.network.frequencies", "1",
    ],
    "autoencoder": [
        "--config", str(ROOT / "configs" / "mnist-autoencoder.yaml"), "--model.network.code", "6",
        "--model.network.hidden", "8", "--model.network.decoder_width", "4", "--model.network.components", "2",
    ],
}  # fmt: skip


@pytest.fixture
def task():
    """What is trained; tests and files that train something else replace it."""
    return "upscaler"


@pytest.fixture
def arguments(images, tmp_path, monkeypatch, task):
    """A run of four steps in two epochs."""
    monkeypatch.chdir(tmp_path)
    return [
        *TASKS[task],
        "--data.source", "folder", "--data.root", str(images), "--data.val_count", "2",
        "--data.batch_size", "4", "--data.steps_per_epoch", "2", "--trainer.max_steps", "4",
        "--model.network.encoder_width", "8", "--model.warmup_steps", "0", "--run_dir", str(tmp_path / "run"),
        "--trainer.precision", "32-true", "--trainer.enable_progress_bar", "false",
        "--trainer.enable_model_summary", "false", "--trainer.accelerator", "cpu",
    ]  # fmt: skip
