"""Training on shards: a killed run resumes to the same weights; what is wrong with the files is a sentence."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from amortized_sr.data.shard_set import read_shard_set
from amortized_sr.data.shard_writing import pack_folder
from amortized_sr.training.command import train

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def images(waves):
    return waves


@pytest.fixture
def place(waves, tmp_path):
    """Twelve images in six shards."""
    pack_folder(waves, str(tmp_path / "set"), channels=1, shard_bytes=2 * 28 * 28)
    return tmp_path / "set"


@pytest.fixture
def run(arguments, place, tmp_path):
    """A run of twelve steps in four epochs, from copies of shards of which two are mixed."""
    largest = max(shard.bytes for shard in read_shard_set(str(place)).shards)
    return [
        *arguments, "--data.source", "shards", "--data.root", f"file://{place}",
        "--data.cache", str(tmp_path / "cache"), "--data.shards_mixed", "2", "--data.cache_bytes", str(4 * largest),
        "--trainer.max_steps", "12", "--data.steps_per_epoch", "3", "--model.learning_rate", "0.01",
    ]  # fmt: skip


def surroundings(**more):
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(torch.get_num_threads()), **more}


def assert_same(parts, whole):
    first, second = (load_file(folder / "model.safetensors") for folder in (parts, whole))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.slow
# Machines with one core.
@pytest.mark.filterwarnings("ignore:This DataLoader will create 2 worker processes")
def test_kill_9_in_the_middle_resumes_to_the_same_weights_with_one_and_two_workers(run, tmp_path):
    run += ["--trainer.max_steps", "36"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train([*run, "--run_dir", str(whole)]) == 0
    command = [sys.executable, "-m", "amortized_sr", "train", *run, "--run_dir", str(parts), "--data.num_workers", "1"]
    process = subprocess.Popen(
        command, env=surroundings(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    limit = time.monotonic() + 120
    while not (parts / "samples" / "step_0000009.png").exists():
        assert process.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert 6 <= torch.load(parts / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] < 36
    resume = ["--config", str(parts / "config.yaml"), "--ckpt_path", "last", "--data.num_workers", "2"]
    assert train(resume) == 0
    assert_same(parts, whole)


@pytest.mark.slow
def test_a_shard_that_is_lost_while_training_ends_the_run_in_a_sentence_and_it_resumes(run, place, tmp_path, capsys):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    in_place = [*run, "--data.root", str(place)]
    assert train([*in_place, "--run_dir", str(whole)]) == 0
    assert train([*in_place, "--run_dir", str(parts), "--trainer.max_steps", "6"]) == 0
    lost = place / "00002.npy"
    content = lost.read_bytes()
    lost.unlink()
    capsys.readouterr()
    resume = ["--config", str(parts / "config.yaml"), "--ckpt_path", "last", "--trainer.max_steps", "12"]
    assert train(resume) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said == f"error: {place}: 00002.npy is missing; copy the set again, or pack it again"
    lost.write_bytes(content)
    assert train(resume) == 0
    # The schedule of the first part ended at its own last step, so only the batches are the same, not the weights.
    assert torch.load(parts / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 12


@pytest.mark.parametrize(
    ("extra", "code", "sentence"),
    [
        (["--data.root", "nowhere"], 2, "nowhere: no set of shards: shards.json is not there; write one with"),
        (["--data.cache_bytes", "9"], 2, "cache_bytes of 9 cannot hold"),
        (["--data.cache", "null"], 2, "need a folder of this machine for copies; set cache (--data.cache)"),
        (["--data.shards_mixed", "0"], 2, "shards_mixed must be at least 1, got 0"),
        (["--model.network.channels", "3"], 2, "the shards were packed with channels 1, not 3"),
        (["--data.shorter_side", "20"], 2, "the shards were packed with shorter_side None, not 20"),
    ],
)
def test_shards_that_cannot_be_used_are_refused_before_anything_is_written(
    run, tmp_path, capsys, extra, code, sentence
):
    assert train([*run, *extra]) == code
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_addresses_of_data_stay_as_they_are_written(run, capsys):
    with pytest.raises(SystemExit):
        train([*run, "--data.root", "s3://bucket/set", "--data.val_root", "null", "--print_config"])
    printed = capsys.readouterr().out
    assert "root: s3://bucket/set\n" in printed
    assert "val_root: null\n" in printed
