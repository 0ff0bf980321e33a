"""The scripts for clusters in examples/ do what they say, with the variables that SLURM and Kubernetes set."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

from amortized_sr.data.shard_writing import pack_folder
from amortized_sr.training.command import train

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"


@pytest.fixture
def commands(tmp_path):
    """A folder with the commands that the scripts call: this package, and a cluster of one machine."""
    place = tmp_path / "bin"
    place.mkdir()
    for name, body in {
        "amortized-sr": f'exec {sys.executable} -m amortized_sr "$@"',
        "python": f'exec {sys.executable} "$@"',
        "srun": 'exec "$@"',
        "scontrol": "echo localhost",
    }.items():
        (place / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (place / name).chmod(0o755)
    return place


@pytest.fixture
def run(commands, folder):
    """Run a command with the variables of a cluster."""

    def run(*words: object, **variables: object) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ, "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1", **{name: str(value) for name, value in variables.items()},
        }  # fmt: skip
        return subprocess.run(
            [str(word) for word in words], env=environment, capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture
def pictures(folder):
    """Seven pictures in a tree, and one that is broken."""
    for number in range(7):
        path = Path("in") / str(number % 2) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((6, 8, 3), number, np.uint8)).save(path)
    Path("in/bad.png").write_text("text")
    return {f"{number % 2}/{number}_x2.png" for number in range(7)}


def outputs():
    return {path.relative_to("out").as_posix() for path in Path("out").rglob("*.png")}


@pytest.mark.slow
def test_the_jobs_of_a_slurm_array_do_every_file_once_and_continue(run, pictures):
    results = []
    for number in (5, 6):
        part = {"SLURM_ARRAY_TASK_ID": number, "SLURM_ARRAY_TASK_MIN": 5, "SLURM_ARRAY_TASK_COUNT": 2}
        results.append(run(EXAMPLES / "upscale_slurm.sh", INPUT="in", OUTPUT="out", SCALE=2, **part))
        before = outputs()
        again = run(EXAMPLES / "upscale_slurm.sh", "--json", INPUT="in", OUTPUT="out", SCALE=2, **part)
        assert '"done"' not in again.stdout
        assert outputs() == before
    assert sorted(result.returncode for result in results) == [0, 1]
    assert sum("in/bad.png: not an image" in result.stderr for result in results) == 1
    assert outputs() == pictures


def test_a_slurm_job_without_its_variables_is_a_sentence(run):
    done = run(EXAMPLES / "upscale_slurm.sh", INPUT="in")
    assert done.returncode == 1
    assert "set OUTPUT to the folder for the results" in done.stderr


@pytest.mark.slow
def test_the_pods_of_a_kubernetes_job_do_every_file_once(run, pictures):
    job = yaml.safe_load((EXAMPLES / "upscale_kubernetes.yaml").read_text())["spec"]
    (container,) = job["template"]["spec"]["containers"]
    variables = {entry["name"]: entry["value"] for entry in container["env"]}
    assert int(variables["PARTS"]) == job["completions"] == job["maxFailedIndexes"]
    variables |= {"INPUT": "in", "OUTPUT": "out", "SCALE": "2", "PARTS": "2"}
    codes = []
    for index in range(2):
        done = run(*container["command"], *container["args"], JOB_COMPLETION_INDEX=index, **variables)
        codes.append(done.returncode)
    (rule,) = job["podFailurePolicy"]["rules"]
    assert sorted(codes) == [0, 1]
    assert 1 in rule["onExitCodes"]["values"]
    assert outputs() == pictures


@pytest.mark.slow
def test_two_processes_of_torchrun_on_shards_equal_one_with_twice_the_batch(run, folder):
    for number in range(12):
        values = np.random.default_rng(number).integers(0, 256, (28, 28), dtype=np.uint8)
        Path("photos").mkdir(exist_ok=True)
        Image.fromarray(values).save(f"photos/{number}.png")
    pack_folder(Path("photos"), "set", channels=1, shard_bytes=3 * 28 * 28)
    settings = [
        "--model.network.encoder_blocks", "1", "--model.network.head_width", "8", "--model.network.encoder_width", "8",
        "--model.network.frequencies", "1", "--model.warmup_steps", "0", "--data.source", "shards",
        "--data.root", "set", "--data.val_count", "2", "--data.shards_mixed", "2", "--data.steps_per_epoch", "2",
        "--trainer.max_steps", "4",
        "--trainer.precision", "32-true", "--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false",
        "--trainer.enable_model_summary", "false",
    ]  # fmt: skip
    config = ROOT / "configs" / "mnist.yaml"
    assert train(["--config", str(config), "--run_dir", "one", *settings, "--data.batch_size", "4"]) == 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cluster = {
        "SLURM_JOB_NODELIST": "localhost", "SLURM_NNODES": 1, "SLURM_JOB_ID": 7, "PORT": port, "PROCESSES": 2,
        "CONFIG": config, "RUN": "two",
    }  # fmt: skip
    done = run(EXAMPLES / "train_slurm.sh", *settings, "--data.batch_size", "2", **cluster)
    assert done.returncode == 0, done.stderr
    assert "MEMBER: 2/2" in done.stderr + done.stdout
    one, two = (load_file(f"{name}/model.safetensors") for name in ("one", "two"))
    for name in one:
        torch.testing.assert_close(two[name], one[name], atol=1e-5, rtol=1e-4)
