"""Every program in examples/ runs as its docstring says, and its output is right."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from amortized_sr.picture_tensor import picture_to_tensor
from amortized_sr.upscaler import Upscaler
from amortized_sr.weights import load_weights

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
PROGRAMS = sorted(path.name for path in EXAMPLES.glob("*.py"))


def run(folder, name, *arguments, strict=True):
    """Run an example as a process in a folder; `strict`: warnings are errors."""
    command = [sys.executable, *(["-W", "error"] if strict else []), EXAMPLES / name, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(
        [str(word) for word in command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def output(done):
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_docstring_names_the_command_and_every_option(name):
    text = (EXAMPLES / name).read_text()
    docstring = text.split('"""')[1]
    assert f"python examples/{name}" in docstring
    for option in re.findall(r'add_argument\((?:"-\w", )?"--([\w-]+)"', text):
        assert f"--{option}" in docstring or f"-{option[0]} " in docstring, option
    assert f"`{name}`" in (EXAMPLES / "README.md").read_text()


@pytest.mark.slow
def test_zoom_goes_from_the_whole_to_a_sixteenth_around_the_point(tmp_path):
    said = output(run(tmp_path, "zoom.py", "--frames", 5, "--size", 96, "--at", 0.5, -0.99, "-o", "in.webp"))
    assert said == "wrote in.webp: 5 frames, the last one shows 1/16 of the width\n"
    function = Upscaler.from_pretrained(device="cpu").encode(EXAMPLES / "kitten_64.png")
    # The point is too near to the left edge to be in the middle.
    windows = {0: (-1.0, -1.0, 1.0, 1.0), 2: (0.25, -1.0, 0.75, -0.5), 4: (0.4375, -1.0, 0.5625, -0.875)}
    with Image.open(tmp_path / "in.webp") as film:
        assert film.n_frames == 5
        for number in windows:
            film.seek(number)
            frame = np.asarray(film.convert("RGB"), float)
            errors = {
                other: np.abs(frame - np.asarray(function.render((96, 96), window), float)).mean()
                for other, window in windows.items()
            }
            # WebP loses some.
            assert min(errors, key=errors.__getitem__) == number
            assert errors[number] < 8


@pytest.mark.slow
def test_too_few_frames_are_a_sentence(tmp_path):
    done = run(tmp_path, "zoom.py", "--frames", 1)
    assert done.returncode == 2
    assert "--frames must be at least 2, got 1" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("cell", [0.0, 0.25])
def test_points_have_the_colours_of_the_function(tmp_path, cell):
    points = [(-0.3, 0.6), (0.045, -0.17)]
    words = [word for point in points for word in ("--point", *point)]
    lines = output(run(tmp_path, "query_points.py", EXAMPLES / "kitten_64.png", *words, "--cell", cell)).splitlines()
    function = Upscaler.from_pretrained(device="cpu").encode(EXAMPLES / "kitten_64.png")
    exact = function(torch.tensor(points), torch.tensor([cell, cell])).clamp(0, 1)
    assert len(lines) == 2
    for line, point, colour in zip(lines, points, exact.tolist(), strict=True):
        place, name, *printed = re.findall(r"\(.*\)|[#\w.]+", line)
        assert place == f"({point[0]:+.3f}, {point[1]:+.3f})"
        assert [float(value) for value in printed] == pytest.approx(colour, abs=1e-3)
        assert [int(name[start : start + 2], 16) for start in (1, 3, 5)] == pytest.approx(
            [255 * value for value in colour], abs=0.8
        )


@pytest.mark.slow
def test_ten_pictures_train_a_model_that_beats_interpolation_on_the_two_held_out(tmp_path):
    said = output(run(tmp_path, "train_on_folder.py", strict=False))
    bicubic, yours = (float(value) for value in re.findall(r"^(?:bicubic|yours) +([\d.]+) dB", said, re.M))
    assert yours > bicubic + 0.2
    trained = load_weights(tmp_path / "mine.safetensors")
    assert (trained.facts["data"]["train_images"], trained.facts["data"]["val_images"]) == (8, 2)
    upscaler = Upscaler(trained)
    assert upscaler.upscale(EXAMPLES / "kitten_64.png", scale=1.5).size == (96, 96)


@pytest.mark.slow
def test_a_folder_of_ones_own_is_what_is_trained_on(tmp_path):
    (tmp_path / "own").mkdir()
    for number in range(10):
        noise = np.random.default_rng(number).integers(0, 256, (50, 60, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "own" / f"{number}.png")
    said = output(run(tmp_path, "train_on_folder.py", "own", "--steps", 3, "-o", "n.safetensors", strict=False))
    # Noise: nothing can be near to it.
    assert all(float(value) < 15 for value in re.findall(r"([\d.]+) dB", said))
    assert load_weights(tmp_path / "n.safetensors").facts["steps"] == 3


@pytest.mark.slow
def test_an_own_lightning_module_lowers_its_own_loss_on_held_out_parts(tmp_path):
    said = output(run(tmp_path, "own_lightning_module.py", strict=False))
    before, after = (float(value) for value in re.findall(r"([\d.]+) (?:before|after)", said))
    assert 0 < after < before
    mine, bundled = load_weights(tmp_path / "sharper.safetensors"), load_weights("photo-tiny")
    assert mine.config == bundled.config
    image = picture_to_tensor(Image.open(EXAMPLES / "kitten_64.png"))
    change = (mine.model(image, (128, 128)) - bundled.model(image, (128, 128))).abs().max()
    assert 0.001 < change < 0.5
