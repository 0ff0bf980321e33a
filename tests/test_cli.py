import dataclasses
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from command_line import Result
from PIL import Image

import amortized_sr
from amortized_sr import upscale
from amortized_sr.devices import available_devices
from amortized_sr.image_io import read_picture
from amortized_sr.model_builder import build_model
from amortized_sr.model_config import ModelConfig
from amortized_sr.weights import load_weights, save_weights
from amortized_sr.weights_header import DEFAULT_MODEL, bundled_models

TRAINING_STACK = {"lightning", "torchmetrics", "torchvision", "wandb"}


pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def upscale_small(cli, small_weights):
    """Run `upscale` in this process with a small model."""

    def run(*arguments: object) -> Result:
        return cli("upscale", "--model", small_weights, "--device", "cpu", *arguments)

    return run


def process(*arguments: object, **environment: str) -> Result:
    """Run the program as users do."""
    done = subprocess.run(
        [sys.executable, "-m", "amortized_sr", *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def picture(name: str, height: int = 6, width: int = 8) -> Path:
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(values).save(name)
    return Path(name)


def listing() -> set[str]:
    return {path.name for path in Path().iterdir()}


# --- doing the work ---


def test_upscale_writes_what_python_gives_beside_the_input(upscale_small, small_weights):
    picture("a.png")

    result = upscale_small("a.png", "--scale", 2.5)

    assert (result.code, result.err) == (0, "")
    # The command line draws so small a picture in fp32.
    expected = upscale("a.png", 2.5, model=small_weights, device="cpu", precision="fp32").to_pil()
    assert read_picture(Path("a_x2.5.png")) == expected


@pytest.mark.parametrize(
    ("options", "size", "label"),
    [
        (["-s", "3"], (24, 18), "x3"),
        (["--scale", "0.5"], (4, 3), "x0.5"),
        (["--size", "30x20"], (30, 20), "30x20"),
        (["--size", "30X20"], (30, 20), "30x20"),
        (["--width", "20"], (20, 15), "w20"),
        (["--height", "20"], (27, 20), "h20"),  # 26.7
        (["--longest", "20"], (20, 15), "l20"),
        (["--longest", "1"], (1, 1), "l1"),
    ],
)
def test_each_way_to_name_a_size_gives_that_size(upscale_small, options, size, label):
    picture("a.png", height=6, width=8)

    result = upscale_small("a.png", *options)

    assert result.code == 0
    assert read_picture(Path(f"a_{label}.png")).size == size


def test_the_longest_side_may_be_the_height(upscale_small):
    picture("a.png", height=8, width=6)

    upscale_small("a.png", "--longest", 20)

    assert read_picture(Path("a_l20.png")).size == (15, 20)


def test_a_proportion_that_ends_in_a_half_is_rounded_up(upscale_small):
    picture("a.png", height=3, width=2)

    upscale_small("a.png", "--width", 3)

    assert read_picture(Path("a_w3.png")).size == (3, 5)


@pytest.mark.parametrize("name", ["out.png", "out.jpg", "out.webp", "out.tif"])
def test_the_output_gets_the_name_and_the_format_that_were_asked_for(upscale_small, name):
    picture("a.png")

    assert upscale_small("a.png", "-s", 2, "-o", name).code == 0

    with Image.open(name) as output:
        assert output.size == (16, 12)
        assert output.format == {".jpg": "JPEG", ".tif": "TIFF"}.get(Path(name).suffix, Path(name).suffix[1:].upper())


def test_a_folder_as_output_gets_the_file(upscale_small):
    picture("a.png")
    Path("out").mkdir()

    assert upscale_small("a.png", "-s", 2, "-o", "out").code == 0

    assert read_picture(Path("out/a_x2.png")).size == (16, 12)


def test_one_line_says_what_was_done(upscale_small):
    picture("a.png")

    result = upscale_small("a.png", "-s", 2)

    assert result.out.startswith("a.png  8x6 -> 16x12  ")
    assert result.out.endswith(" s  a_x2.png\n")


def test_several_inputs_are_counted(upscale_small):
    result = upscale_small(picture("a.png"), picture("b.png"), "-s", 2)

    assert re.fullmatch(r"2 done  [\d.]+ images/s", result.out.splitlines()[-1])
    assert len(result.out.splitlines()) == 3


def test_quiet_says_nothing(upscale_small):
    result = upscale_small(picture("a.png"), picture("b.png"), "-s", 2, "--quiet")

    assert (result.code, result.out, result.err) == (0, "", "")


def test_verbose_names_model_and_device(upscale_small, small_weights):
    assert f"model {small_weights} on cpu in fp32, by numpy\n" in upscale_small(picture("a.png"), "-s", 2, "-v").out
    told = upscale_small("a.png", "-s", 3, "-v", "--engine", "torch", "--precision", "bf16").out
    assert f"model {small_weights} on cpu in bf16\n" in told


def test_json_gives_one_object_for_each_input(upscale_small):
    picture("a.png")
    picture("b.png")
    Path("b_x2.png").touch()

    result = upscale_small("a.png", "b.png", "no.png", "-s", 2, "--json")

    done, skipped, failed = (json.loads(line) for line in result.out.splitlines())
    assert done.pop("seconds") >= 0
    assert done == {"status": "done", "input": "a.png", "output": "a_x2.png", "width": 16, "height": 12}
    assert skipped == {"status": "skipped", "input": "b.png", "output": "b_x2.png"}
    assert failed == {"status": "failed", "input": "no.png", "error": "no.png: no such file; check the path"}


def test_json_stays_clean_with_verbose(upscale_small):
    result = upscale_small(picture("a.png"), "-s", 2, "--json", "--verbose")

    assert json.loads(result.out)["status"] == "done"


@pytest.mark.parametrize("name", ["two words.png", "größe 猫 🐈.png", "a.b.c.png", "$(x);'\".png"])
def test_names_of_any_letters_are_fine(upscale_small, name):
    picture(name)

    result = upscale_small(name, "-s", 2)

    assert result.code == 0
    assert listing() == {name, f"{name.removesuffix('.png')}_x2.png"}
    assert name in result.out


def test_a_name_with_a_leading_dash_is_fine_after_two_dashes(upscale_small):
    picture("./-s.png")

    result = upscale_small("-s", 2, "--", "-s.png")

    assert result.code == 0
    assert "-s_x2.png" in listing()


def test_the_bundled_model_is_used_if_none_is_named(cli):
    Image.new("L", (8, 8), 128).save("a.png")

    assert f"model {DEFAULT_MODEL} on " in cli("upscale", "a.png", "-s", 2, "-v").out


# --- outputs are never lost ---


def test_an_existing_output_is_kept(upscale_small):
    picture("a.png")
    Path("a_x2.png").write_text("precious")

    result = upscale_small("a.png", "-s", 2)

    assert (result.code, result.err) == (0, "")
    assert result.out == "a.png  skipped: a_x2.png: exists; overwrite it to replace it (--overwrite)\n"
    assert Path("a_x2.png").read_text() == "precious"


def test_an_existing_output_is_replaced_if_wanted(upscale_small):
    picture("a.png")
    Path("a_x2.png").write_text("not precious")

    assert upscale_small("a.png", "-s", 2, "--overwrite").code == 0

    assert read_picture(Path("a_x2.png")).size == (16, 12)


def test_an_existing_output_survives_a_bad_input(upscale_small):
    Path("a.png").write_text("no image")
    Path("a_x2.png").write_text("precious")

    assert upscale_small("a.png", "-s", 2, "--overwrite").code == 1

    assert Path("a_x2.png").read_text() == "precious"


@pytest.mark.parametrize("output", ["a.png", "./a.png", "sub/../a.png", "link.png"])
def test_an_input_is_never_an_output(upscale_small, output):
    before = picture("a.png").read_bytes()
    Path("sub").mkdir()
    Path("link.png").symlink_to("a.png")

    result = upscale_small("a.png", "-s", 2, "-o", output, "--overwrite")

    assert result.code == 2
    assert "is an input; choose another output (--output)" in result.complaint
    assert Path("a.png").read_bytes() == before
    assert Path("link.png").is_symlink()


def test_an_output_that_is_another_input_is_refused(upscale_small):
    picture("a.png")
    before = picture("a_x2.png").read_bytes()

    result = upscale_small("a.png", "a_x2.png", "-s", 2, "--overwrite")

    assert result.code == 2
    assert "a_x2.png: is an input; choose another output (--output)" in result.complaint
    assert Path("a_x2.png").read_bytes() == before


def test_two_inputs_with_one_output_are_refused_before_anything_is_written(upscale_small):
    picture("a.png")
    picture("a.jpg")

    result = upscale_small("a.png", "a.jpg", "-s", 2)

    assert result.code == 2
    assert "a_x2.png: both a.png and a.jpg would be written to it; upscale them one at a time" in result.complaint
    assert listing() == {"a.png", "a.jpg"}


# --- bad command lines: exit code 2, before anything is done ---


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            [],
            "'--scale' / '--size' / '--width' / '--height' / '--longest': choose one of scale, size, width, ",
        ),
        (
            ["-s", "2", "--width", "9"],
            "'--scale' / '--width': choose one of scale, size, width, height, longest; got scale and width",
        ),
        (
            ["--size", "9x9", "--longest", "9"],
            "'--size' / '--longest': choose one of scale, size, width, height, longest; got size and longest",
        ),
        (["-s", "0"], "Invalid value for '--scale': scale must be a positive number, got 0.0; for example 4 or 2.5"),
        (["-s", "-1"], "Invalid value for '--scale': scale must be a positive number, got -1.0; for example 4 or 2.5"),
        (["-s", "nan"], "Invalid value for '--scale': scale must be a positive number, got nan; for example 4 or 2.5"),
        (["-s", "inf"], "Invalid value for '--scale': scale must be a positive number, got inf; for example 4 or 2.5"),
        (["-s", "1e9"], "scale 1e+09 makes more than 65536x65536 pixels of a single one; use a smaller scale"),
        (["-s", "1e308"], "scale 1e+308 makes more than 65536x65536 pixels of a single one; use a smaller scale"),
        (["-s", "four"], "Invalid value for '--scale' / '-s'"),
        (["-s", ""], "Invalid value for '--scale' / '-s'"),
        (["-s"], "'-s' requires an argument"),
        (
            ["--size", "10"],
            "Invalid value for '--size': size must be WIDTHxHEIGHT in pixels, such as 1024x768, got '10'",
        ),
        (
            ["--size", "9" * 5000 + "x1"],
            "Invalid value for '--size': size must be WIDTHxHEIGHT in pixels, such as 1024x768, got '99999",
        ),
        (
            ["--size", "0x0"],
            "Invalid value for '--size': size must be WIDTHxHEIGHT in pixels, such as 1024x768, got '0x0'",
        ),
        (
            ["--size", "9x-9"],
            "Invalid value for '--size': size must be WIDTHxHEIGHT in pixels, such as 1024x768, got '9x-9'",
        ),
        (
            ["--size", "9x9x9"],
            "Invalid value for '--size': size must be WIDTHxHEIGHT in pixels, such as 1024x768, got '9x9x9'",
        ),
        (
            ["--size", "9.5x9"],
            "Invalid value for '--size': size must be WIDTHxHEIGHT in pixels, such as 1024x768, got '9.5x9'",
        ),
        (["--size", ""], "Invalid value for '--size': size must be WIDTHxHEIGHT in pixels, such as 1024x768, got ''"),
        (["--width", "0"], "Invalid value for '--width': width must be a whole number of pixels, at least 1, got 0"),
        (
            ["--height", "-5"],
            "Invalid value for '--height': height must be a whole number of pixels, at least 1, got -5",
        ),
        (
            ["--longest", "0"],
            "Invalid value for '--longest': longest must be a whole number of pixels, at least 1, got 0",
        ),
        (["--width", "wide"], "Invalid value for '--width'"),
        (["-s", "2", "-q", "-v"], "choose one of --quiet and --verbose"),
        (["-s", "2", "--device", "tpu"], "'tpu' is not one of 'auto', 'cpu', 'cuda', 'mps'"),
    ],
)
def test_options_that_make_no_sense_are_refused(cli, options, said):
    picture("a.png")

    result = cli("upscale", "a.png", *options)

    assert result.code == 2
    assert said in result.complaint
    assert listing() == {"a.png"}


def test_no_input_is_refused(cli):
    result = cli("upscale", "-s", 2)

    assert result.code == 2
    assert "name at least one INPUT, or a file of them with --list" in result.complaint


@pytest.mark.parametrize("there", [True, False])
def test_a_file_as_output_of_several_inputs_is_refused(upscale_small, there):
    if there:
        Path("out.png").touch()

    result = upscale_small(picture("a.png"), picture("b.png"), "-s", 2, "-o", "out.png")

    assert result.code == 2
    assert "out.png: is not a folder; several inputs need a folder as output (--output)" in result.complaint


def test_an_absent_device_is_refused_with_those_that_are_there(upscale_small):
    if "cuda" in available_devices():
        pytest.skip("this machine has cuda")

    result = upscale_small(picture("a.png"), "-s", 2, "--device", "cuda")

    assert result.code == 2
    assert "device 'cuda' is not available here; available: cpu" in result.complaint


def test_an_unknown_model_is_refused_with_the_bundled_ones(upscale_small):
    result = upscale_small(picture("a.png"), "-s", 2, "--model", "nosuch")

    assert result.code == 2
    assert f"no weights named 'nosuch'; bundled are {', '.join(bundled_models())}" in result.complaint


def test_averaging_over_flips_is_refused_for_a_field_that_cannot(cli, tmp_path):
    config = ModelConfig(field="concat", encoder_width=8, encoder_blocks=1, head_width=16)
    save_weights(tmp_path / "concat.safetensors", build_model(config).state_dict(), config, {})

    result = cli("upscale", picture("a.png"), "-s", 2, "--tta", "-n", tmp_path / "concat.safetensors")

    assert result.code == 2
    assert "ConcatField has no self-ensemble; leave it out" in result.complaint


def test_a_damaged_model_is_refused(upscale_small, small_weights):
    small_weights.write_bytes(small_weights.read_bytes()[:-1])

    result = upscale_small(picture("a.png"), "-s", 2)

    assert result.code == 2
    assert f"{small_weights}: not a readable .safetensors file" in result.complaint


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        (["upscal"], "Did you mean 'upscale'?"),
        (["upscale", "a.png", "--scal", "2"], "--scale"),
        (["upscale", "a.png", "--devise", "cpu"], "--device"),
        (["info", "--jsn"], "--json"),
    ],
)
def test_a_typing_error_is_answered_with_what_was_meant(cli, command, meant):
    result = cli(*command)

    assert result.code == 2
    assert meant in result.complaint


def test_a_command_line_without_a_command_shows_the_help(cli):
    result = cli()

    assert result.code == 2
    assert "upscale" in result.out + result.err


# --- bad inputs: exit code 1, and the others are done ---


def test_a_missing_file_is_named(upscale_small):
    result = upscale_small("no.png", "-s", 2)

    assert result.code == 1
    assert result.complaint == "no.png: no such file; check the path"


def test_a_directory_without_images_is_refused(upscale_small):
    Path("a.png").mkdir()

    result = upscale_small("a.png", "-s", 2)

    assert result.code == 1
    assert result.complaint == ("a.png: no image files in this folder; search the folders below as well (--recursive)")


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "the file is empty"), (b"This is a text.\n" * 50, "not an image in a known format")],
    ids=["empty", "text"],
)
def test_a_file_that_is_no_image_is_refused(upscale_small, content, said):
    Path("a.png").write_bytes(content)

    result = upscale_small("a.png", "-s", 2)

    assert result.code == 1
    assert f"a.png: {said}" in result.complaint


def test_a_truncated_image_is_refused(upscale_small):
    path = picture("a.png", 64, 64)
    path.write_bytes(path.read_bytes()[:3000])

    result = upscale_small("a.png", "-s", 2)

    assert result.code == 1
    assert "a.png: the file is damaged" in result.complaint


def test_one_bad_input_does_not_stop_the_others(upscale_small):
    picture("a.png")
    Path("b.png").write_text("no image")
    picture("c.png")

    result = upscale_small("a.png", "b.png", "c.png", "-s", 2)

    assert result.code == 1
    assert "b.png" in result.complaint
    assert re.fullmatch(r"2 done, 1 failed  [\d.]+ images/s", result.out.splitlines()[-1])
    assert listing() == {"a.png", "b.png", "c.png", "a_x2.png", "c_x2.png"}


def test_one_input_that_would_get_too_large_does_not_stop_the_others(upscale_small):
    picture("a.png", 10, 1000)
    picture("b.png", 1, 1)

    result = upscale_small("a.png", "b.png", "-s", 1000)

    assert result.code == 1
    assert result.complaint.startswith(
        "a.png: scale 1000.0 of a 1000x10 image gives 1000000x10000 pixels, above the limit of 4,294,967,296"
    )
    assert read_picture(Path("b_x1000.png")).size == (1000, 1000)


@pytest.mark.parametrize("options", [["-s", "65535"], ["--width", "9" * 30], ["--size", f"{'9' * 30}x1"]])
def test_an_absurd_size_is_refused(upscale_small, options):
    picture("a.png")

    result = upscale_small("a.png", "-o", "out.png", *options)

    assert result.code == 1
    assert "the limit of " in result.complaint
    assert listing() == {"a.png"}


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("out.xyz", "cannot write files of type '.xyz'; use one of .png"),
        ("no/out.png", "does not exist; create it first"),
        ("file.txt/out.png", "does not exist; create it first"),
        (f"{'n' * 300}.png", "cannot be written (File name too long)"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused(upscale_small, output, said):
    picture("a.png")
    Path("file.txt").touch()

    result = upscale_small("a.png", "-s", 2, "-o", output)

    # What is known before the start is wrong usage; that a name is too long is known from writing it.
    assert result.code == (1 if "too long" in said else 2)
    assert f"{output}: " in result.complaint
    assert said in result.complaint
    assert listing() == {"a.png", "file.txt"}


def test_a_name_with_no_room_for_the_outputs_is_refused(upscale_small):
    name = f"{'n' * 251}.png"
    picture(name)

    result = upscale_small(name, "-s", 2)

    assert result.code == 1
    assert "File name too long" in result.complaint
    assert listing() == {name}


def test_a_picture_too_large_for_its_format_is_refused_before_the_model_is_even_loaded(cli):
    picture("a.png")

    result = cli("upscale", "a.png", "--size", "20000x10", "-o", "a.webp", "--model", "nosuch")

    assert result.code == 1
    assert (
        result.complaint
        == "a.webp: 20000x10 pixels are more than WEBP can hold (16,383 a side); choose PNG or TIFF (--format)"
    )


# --- the other commands ---


def test_version_is_the_packages(cli):
    result = cli("--version")

    assert (result.code, result.out) == (0, f"amortized-sr {amortized_sr.__version__}\n")


def test_help_names_every_command(cli):
    result = cli("--help")

    assert result.code == 0
    assert all(f"\n  {command} " in result.out for command in ("upscale", "train", "info"))


def test_help_of_upscale_names_every_option(cli):
    out = cli("upscale", "--help").out

    short = {"-o, --output", "-s, --scale", "-n, --model", "-q, --quiet", "-v, --verbose"}
    for option in short | {"--size", "--width", "--height", "--longest", "--device", "--overwrite", "--json"}:
        assert option in out
    assert "Video is" in out


def test_info_as_json_holds_versions_and_devices(cli):
    facts = json.loads(cli("info", "--json").out)

    assert facts["amortized_sr"] == amortized_sr.__version__
    assert facts["libraries"]["torch"] == metadata.version("torch")
    assert facts["devices"] == available_devices()


def test_info_as_json_holds_the_bundled_models_with_their_hashes(cli):
    models = json.loads(cli("info", "--json").out)["models"]

    hashes = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in bundled_models().items()}
    assert {name: model["sha256"] for name, model in models.items()} == hashes
    assert [name for name, model in models.items() if model["default"]] == [DEFAULT_MODEL]
    assert models["mnist"]["channels"] == 1


def test_info_for_people_names_every_bundled_model_with_its_hash(cli):
    out = cli("info").out

    for name, path in bundled_models().items():
        assert f"model {name}" in out
        assert hashlib.sha256(path.read_bytes()).hexdigest() in out


def test_info_shows_how_one_model_is_built_and_how_it_was_trained(cli):
    trained = load_weights(DEFAULT_MODEL)

    told = json.loads(cli("info", "--model", DEFAULT_MODEL, "--json").out)
    assert told["config"] == json.loads(json.dumps(dataclasses.asdict(trained.config)))
    assert told["training"] == trained.facts

    out = cli("info", "--model", DEFAULT_MODEL).out
    assert f"  encoder_width: {trained.config.encoder_width}\n" in out
    assert f"  steps: {trained.facts['steps']}\n" in out
    assert told["sha256"] in out


def test_info_of_a_model_that_is_none_is_a_sentence(cli, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"no model")

    for wrong in ("nosuch", str(tmp_path / "model.safetensors")):
        result = cli("info", "--model", wrong)
        # As in the other commands: a model that cannot be used is wrong usage.
        assert result.code == 2
        assert wrong in result.complaint


# --- real processes ---


def run_python(script: str, *options: str) -> Result:
    done = subprocess.run([sys.executable, *options, "-c", script], capture_output=True, check=False, text=True)
    return Result(done.returncode, done.stdout, done.stderr)


def test_importing_the_package_is_silent_and_loads_no_torch():
    result = run_python("import sys, amortized_sr; assert 'torch' not in sys.modules", "-W", "error", "-X", "dev")

    assert (result.code, result.out, result.err) == (0, "", "")


@pytest.mark.parametrize("command", [["--help"], ["upscale", "--help"], ["info", "--help"], ["--version"]])
def test_help_loads_neither_torch_nor_the_training_stack(command):
    script = (
        "import sys; from amortized_sr.cli import main\n"
        f"try: main({command})\n"
        "except SystemExit as left: print('left with', left.code, *sys.modules, sep='\\n')"
    )

    modules = run_python(script).out.partition("left with\n")[2].splitlines()

    assert modules[0] == "0"
    assert "typer" in modules
    assert TRAINING_STACK.union({"torch", "numpy", "PIL"}).isdisjoint(modules)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["auto", "torch"])
def test_upscaling_never_loads_the_training_stack_or_a_compiler(small_weights, engine):
    picture("a.png")
    script = (
        "import sys; from amortized_sr.cli import main\n"
        f"try: main(['upscale', 'a.png', '-s', '2', '--model', {str(small_weights)!r}, '--engine', {engine!r}])\n"
        "except SystemExit as left: print('left with', left.code, *sys.modules, sep='\\n')"
    )

    modules = run_python(script).out.partition("left with\n")[2].splitlines()

    assert modules[0] == "0"
    assert ("torch" in modules) == (engine == "torch")
    # Importing it takes longer than most pictures.
    assert TRAINING_STACK.union({"torch._dynamo", "sympy"}).isdisjoint(modules)


@pytest.mark.slow
def test_what_libraries_load_is_not_searched_for_garbage_again_and_again(small_weights):
    picture("a.png")
    script = (
        "import gc; from amortized_sr.cli import main\n"
        f"try: main(['upscale', 'a.png', '-s', '2', '--model', {str(small_weights)!r}, '--engine', 'torch'])\n"
        "except SystemExit as left: print('left with', left.code, sum(part['collections'] for part in gc.get_stats()))"
    )

    code, searches = run_python(script).out.partition("left with ")[2].split()

    assert code == "0"
    # By default about five hundred.
    assert int(searches) < 100


@pytest.mark.slow
def test_the_program_upscales_and_says_nothing_on_stderr(small_weights):
    picture("my größe.png")

    result = process("upscale", "my größe.png", "-s", 2, "--model", small_weights)

    assert (result.code, result.err) == (0, "")
    assert read_picture(Path("my größe_x2.png")).size == (16, 12)


@pytest.mark.slow
def test_the_program_leaves_with_1_and_one_line_for_a_bad_input():
    result = process("upscale", "no.png", "-s", 2)

    assert result == Result(1, "", "error: no.png: no such file; check the path\n")


@pytest.mark.slow
def test_the_program_leaves_with_2_and_no_traceback_for_a_bad_command_line():
    result = process("upscale", "no.png", "-s", 0)

    assert result.code == 2
    assert "got 0" in result.complaint


@pytest.mark.slow
def test_names_that_the_terminal_cannot_show_do_not_stop_the_work(small_weights):
    name = os.fsdecode(b"caf\xe9.png")
    try:
        picture(name)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    picture("猫.png")

    result = process("upscale", name, "猫.png", "-s", 2, "--model", small_weights, PYTHONIOENCODING="latin-1")

    assert (result.code, result.err) == (0, "")
    assert "caf\\udce9_x2.png" in result.out
    assert "\\u732b_x2.png" in result.out
    assert {os.fsdecode(b"caf\xe9_x2.png"), "猫_x2.png"} < listing()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_ctrl_c_leaves_with_130_and_only_whole_outputs(small_weights):
    inputs = [picture(f"{number}.png", 32, 32) for number in range(100)]
    command = [sys.executable, "-m", "amortized_sr", "upscale", *inputs, "--size", "1000x1000", "-n", small_weights]

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        # The first is done, and the other 99 take longer than this test needs to interrupt them.
        assert running.stdout is not None
        assert "0_1000x1000.png" in running.stdout.readline()
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)

    assert (running.returncode, err) == (130, "interrupted\n")
    outputs = listing() - {path.name for path in inputs}
    assert 1 <= len(outputs) < 100
    assert all(name.endswith("_1000x1000.png") for name in outputs)
    assert all(read_picture(Path(name)).size == (1000, 1000) for name in outputs)
