"""The scripts that measure autoencoders run on little data, and print what they promise."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import torch
from PIL import Image

from amortized_sr.autoencoder_config import AutoencoderConfig
from amortized_sr.choices import CodePathName
from amortized_sr.model_builder import build_autoencoder
from amortized_sr.weights import save_weights

PATHS = get_args(CodePathName)
SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An autoencoder that draws nothing but black, with a fitted mixture."""
    torch.manual_seed(0)
    config = AutoencoderConfig(code=16, encoder_width=4, hidden=8, decoder_width=8, components=2)
    autoencoder = build_autoencoder(config)
    torch.nn.init.zeros_(autoencoder.decoder.last.weight)
    assert autoencoder.prior is not None
    autoencoder.prior.fit(torch.randn(100, 16), seed=0)
    path = tmp_path_factory.mktemp("weights") / "black.safetensors"
    save_weights(path, autoencoder.state_dict(), config, {"steps": 3})
    return path


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / f"{script}.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def table(output: str) -> dict[str, str]:
    """Return the cells of the table's first row by their titles."""
    titles, _, row = [line.strip("| ").split(" | ") for line in output.splitlines() if line.startswith("|")][:3]
    assert len(titles) == len(row)
    return dict(zip(titles, row, strict=True))


@pytest.mark.slow
def test_an_autoencoder_that_draws_black_is_measured_as_black(shared_data, weights):
    done = run("eval_autoencoder", weights, "--root", shared_data / "data", "--limit", 200)
    assert done.returncode == 0, done.stderr
    assert "Protocol: all 10,000 test digits" in done.stdout
    cells = table(done.stdout)
    # Black is as far from every input's digit.
    assert cells["28 -> 28"] == cells["14 -> 28"] == cells["7 -> 28"]
    assert 9 < float(cells["28 -> 28"]) < 11
    # The first digits; 16.31 over all.
    assert float(cells["PCA"]) == pytest.approx(16.3, abs=0.5)
    assert (cells["background RMS"], cells["largest"]) == ("0.0000", "0.0000")
    assert cells["bytes"] == f"{weights.stat().st_size:,}"


@pytest.mark.slow
def test_the_plot_of_rates_is_drawn_from_the_measured_numbers(shared_data, weights, tmp_path):
    pytest.importorskip("matplotlib")
    plot = tmp_path / "rates.png"
    done = run("plot_rates", weights, "--root", shared_data / "data", "--limit", 200, "-o", plot)
    assert done.returncode == 0, done.stderr
    rows = dict(line.strip("| ").split(" | ") for line in done.stdout.splitlines()[6:] if line.startswith("|"))
    curves = {name: [float(point.split(": ")[1]) for point in row.split(", ")] for name, row in rows.items()}
    assert rows["autoencoder, 28 -> 28"].startswith("16: ")
    assert curves["autoencoder, 28 -> 28"] == curves["autoencoder, 7 -> 28"]
    assert curves["PCA"][1] == pytest.approx(16.3, abs=0.5)
    for name in ("PCA", "k x k pixels, bicubic"):
        assert curves[name] == sorted(curves[name])
    with Image.open(plot) as drawn:
        assert drawn.size == (660, 462)


@pytest.mark.slow
def test_samples_that_are_black_are_recognised_alike(shared_data, weights):
    done = run("measure_samples", weights, "--root", shared_data / "data", "--limit", 60, "--steps", 60)
    assert done.returncode == 0, done.stderr
    cells = table(done.stdout)
    midpoints = [f"midpoints {kind}, {path}" for kind in ("across classes", "within a class") for path in PATHS]
    black = {cells[name] for name in ("test reconstructions", "one Gaussian", "mixture", *midpoints)}
    assert len(black) == 1
    (digits,) = [line for line in done.stdout.splitlines() if line.startswith("training digits")]
    assert float(digits.split()[-2].strip(",")) < float(black.pop().split(",")[0])


@pytest.mark.slow
def test_decoding_is_timed_beside_film(weights):
    done = run("bench_autoencoder", weights, "--runs", 1, "--side", 64)
    assert done.returncode == 0, done.stderr
    assert "1 thread, torch" in done.stdout
    cells = table(done.stdout)
    assert float(cells["film 64"]) > float(cells["decode 64"]) > 0


@pytest.mark.slow
@pytest.mark.parametrize("script", ["eval_autoencoder", "measure_samples", "plot_rates", "bench_autoencoder"])
def test_an_upscaler_is_refused_in_a_sentence(script, shared_data):
    place = [] if script == "bench_autoencoder" else ["--root", shared_data / "data", "--limit", 10]
    done = run(script, "mnist", *place)
    assert done.returncode == 2
    assert "mnist is not an autoencoder" in done.stderr
