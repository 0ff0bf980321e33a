"""A short run, for all tests that train."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def arguments(images, tmp_path, monkeypatch):
    """A run of four steps in two epochs with the committed configuration of MNIST, made small."""
    monkeypatch.chdir(tmp_path)
    return [
        "--config", str(ROOT / "configs" / "mnist.yaml"),
        "--data.source", "folder", "--data.root", str(images), "--data.val_count", "2",
        "--data.batch_size", "4", "--data.steps_per_epoch", "2", "--trainer.max_steps", "4",
        "--model.network.encoder_width", "8", "--model.network.encoder_blocks", "1",
        "--model.network.head_width", "8", "--model.network.frequencies", "1",
        "--model.warmup_steps", "0", "--run_dir", str(tmp_path / "run"),
        "--trainer.precision", "32-true", "--trainer.enable_progress_bar", "false",
        "--trainer.enable_model_summary", "false", "--trainer.accelerator", "cpu",
    ]  # fmt: skip
