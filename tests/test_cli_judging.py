"""`fit`, `render`, `compare` and `benchmark` from end to end."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence
from test_tracking import logged_configuration, logged_table, logged_tables

from amortized_sr.baselines.fitting import fit
from amortized_sr.cli.exit_codes import sentence
from amortized_sr.cli.info import info
from amortized_sr.cli.upscale import upscale
from amortized_sr.image_io import ImageError, read_picture
from amortized_sr.metrics import psnr
from amortized_sr.picture_tensor import picture_to_tensor
from amortized_sr.weights_header import bundled_models


@pytest.fixture(autouse=True)
def no_server(folder, monkeypatch) -> None:
    """Every test works in a folder of its own, and reaches no server."""
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("WANDB_SILENT", "true")


def photo(name: str, height: int = 10, width: int = 12, seed: int = 0) -> Path:
    y, x = np.mgrid[0:height, 0:width] + np.random.default_rng(seed).uniform(0, 9, (2, 1, 1))
    values = np.stack([127 + 120 * np.sin(x / 2 + k) * np.cos(y / 3 - k) for k in range(3)], axis=2)
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.round().astype(np.uint8)).save(name)
    return Path(name)


# --- fit and render ---


def test_fit_draws_the_image_it_learned_and_says_how_well(cli):
    photo("a.png")
    result = cli("fit", "a.png", "--scale", 1, "--steps", 150, "--region", 1, "--json", "-o", "same.png")
    assert (result.code, result.err) == (0, "")
    facts = json.loads(result.out)
    drawn, image = (picture_to_tensor(read_picture(Path(name))) for name in ("same.png", "a.png"))
    assert facts["psnr"] > 50
    assert psnr(drawn, image).item() > 50
    assert facts["network"] == "siren"


def test_what_fit_keeps_render_draws_again(cli):
    photo("a.png")
    quick = ("--steps", 5, "--network", "notebook", "--coords", "centered")
    assert cli("fit", "a.png", "--size", "30x20", *quick, "--save", "a.safetensors").code == 0
    assert cli("render", "a.safetensors", "--size", "30x20").code == 0
    first, again = (read_picture(Path(name)) for name in ("a_notebook_30x20.png", "a_30x20.png"))
    assert first == again
    assert cli("render", "a.safetensors", "--scale", 2.5).code == 0
    assert read_picture(Path("a_x2.5.png")).size == (30, 25)


@pytest.mark.parametrize("output", ["there", "new/", "new/deep/"])
def test_an_output_that_is_a_folder_gets_the_default_name(cli, output):
    photo("a.png")
    Path("there").mkdir()
    fitting = ("--scale", 2, "--steps", 2, "--network", "relu")
    assert cli("fit", "a.png", *fitting, "-o", output, "--save", "a.safetensors").code == 0
    assert cli("render", "a.safetensors", "--scale", 2, "-o", output).code == 0
    assert {path.name for path in Path(output).iterdir()} == {"a_relu_x2.png", "a_x2.png"}
    again = cli("fit", "a.png", *fitting, "-o", output)
    assert again.code == 2
    assert "a_relu_x2.png exists; --overwrite replaces it" in again.err


def test_weights_given_to_render_are_named_with_the_command_for_them(cli):
    result = cli("render", bundled_models()["mnist"], "--scale", 2, "-o", "x.png")
    assert result.code == 1
    assert "holds the weights of a model, not a fitted image" in result.complaint
    command = result.complaint.split("amortized-sr ")[1].split()
    assert command[:-1] == ["upscale", "IMAGE", "--scale", "4", "--model"]
    photo("a.png")
    assert cli(*[word.replace("IMAGE", "a.png") for word in command]).code == 0


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_frames_show_the_image_emerging(cli, suffix):
    image = photo("a.png")
    film = f"film{suffix}"
    assert cli("fit", "a.png", "-s", 2, "--steps", 120, "--region", 1, "--frames", film, "-q").code == 0
    with Image.open(film) as animation:
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(animation)]
    assert 20 < len(frames) <= 40
    target = np.asarray(read_picture(image).resize(frames[0].size, Image.Resampling.BICUBIC), float)
    errors = [np.abs(np.asarray(frame, float) - target).mean() for frame in frames]
    assert errors[-1] < errors[0] / 3


def test_fit_stops_at_its_target(cli):
    photo("a.png")
    result = cli("fit", "a.png", "-s", 2, "--steps", 5000, "--target-psnr", 30, "--json")
    assert 29 < json.loads(result.out)["psnr"] < 60


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["a.png"], "choose one of scale, size"),
        (["a.png", "-s", "2", "--frames", "film.mp4"], "--frames must end in .gif .webp .png"),
        (["a.png", "-s", "2", "--save", "a.pt"], "--save must end in .safetensors"),
        (["a.png", "-s", "2", "-o", "a.png"], "is the input"),
        (["a.png", "-s", "2", "-o", "old.png"], "old.png exists; --overwrite replaces it"),
        (["a.png", "-s", "2", "-o", "x.png", "--frames", "x.png"], "two outputs have the same name"),
        (["a.png", "-s", "2", "-o", "none/x.png"], "does not exist; create it first"),
        (["a.png", "-s", "2", "-o", "new/", "--save", "none/a.safetensors"], "does not exist; create it first"),
        (["a.png", "-s", "2", "--seconds", "0"], "seconds must be positive"),
    ],
)
def test_senseless_fits_are_usage_errors_and_cost_nothing(cli, arguments, sentence):
    photo("a.png")
    Path("old.png").write_bytes(b"precious")
    before = {path: path.read_bytes() for path in Path().iterdir()}
    result = cli("fit", *arguments)
    assert result.code == 2
    assert sentence in result.err.replace("\n", " ")
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_what_cannot_be_fitted_or_rendered_fails_with_a_sentence(cli):
    assert "no such file" in cli("fit", "none.png", "-s", "2").complaint
    photo("large.png", 520, 520)
    assert "more than can be fitted at once" in cli("fit", "large.png", "-s", "2", "--region", 1).complaint
    photo("a.png")
    result = cli("fit", "a.png", "-s", "2", "--steps", 20, "--learning-rate", 1e30)
    assert result.code == 1
    assert "the training diverged at a learning rate of 1e+30; lower --learning-rate" in result.complaint
    assert cli("render", "a.png", "-s", "2").code == 1


# --- compare ---


@pytest.fixture
def digits(shared_data, tmp_path) -> Path:
    """A folder with MNIST's archives, into which they can be unpacked."""
    archives = tmp_path / "data" / "MNIST" / "raw"
    archives.mkdir(parents=True)
    for path in (shared_data / "data" / "MNIST" / "raw").glob("*.gz"):
        (archives / path.name).symlink_to(path)
    return tmp_path / "data"


QUICK = ("--methods", "bicubic,fit:notebook,amortized", "--fit-steps", 2)


@pytest.mark.slow
def test_compare_writes_a_page_a_grid_and_numbers_and_prints_a_table(cli):
    photo("a.png", 40, 48)
    photo("b.png", 44, 40, seed=1)
    result = cli("compare", "a.png", "b.png", "--scale", 2, *QUICK, "-o", "out")
    assert result.code == 0
    assert "rounded to 8 bits" in result.out
    assert all(f"\n{name} " in result.out for name in ("bicubic", "fit:notebook", "amortized"))
    assert {path.name for path in Path("out").iterdir()} == {"compare.html", "grid.png", "metrics.json", "metrics.csv"}
    numbers = json.loads(Path("out/metrics.json").read_text())
    assert [one["image"] for one in numbers["images"]] == ["a.png", "b.png"]
    again = cli("compare", "a.png", "b.png", "--scale", 2, *QUICK, "-o", "out")
    assert again.code == 2
    assert "--overwrite replaces it" in again.err


@pytest.mark.slow
def test_compare_logs_one_table_with_pixel_exact_pictures(cli):
    photo("a.png", 40, 48)
    assert cli("compare", "a.png", "--scale", 2, *QUICK, "-o", "out", "--wandb", "offline", "-q").code == 0
    (columns, ((name, image, *rest),)), (of_methods, means) = sorted(logged_tables(Path("out")))
    assert name == "a.png"
    assert columns[:6] == ["image", "input", "bicubic", "fit:notebook", "amortized", "target"]
    assert np.array_equal(rest[3], np.asarray(Image.open("a.png")))
    expected = Image.open("a.png").resize((24, 20), Image.Resampling.BICUBIC)
    assert np.abs(image.astype(int) - np.asarray(expected)).max() <= 1
    configuration = logged_configuration(Path("out"))
    assert configuration["methods"] == ["bicubic", "fit:notebook", "amortized"]
    assert (configuration["images"], configuration["limit"], configuration["scale"]) == (["a.png"], None, 2.0)
    numbers = json.loads(Path("out/metrics.json").read_text())["images"][0]["methods"]
    for method, values in numbers.items():
        for number, value in values.items():
            assert rest[columns.index(f"{method} {number}") - 2] == pytest.approx(value)
    # The longer side of 48 pixels becomes 512.
    assert rest[columns.index("amortized at 512") - 2].shape == (427, 512, 3)
    printed = json.loads(Path("out/metrics.json").read_text())["methods"]
    for name in ("method", "psnr", "numbers", "draw_seconds"):
        assert [row[of_methods.index(name)] for row in means] == [one[name] for one in printed]


@pytest.mark.slow
def test_compare_ends_well_without_its_server(cli, monkeypatch):
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "2")
    monkeypatch.setenv("WANDB_FINISH_TIMEOUT", "2")
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    photo("a.png", 40, 48)
    result = cli("compare", "a.png", "--scale", 2, *QUICK, "-o", "out", "--wandb", "online")
    assert result.code == 0
    assert "wandb is not reachable" in result.err
    assert "upload it with: wandb sync " in result.err
    assert Path("out/grid.png").exists()
    assert sorted(logged_tables(Path("out")))[0][1][0][0] == "a.png"


@pytest.mark.slow
def test_compare_goes_on_without_a_method_that_fails_and_without_a_file_that_is_damaged(cli, monkeypatch):
    photo("a.png", 40, 48)
    Path("bad.png").write_bytes(b"nothing")
    monkeypatch.setattr("amortized_sr.benchmark.methods.fit", lambda images, settings: 1 / 0)
    result = cli("compare", "a.png", "--scale", 2, *QUICK, "-o", "first")
    assert result.code == 0
    assert "fit:notebook failed: ZeroDivisionError" in result.err
    result = cli("compare", "a.png", "bad.png", "--scale", 2, *QUICK, "-o", "second")
    assert result.code == 1
    assert "bad.png" in result.err
    assert Path("second/compare.html").exists()


def test_the_page_holds_latents_if_that_is_asked_for(cli, small_weights):
    photo("a.png", 24, 32)
    options = ("--scale", 2, "--methods", "bicubic,amortized", "-n", small_weights)
    plain = cli("compare", "a.png", *options, "-o", "plain")
    assert plain.code == 0
    assert "note:" not in plain.err
    result = cli("compare", "a.png", *options, "--zoomable", "-o", "out")
    assert result.code == 0
    assert "note: a.png: drawn anew at every zoom: amortized (0.04 MB of the page)." in result.err
    assert "note: a.png: pixels only: bicubic (no latent)." in result.err
    pages = [Path(name, "compare.html").read_text() for name in ("plain", "out")]
    assert ["held-0-2-latent" in page for page in pages] == [False, True]
    # 12 x 16 pixels of 25 codes and one colour for each of three colours, 2 bytes for each as base64, and the scripts.
    assert 12 * 16 * 208 < len(pages[1]) - len(pages[0]) < 12 * 16 * 208 + 40_000
    numbers = [json.loads(Path(name, "metrics.json").read_text())["methods"] for name in ("plain", "out")]
    assert [one["psnr"] for one in numbers[0]] == [one["psnr"] for one in numbers[1]]


def test_what_cannot_be_written_is_refused_before_anything_is_computed(cli, monkeypatch):
    photo("a.png", 24, 32)
    monkeypatch.setattr("amortized_sr.benchmark.comparison.compare", lambda *_, **__: pytest.fail("it was computed"))
    Path("out/compare.html").mkdir(parents=True)
    Path("file").touch()
    for output, words in [
        ("file", "file: cannot be created (File exists); choose another --output"),
        ("file/out", "cannot be created (Not a directory)"),
        ("out", "compare.html is a folder, which no file replaces; choose another --output"),
        ("/proc/self", "/proc/self: cannot be written to"),
    ]:
        if output.startswith("/proc") and not Path(output).exists():
            continue
        result = cli("compare", "a.png", "--methods", "bicubic", "-s", 2, "-o", output, "--overwrite")
        assert result.code == 2
        assert words in result.err.replace("\n", " ")


@pytest.mark.slow
def test_compare_enlarges_what_is_given_as_the_input(cli):
    photo("a.png")
    assert cli("compare", "a.png", "--as", "input", "--scale", 3, *QUICK, "-q").code == 0
    numbers = json.loads(Path("compare_a/metrics.json").read_text())
    assert numbers["methods"][0]["psnr"] is None
    assert numbers["methods"][0]["lr_consistency"] > 20


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "give either image files or --data mnist"),
        (["a.png", "--data", "mnist"], "give either image files or --data mnist"),
        (["a.png", "--scale", "0.5"], "--scale must be from 1 to 64"),
        (["a.png", "--methods", "bicubic,magic"], "no method 'magic'"),
        (["a.png", "--methods", "bicubic,bicubic"], "--methods must name different methods"),
        (["a.png", "--model", "none"], "no weights named 'none'"),
        (["a.png", "--methods", "pca:8"], "compare a data set instead of files (--data)"),
        (["a.png", "--methods", "autoencoder:mnist"], "mnist holds no autoencoder; name the method amortized:mnist"),
        (["a.png", "--fit-seconds", "-1"], "seconds must be positive"),
    ],
)
def test_senseless_comparisons_are_usage_errors(cli, arguments, sentence):
    photo("a.png")
    result = cli("compare", *arguments)
    assert result.code == 2
    assert sentence in result.err.replace("\n", " ")
    assert [path.name for path in Path().iterdir()] == ["a.png"]


@pytest.mark.slow
def test_amortised_digits_are_far_better_and_far_faster_than_fitted_ones(cli, digits):
    arguments = ("--data", "mnist", "--root", digits, "--limit", 8, "--scale", 2)
    result = cli("compare", *arguments, "--methods", "lanczos,fit:siren,amortized", "--fit-steps", 100, "-q")
    assert result.code == 0
    lanczos, fitted, amortized = json.loads(Path("compare_mnist/metrics.json").read_text())["methods"]
    assert amortized["psnr"] > max(lanczos["psnr"], fitted["psnr"]) + 5
    assert amortized["speedup"] > 3


@pytest.mark.slow
def test_digits_at_their_own_size_show_quality_against_numbers_per_image(cli, digits, digit_autoencoder):
    arguments = ("--data", "mnist", "--root", digits, "--limit", 30, "--scale", 1)
    names = ("bicubic", "amortized", f"autoencoder:{digit_autoencoder}", "pca:16", "pca:64")
    result = cli("compare", *arguments, "--methods", ",".join(names))
    assert result.code == 0
    assert "numbers per image" in result.out
    found = json.loads(Path("compare_mnist/metrics.json").read_text())["methods"]
    assert [one["numbers"] for one in found] == [784, 784 * 50, 16, 16, 64]
    assert found[0]["psnr"] == 200
    assert found[3]["psnr"] < found[4]["psnr"] < 25
    assert all(one["encode_seconds"] > 0 and one["draw_seconds"] > 0 for one in found)


def test_digits_that_are_missing_are_no_wrong_usage(cli, monkeypatch):
    monkeypatch.setattr("torchvision.datasets.MNIST.resources", [])
    monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", [])
    result = cli("compare", "--data", "mnist", "--methods", "pca:8")
    assert result.code == 1
    assert "MNIST is missing" in result.complaint


# --- benchmark ---


def benchmark_folder() -> Path:
    for index in range(3):
        photo(f"photos/{index}.png", 40 + index, 44, seed=index)
    return Path("photos")


def rows(folder: str) -> list[dict[str, object]]:
    return json.loads(Path(folder, "report.json").read_text())["rows"]


def bare(found: list[dict[str, object]]) -> list[dict[str, object]]:
    return [
        {key: value for key, value in row.items() if key not in ("seconds", "peak_mebibytes", "machine")}
        for row in found
    ]


@pytest.mark.slow
def test_benchmark_writes_a_report_and_goes_on_where_it_was(cli):
    benchmark_folder()
    arguments = ("benchmark", "photos", "--scales", "2,3", "--methods", "nearest,bicubic", "--protocol", "y")
    first = cli(*arguments, "-o", "out")
    assert first.code == 0
    assert "| bicubic |" in first.out
    assert first.err.count(" dB\n") == 12
    assert Path("out/report.md").read_text().startswith("# Benchmark\n\nTarget cropped")
    assert len(Path("out/rows.csv").read_text().splitlines()) == 13
    before = rows("out")
    again = cli(*arguments, "-o", "out")
    assert (again.code, again.err) == (0, "")
    assert rows("out") == before
    other = cli("benchmark", "photos", "--scales", "4", "-o", "out")
    assert other.code == 2
    assert "delete it, or choose another folder (--output)" in other.err


@pytest.mark.slow
def test_a_benchmark_that_was_killed_ends_as_one_that_was_not(cli, folder):
    benchmark_folder()
    arguments = [
        "benchmark",
        "photos",
        "--scales",
        "2,3",
        "--methods",
        "bicubic,fit:siren,amortized",
        "--fit-steps",
        "40",
    ]
    program = [sys.executable, "-m", "amortized_sr", *arguments, "-o", "killed", "-q"]
    started = subprocess.Popen(program, env={**os.environ, "OMP_NUM_THREADS": "1"})
    journal = folder / "killed" / "journal.jsonl"
    limit = time.monotonic() + 120
    while not journal.exists() or len(journal.read_bytes().splitlines()) < 6:
        assert started.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.01)
    started.send_signal(signal.SIGKILL)
    started.wait()
    kept = [json.loads(line) for line in journal.read_text().splitlines()[1:6]]
    assert not Path("killed/report.json").exists()
    for output in ("killed", "whole"):
        # Processes of their own, because another number of threads adds up in another order.
        program = [sys.executable, "-m", "amortized_sr", *arguments, "-o", output, "-q"]
        assert subprocess.run(program, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False).returncode == 0
    assert rows("killed")[:5] == kept
    assert len(rows("whole")) == 18
    assert bare(rows("killed")) == bare(rows("whole"))
    qualities = [Path(name, "report.md").read_text().split("Costs on")[0] for name in ("killed", "whole")]
    assert qualities[0] == qualities[1]


@pytest.mark.slow
def test_a_failing_method_is_a_failed_row_and_not_a_failed_run(cli, monkeypatch):
    benchmark_folder()
    monkeypatch.setattr("amortized_sr.benchmark.methods.fit", lambda images, settings: 1 / 0)
    result = cli("benchmark", "photos", "--scales", "2", "--methods", "bicubic,fit:siren", "-o", "out")
    assert result.code == 0
    assert "| fit:siren | failed |" in result.out
    assert [row["error"] is None for row in rows("out")] == [True, False] * 3
    Path("photos/1.png").write_bytes(b"nothing")
    assert cli("benchmark", "photos", "--scales", "2", "--methods", "bicubic", "-o", "other").code == 1


@pytest.mark.slow
def test_other_weights_of_the_same_name_are_another_benchmark(cli, small_weights):
    benchmark_folder()
    arguments = (
        "benchmark",
        "photos",
        "--scales",
        "2",
        "--methods",
        "amortized",
        "--model",
        small_weights,
        "-o",
        "out",
    )
    assert cli(*arguments).code == 0
    small_weights.write_bytes(bundled_models()["mnist"].read_bytes())
    result = cli(*arguments)
    assert result.code == 2
    assert "choose another folder (--output)" in result.err


@pytest.mark.slow
def test_a_fit_that_diverges_is_a_failed_method(cli, monkeypatch):
    photo("a.png", 40, 48)

    def poisoned(images, settings):
        fitted = fit(images, settings)
        fitted.networks.biases[0].fill_(torch.nan)
        return fitted

    monkeypatch.setattr("amortized_sr.benchmark.methods.fit", poisoned)
    result = cli("compare", "a.png", "--scale", 2, *QUICK, "-o", "out")
    assert result.code == 0
    assert "fit:notebook failed: ValueError: the picture holds NaN" in result.err


@pytest.mark.slow
def test_a_comparison_of_nothing_leaves_no_older_pictures(cli, monkeypatch):
    photo("a.png", 40, 48)
    assert cli("compare", "a.png", "--scale", 2, "--methods", "bicubic", "-o", "out").code == 0
    monkeypatch.setattr("amortized_sr.benchmark.methods.fit", lambda images, settings: 1 / 0)
    result = cli("compare", "a.png", "--scale", 2, "--methods", "fit:siren", "-o", "out", "--overwrite")
    assert result.code == 1
    assert {path.name for path in Path("out").iterdir()} == {"metrics.json", "metrics.csv"}


@pytest.mark.slow
def test_images_that_are_too_small_and_folders_without_images_are_named(cli):
    photo("a.png", 40, 48)
    photo("tiny.png", 3, 3)
    Path("empty").mkdir()
    result = cli("compare", "a.png", "tiny.png", "--scale", 4, *QUICK, "-o", "out")
    assert result.code == 1
    assert "tiny.png: 3x3 pixels are too few for scale 4; lower the scale (--scale)" in result.err
    assert Path("out/compare.html").exists()
    for nothing in ("empty", "none.png"):
        result = cli("compare", nothing, *QUICK, "-o", "other")
        assert result.code == 1
        assert f"error: {nothing}: no " in result.err
        assert not Path("other").exists()


@pytest.mark.slow
def test_benchmark_logs_its_rows(cli):
    benchmark_folder()
    arguments = ("--scales", "2", "--methods", "bicubic", "--limit", 2, "-o", "out", "--wandb", "offline", "-q")
    assert cli("benchmark", "photos", *arguments).code == 0
    columns, data = logged_table(Path("out"))
    about, numbers = (
        ["data", "image", "scale", "method", "noise", "jpeg"],
        ["psnr", "ssim", "lr_consistency", "cross_scale"],
    )
    # No row has an error, and not every system measures memory.
    found = [column for column in columns if column != "peak_mebibytes"]
    assert found == [*about, *numbers, "numbers", "parameters", "seconds", "machine"]
    assert [row[columns.index("image")] for row in data] == ["0.png", "1.png"]
    configuration = logged_configuration(Path("out"))
    assert configuration["images"] == ["photos/0.png", "photos/1.png"]
    assert [configuration[name] for name in ("methods", "scales", "limit")] == [["bicubic"], [2.0], 2]


def test_a_benchmark_of_a_grid_says_which_originals_it_measures(cli, told_weights):
    for copy in ("original_png", "noisy25"):
        photo(f"CBSD68/{copy}/0.png", 40, 44)
    options = ("--scales", "1", "--protocol", "plain", "--noise", "0,25", "--jpeg", "0,40", "-n", told_weights)
    result = cli("benchmark", "CBSD68", *options, "--methods", "bicubic,amortized,amortized+auto", "-o", "out")
    assert result.code == 0
    assert "CBSD68: measuring the originals in CBSD68/original_png" in result.err
    kinds = "| x1 clean | x1 jpeg 40 | x1 noise 25 | x1 noise 25 jpeg 40 |"
    assert f"| method {kinds}" in result.out
    found = rows("out")
    assert len(found) == 12
    assert {(row["noise"], row["jpeg"]) for row in found} == {(0, 0), (0, 40), (25, 0), (25, 40)}
    assert all(row["image"] == "original_png/0.png" and row["error"] is None for row in found)
    assert "noise 25 jpeg 40 amortized  " in result.err


def test_a_comparison_shows_clean_and_degraded_inputs(cli, told_weights):
    photo("a.png", 40, 48)
    options = ("--scale", 2, "--methods", "bicubic,amortized", "-n", told_weights)
    result = cli("compare", "a.png", *options, "--noise", "0,25", "-o", "out")
    assert result.code == 0
    assert "Noise: white, Gaussian" in result.out
    content = json.loads(Path("out/metrics.json").read_text())
    assert [one["image"] for one in content["images"]] == ["a.png, clean", "a.png, noise 25"]
    assert [one["input"] for one in content["methods"]] == ["clean", "clean", "noise 25", "noise 25"]
    assert '"name": "a.png, noise 25"' in Path("out/compare.html").read_text()
    # A row for each input, which is the first of its pictures.
    grid = np.asarray(Image.open("out/grid.png").convert("L"), float)
    assert grid.shape == (2 * 100 + 4, 4 * 100 + 4)
    assert np.abs(grid[20:100, 4:100] - grid[120:200, 4:100]).mean() > 5
    result = cli("compare", "a.png", *options, "--as", "input", "--jpeg", "40", "-o", "other")
    assert result.code == 2
    assert "--noise and --jpeg are added to inputs made from a truth" in result.err.replace("\n", " ")
    assert not Path("other").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["none"], 1, "none: no such folder; choose a folder with images"),
        (["photos", "-o", "photos/0.png/out"], 2, "cannot be created (Not a directory); choose another --output"),
        (["photos", "--scales", "2,x"], 2, "--scales must be numbers from 1 to 64"),
        (["photos", "--scales", "0.5"], 2, "--scales must be numbers from 1 to 64"),
        (["photos", "other/photos"], 2, "two folders have the same name"),
        (["photos", "--methods", "magic"], 2, "no method 'magic'"),
        (["photos", "--noise", "-1"], 2, "--noise must be numbers from 0 to 75, separated by commas, got '-1'"),
        (["photos", "--noise", "15,nan"], 2, "--noise must be numbers from 0 to 75"),
        (["photos", "--noise", "76"], 2, "got '76'"),
        (["photos", "--jpeg", "10,50.5"], 2, "--jpeg must be whole numbers from 0 to 100, separated by commas"),
        (["photos", "--jpeg", "101"], 2, "got '101'"),
        (["photos", "--methods", "pca:8"], 2, "pca:8 needs the training images of a data set"),
    ],
)
def test_senseless_benchmarks_are_refused(cli, arguments, code, sentence):
    benchmark_folder()
    result = cli("benchmark", *arguments)
    assert result.code == code
    assert sentence in result.err.replace("\n", " ")


def test_names_that_are_no_text_are_written_with_escapes(cli):
    photo(os.fsdecode(b"photos/\xff.png"), 40, 48)
    arguments = ("--methods", "bicubic", "-q", "-o")
    assert cli("compare", "photos", "-s", 2, *arguments, "first").code == 0
    assert cli("benchmark", "photos", "--scales", 2, *arguments, "second").code == 0
    for name in ("first/compare.html", "first/metrics.csv", "second/rows.csv"):
        assert "\\udcff.png" in Path(name).read_text()


@pytest.mark.parametrize("command", ["fit", "render", "compare", "benchmark"])
def test_help_of_the_judging_commands_loads_nothing_heavy(command):
    code = (
        "import sys; from amortized_sr.cli import main\ntry: main([sys.argv[1], '--help'])\n"
        "except SystemExit as left: assert left.code == 0\nsys.exit('torch' in sys.modules or 'wandb' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, command], capture_output=True, check=False).returncode == 0


WRONG_INPUTS = {
    "upscale": ("none.png", "-s", 2),
    "fit": ("none.png", "-s", 2),
    "render": ("none.safetensors", "-s", 2),
    "compare": ("none.png",),
    "benchmark": ("none",),
}
WRONG_USAGE = {
    "upscale": ("a.png", "-s", 2, "--model", "none"),
    "fit": ("a.png", "-s", 2, "--steps", 0),
    "render": ("a.safetensors",),
    "compare": ("a.png", "--model", "none"),
    "benchmark": ("photos", "--methods", "amortized:none"),
    "info": ("--model", "none"),
}


@pytest.mark.parametrize("command", WRONG_INPUTS)
def test_an_input_that_cannot_be_read_is_exit_code_1(cli, command):
    assert cli(command, *WRONG_INPUTS[command]).code == 1


@pytest.mark.parametrize("command", WRONG_USAGE)
def test_wrong_usage_is_exit_code_2(cli, command):
    photo("a.png")
    benchmark_folder()
    assert cli(command, *WRONG_USAGE[command]).code == 2


def _wait_until_it_computes(pid: int) -> None:
    """Libraries are loaded once a process had sixteen seconds of a processor, however slow and busy the machine is."""
    times = Path(f"/proc/{pid}/stat")
    if not times.exists():
        time.sleep(16)
        return
    ticks = 16 * os.sysconf("SC_CLK_TCK")
    while sum(map(int, times.read_text().rpartition(")")[2].split()[11:13])) < ticks:
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["fit", "compare", "benchmark"])
def test_an_interruption_is_exit_code_130(command):
    photo("a.png", 60, 60)
    Path("photos").mkdir()
    photo("photos/a.png", 60, 60)
    arguments = {
        "fit": ["a.png", "-s", "2", "--steps", "1000000", "--frames", "a.gif"],
        "compare": ["a.png", "--methods", "fit:relu", "--fit-steps", "1000000"],
        "benchmark": ["photos", "--methods", "fit:relu", "--fit-steps", "1000000"],
    }[command]
    started = subprocess.Popen([sys.executable, "-m", "amortized_sr", command, *arguments], stderr=subprocess.PIPE)
    _wait_until_it_computes(started.pid)
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=60)
    assert started.returncode == 130
    assert b"interrupted" in err


@pytest.mark.parametrize(
    "setting",
    ["max_pixels", "allow_truncated", "format", "output", "overwrite", "recursive", "scale", "memory", "background"],
)
def test_a_setting_becomes_the_option_that_the_running_command_has(cli, setting):
    error = ImageError("a.png", "is wrong", "change the setting", setting)
    option = f"--{setting.replace('_', '-')}"
    assert option in cli("upscale", "--help").out
    for command, shown in ((upscale, f"{error} ({option})"), (info, str(error)), (None, f"{error} ({option})")):
        assert sentence(error, command) == shown
    assert sentence(ImageError("a.png", "is wrong", "get it again"), upscale) == "a.png: is wrong; get it again"
