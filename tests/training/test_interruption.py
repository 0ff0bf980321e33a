"""Ctrl-C and SIGTERM at any moment: the run stops between two steps and resumes to the same bits."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from amortized_sr.data.pairs import CropDataset
from amortized_sr.training.autoencoder_pictures import AutoencoderPictures
from amortized_sr.training.autoencoding import AutoencoderTask
from amortized_sr.training.averaging import MovingAverage
from amortized_sr.training.checkpoint import ExportWeights
from amortized_sr.training.command import train
from amortized_sr.training.pictures import ValidationPictures
from amortized_sr.training.retrying_writes import RetryingCheckpoints
from amortized_sr.training.super_resolution import SuperResolutionTask

ROOT = Path(__file__).resolve().parents[2]

PLACES = {
    "data": (CropDataset, "__getitem__"),
    "backward": (torch.Tensor, "backward"),
    "optimiser": (torch.optim.Adam, "step"),
    "within the optimiser": (torch.optim.Adam, "_init_group"),
    "schedule": (torch.optim.lr_scheduler.LambdaLR, "get_lr"),
    "average": (MovingAverage, "on_train_batch_end"),
    "swap of the average": (MovingAverage, "_swap_models"),
    "export": (ExportWeights, "on_validation_end"),
    "checkpoint": (RetryingCheckpoints, "save_checkpoint"),
}
OWN_PLACES = {
    "upscaler": {
        "validation": (SuperResolutionTask, "validation_step"),
        "pictures": (ValidationPictures, "on_validation_epoch_start"),
    },
    "autoencoder": {
        "validation": (AutoencoderTask, "validation_step"),
        "pictures": (AutoencoderPictures, "on_validation_epoch_start"),
    },
}
OWN_SETTINGS = {"upscaler": ["--model.expansion", "2"], "autoencoder": ["--model.final_share", "0.5"]}


@pytest.fixture
def run(arguments, task):
    """A run of twelve steps in four epochs, with all that moves: averages, a schedule, chains of convolutions."""
    return [
        *arguments, "--trainer.max_steps", "12", "--data.steps_per_epoch", "3", "--trainer.log_every_n_steps", "2",
        "--model.learning_rate", "0.01", "--model.warmup_steps", "2", "--ema_decay", "0.9", *OWN_SETTINGS[task],
    ]  # fmt: skip


def raise_at(patch, method, call, number=signal.SIGINT):
    """Let a process signal itself before or after the `call`-th call of a method."""
    owner, name = method
    original, calls = getattr(owner, name), []

    def interrupted(*args, **kwargs):
        calls.append(name)
        if len(calls) == call and call % 2:
            signal.raise_signal(number)
        result = original(*args, **kwargs)
        if len(calls) == call and not call % 2:
            signal.raise_signal(number)
        return result

    patch.setattr(owner, name, interrupted)


def rows(folder):
    """Return what the logs of a run say, in all their parts."""
    found = {}
    for path in sorted(folder.glob("metrics*.csv")):
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                for name, value in row.items():
                    if value and name not in ("step", "epoch"):
                        found.setdefault((int(row["step"]), name), []).append(value)
    return found


def last_state(folder):
    content = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    return content["state_dict"] | {f"now.{name}": value for name, value in content["current_model_state"].items()}


def assert_same(parts, whole):
    for first, second in (
        (last_state(parts), last_state(whole)),
        (load_file(parts / "model.safetensors"), load_file(whole / "model.safetensors")),
    ):
        assert first.keys() == second.keys()
        assert all(torch.equal(first[name], second[name]) for name in first)
    assert rows(parts) == rows(whole)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["upscaler", "autoencoder"])
def test_an_interruption_at_any_moment_resumes_to_the_same_bits_and_the_same_log(run, tmp_path, monkeypatch, task):
    whole = tmp_path / "whole"
    assert train([*run, "--run_dir", str(whole)]) == 0
    random = np.random.default_rng(0)
    for place, method in (PLACES | OWN_PLACES[task]).items():
        parts = tmp_path / place.replace(" ", "_")
        # After the sanity check, and before the last step.
        few = {"swap of the average": (3, 9), "checkpoint": (1, 7)}
        few |= dict.fromkeys(("validation", "pictures", "export"), (2, 5))
        call = int(random.integers(*few.get(place, (1, 11))))
        with monkeypatch.context() as patch:
            raise_at(patch, method, call)
            assert train([*run, "--run_dir", str(parts)]) == 130, (place, call)
        stopped = torch.load(parts / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]
        assert 0 < stopped < 12
        assert train([*run, "--run_dir", str(parts), "--ckpt_path", "last"]) == 0
        assert_same(parts, whole)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "call", "saved"),
    [
        ("schedule", 9, 6),
        ("average", 7, 6),
        ("within the optimiser", 7, 6),
        ("backward", 7, 6),
        ("backward", 8, 7),
        ("validation", 3, 6),
        ("export", 3, 6),
    ],
)
def test_an_error_in_the_middle_of_a_step_keeps_the_checkpoint_before(run, tmp_path, monkeypatch, place, call, saved):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train([*run, "--run_dir", str(whole)]) == 0
    owner, name = (PLACES | OWN_PLACES["upscaler"])[place]
    original, calls = getattr(owner, name), []

    def failing(*args, **kwargs):
        calls.append(name)
        if len(calls) == call:
            raise RuntimeError("the device is gone")
        return original(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, failing)
        with pytest.raises(RuntimeError, match="the device is gone"):
            train([*run, "--run_dir", str(parts)])
    assert torch.load(parts / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == saved
    assert train([*run, "--run_dir", str(parts), "--ckpt_path", "last"]) == 0
    assert all(torch.equal(value, last_state(whole)[name]) for name, value in last_state(parts).items())
    assert {key: values[-1:] for key, values in rows(parts).items()} == rows(whole)


@pytest.mark.slow
def test_an_interruption_between_accumulated_batches_waits_for_the_step(run, tmp_path, monkeypatch):
    run += ["--trainer.accumulate_grad_batches", "2", "--data.steps_per_epoch", "4"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train([*run, "--run_dir", str(whole)]) == 0
    with monkeypatch.context() as patch:
        raise_at(patch, PLACES["backward"], 5)
        assert train([*run, "--run_dir", str(parts)]) == 130
    assert torch.load(parts / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 3
    assert train([*run, "--run_dir", str(parts), "--ckpt_path", "last"]) == 0
    assert_same(parts, whole)


@pytest.mark.slow
def test_a_termination_stops_in_order_with_its_own_code(run, tmp_path, monkeypatch):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train([*run, "--run_dir", str(whole)]) == 0
    with monkeypatch.context() as patch:
        raise_at(patch, PLACES["schedule"], 6, signal.SIGTERM)
        assert train([*run, "--run_dir", str(parts)]) == 143
    assert train([*run, "--run_dir", str(parts), "--ckpt_path", "last"]) == 0
    assert_same(parts, whole)


@pytest.mark.slow
def test_an_interruption_before_training_leaves_a_run_as_it_was(run, tmp_path, monkeypatch, capsys):
    parts = tmp_path / "parts"
    assert train([*run, "--run_dir", str(parts), "--trainer.max_steps", "6"]) == 0
    before = contents(parts)
    with monkeypatch.context() as patch:

        def interrupted(*_):
            raise KeyboardInterrupt

        # After the counters of steps are restored and before the optimiser is.
        patch.setattr(torch.optim.Adam, "load_state_dict", interrupted)
        assert train([*run, "--run_dir", str(parts), "--ckpt_path", "last"]) == 130
    assert contents(parts) == before
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def surroundings():
    """Return the environment of a process that computes the same bits as this one, which depend on the threads."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(torch.get_num_threads())}


def started(words, until):
    """Start a real process and return it once it has written a file."""
    process = subprocess.Popen(
        [sys.executable, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=surroundings(),
        start_new_session=True,
    )
    limit = time.monotonic() + 120
    while not until.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.02)
    return process


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_ctrl_c_in_a_terminal_stops_a_real_process_and_its_command_resumes_it(run, tmp_path, workers):
    run += ["--trainer.max_steps", "60", "--data.num_workers", str(workers)]
    whole, parts = tmp_path / "whole", tmp_path / "the parts"
    assert train([*run, "--run_dir", str(whole)]) == 0
    process = started(
        ["-m", "amortized_sr", "train", *run, "--run_dir", str(parts)], parts / "samples" / "step_0000006.png"
    )
    # As a terminal does: to every process of the group.
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "stopping after this step" in err
    assert "Traceback" not in err
    command = out.strip().splitlines()[-1].partition("resume with: ")[2]
    assert command == f"amortized-sr train --config '{parts}/config.yaml' --ckpt_path last"

    resumed = subprocess.run(
        command.replace("amortized-sr", f"{sys.executable} -m amortized_sr"),
        shell=True,
        capture_output=True,
        text=True,
        env=surroundings(),
    )

    assert resumed.returncode == 0, resumed.stderr
    assert_same(parts, whole)


@pytest.mark.slow
def test_a_second_ctrl_c_ends_the_process_at_once(run, tmp_path):
    parts = tmp_path / "parts"
    # A step that takes longer than this test waits.
    code = """
import sys, time
from amortized_sr.training.command import train
from amortized_sr.training.super_resolution import SuperResolutionTask
SuperResolutionTask.training_step = lambda *_: time.sleep(60)
sys.exit(train(sys.argv[1:]))
"""
    process = started(["-c", code, *run, "--run_dir", str(parts)], parts / "config.yaml")
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    assert "stopping after this step" in next(line for line in process.stderr if "stopping" in line)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == -signal.SIGINT
