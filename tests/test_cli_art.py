"""`art cppn` and `art zoom` from end to end."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from amortized_sr.upscaler import Upscaler

pytestmark = pytest.mark.usefixtures("folder")


def frames(name):
    with Image.open(name) as film:
        return [np.asarray(frame.convert("RGB"), dtype=float) for frame in ImageSequence.Iterator(film)]


def image(name, size=(16, 12)):
    values = np.random.default_rng(0).integers(0, 256, (size[1] // 4, size[0] // 4, 3), dtype=np.uint8)
    Image.fromarray(values).resize(size, Image.Resampling.BICUBIC).save(name)


def test_the_default_is_a_picture_of_256_pixels_and_the_seed_decides_its_bytes(cli):
    assert cli("art", "cppn").out == "256x256, seed 0  cppn_0.png\n"
    with Image.open("cppn_0.png") as opened:
        assert (opened.size, opened.mode) == ((256, 256), "RGB")
    small = ("--size", "24x16", "-q")
    assert cli("art", "cppn", *small, "-o", "a.png").code == 0
    result = cli("art", "cppn", *small, "-o", "b.png")
    assert (result.code, result.out, result.err) == (0, "", "")
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    assert cli("art", "cppn", *small, "--seed", 1, "-o", "c.png").code == 0
    assert Path("a.png").read_bytes() != Path("c.png").read_bytes()
    again = cli("art", "cppn", *small, "-o", "a.png")
    assert again.code == 2
    assert "--overwrite replaces it" in again.err


@pytest.mark.parametrize("suffix", [".webp", ".gif"])
def test_a_film_is_a_loop_and_the_seed_decides_its_bytes(cli, suffix):
    options = ("art", "cppn", "--size", 24, "--frames", 8, "--symmetry", "mirror", "--palette", "hsv")
    for name in ("a", "b"):
        assert cli(*options, "-o", f"{name}{suffix}").code == 0
    assert Path(f"a{suffix}").read_bytes() == Path(f"b{suffix}").read_bytes()
    film = frames(f"a{suffix}")
    assert len(film) == 8
    steps = [np.abs(one - other).mean() for one, other in zip(film, [*film[1:], film[0]], strict=True)]
    assert min(steps) > 0.5
    # The step from the last to the first is like the others.
    assert steps[-1] < 2 * max(steps[:-1])


def test_a_zoom_shows_the_windows_between_and_returns(cli):
    image("a.png")
    options = ("art", "zoom", "a.png", "--stop", "4,3,8,6", "--size", "32x24", "--frames", 5)
    assert cli(*options, "-o", "film.png").out == "a.png  8 pictures of 32x24  film.png\n"
    film = frames("film.png")
    assert len(film) == 8
    function = Upscaler.from_pretrained(device="cpu").encode(Image.open("a.png"))
    for number, window in ((0, (-1.0, -1.0, 1.0, 1.0)), (4, (-0.5, -0.5, 0.0, 0.0))):
        assert np.abs(film[number] - np.asarray(function.render((24, 32), window))).max() <= 1
    for there, back in ((1, 7), (2, 6), (3, 5)):
        assert np.array_equal(film[there], film[back])
    assert cli(*options, "-o", "again.png").code == 0
    assert Path("film.png").read_bytes() == Path("again.png").read_bytes()
    assert cli(*options, "--no-back", "-o", "there.png").code == 0
    assert len(frames("there.png")) == 5


def test_a_fit_is_zoomed_into_without_its_image(cli):
    image("a.png", (8, 8))
    assert cli("fit", "a.png", "-s", 1, "--steps", 2, "--network", "notebook", "--save", "a.safetensors").code == 0
    Path("a.png").unlink()
    assert cli("art", "zoom", "a.safetensors", "--size", 16, "--frames", 3).code == 0
    assert len(frames("a_zoom.webp")) == 4


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["cppn", "--activations", "tanh,magic"],
            "--activations must be some of tanh, sine, gauss, softplus, separated by commas",
        ),
        (["cppn", "--size", "0"], "size must be WIDTHxHEIGHT"),
        (["cppn", "--depth", "0"], "depth must be 1 to 64"),
        (["zoom", "a.png", "--frames", "1"], "'--frames'"),
        (
            ["zoom", "a.png", "--stop", "1,2"],
            "--stop must be left,top,right,bottom in pixels inside the image of 16x12",
        ),
        (["zoom", "a.png", "--stop", "0,0,99,99"], "inside the image of 16x12, got '0,0,99,99'"),
        (["zoom", "a.png", "--start", "0,0,4,12"], "--start and --stop must have the same proportions, got 0.333"),
        (["zoom", "a.png", "--model", "none"], "no weights named 'none'"),
    ],
)
def test_senseless_art_is_a_usage_error(cli, arguments, sentence):
    image("a.png")
    result = cli("art", *arguments)
    assert result.code == 2
    assert sentence in " ".join(result.err.split())
    assert [path.name for path in Path().iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["cppn", "--size", "99999x99999"], "above the limit of"),
        (["cppn", "--size", "9000", "-o", "film.gif"], "48 pictures of 9000x9000 pixels are above the limit"),
        (["cppn", "-o", "a.txt"], "cannot write files of type '.txt'"),
        (["zoom", "none.png"], "no such file"),
        (["zoom", "a.png", "-o", "film.avi"], "is no film by its name; use one of .gif .webp .png .mp4"),
    ],
)
def test_what_cannot_be_made_is_a_sentence(cli, arguments, sentence):
    image("a.png")
    result = cli("art", *arguments)
    assert result.code == 1
    assert sentence in result.complaint
    assert [path.name for path in Path().iterdir()] == ["a.png"]
