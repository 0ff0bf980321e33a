"""`art morph`, `art mix`, `art dream` and `art emerge` from end to end."""

import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageSequence

from amortized_sr.art.dream import Dream, draw_dream
from amortized_sr.art.mix import mixed
from amortized_sr.art.panels import panels_size
from amortized_sr.baselines.storage import load_fitted
from amortized_sr.image_io import read_picture
from amortized_sr.picture_tensor import picture_to_tensor, tensor_to_picture
from amortized_sr.upscaler import Upscaler

pytestmark = pytest.mark.usefixtures("folder")

QUICK = ("--steps", 3, "--side", 6, "--network", "siren")


def image(name, size=(8, 6), channels=3, seed=0):
    shape = (size[1], size[0], channels) if channels > 1 else (size[1], size[0])
    values = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(values).save(name)
    return name


def pair(size=(8, 6), channels=3):
    return image("a.png", size, channels, 1), image("b.png", size, channels, 2)


def frames(name):
    with Image.open(name) as film:
        return [np.asarray(frame.convert("RGB"), dtype=float) for frame in ImageSequence.Iterator(film)]


def tensor(name):
    return picture_to_tensor(read_picture(Path(name)))


@pytest.fixture
def weights(small_weights):
    return ("--model", small_weights, "--device", "cpu")


def test_a_morph_shows_all_ways_side_by_side_and_returns(cli, weights):
    pair()
    options = ("art", "morph", "a.png", "b.png", *weights, *QUICK, "--frames", 4, "--size", "40x30")
    assert cli(*options, "-o", "film.png").out == (
        "a.png -> b.png  6 pictures of 40x30, through pixels, latents, weights  film.png\n"
    )
    film = frames("film.png")
    assert [one.shape[:2] for one in film] == [panels_size(3, (30, 40))] * 6
    assert np.array_equal(film[1], film[5])
    assert not np.array_equal(film[0], film[3])
    with Image.open("film.png") as opened:
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(opened)]
    assert durations == [600, 50, 50, 600, 50, 50]
    upscaler = Upscaler.from_pretrained(weights[1], "cpu")
    for number, name in ((0, "a.png"), (3, "b.png")):
        expected = np.asarray(tensor_to_picture(upscaler.encode(tensor(name)).render((30, 40))), float)
        assert np.abs(film[number][:30, 42:82] - expected).max() <= 1


def test_small_grey_pictures_have_codes_too(cli, weights, autoencoder_weights):
    pair(channels=1)
    options = ("art", "morph", "a.png", "b.png", *weights, *QUICK, "--frames", 2, "--size", 16)
    options = (*options, "--autoencoder", autoencoder_weights)
    assert "through pixels, latents, weights, codes" in cli(*options, "-o", "film.webp").out
    image("b.png", (9, 6), 1)
    assert "through codes" in cli(*options, "--through", "codes", "-o", "codes.gif").out
    assert frames("codes.gif")[0].shape[:2] == (16, 16)


@pytest.mark.parametrize("through", ["pixels", "weights"])
def test_other_ways_bring_the_second_image_to_the_size_of_the_first(cli, through):
    image("a.png", (8, 6), seed=1)
    image("b.png", (5, 9), seed=2)
    options = ("art", "morph", "a.png", "b.png", *QUICK, "--through", through, "--frames", 3)
    assert cli(*options).out == f"a.png -> b.png  4 pictures of 341x256, through {through}  a_b_morph.webp\n"
    assert frames("a_b_morph.webp")[0].shape[:2] == (256, 341)


def test_a_mix_is_the_function_of_the_mixed_latents(cli, weights):
    pair()
    result = cli("art", "mix", "a.png", "b.png", *weights, "--radius", 1.5, "--size", "16x12")
    assert result.out == "coarse a.png, fine b.png  16x12, radius 1.5  a_b_mix.png\n"
    upscaler = Upscaler.from_pretrained(weights[1], "cpu")
    function = mixed(upscaler.encode(tensor("a.png")), upscaler.encode(tensor("b.png")), 1.5)
    expected = np.asarray(tensor_to_picture(function.render((12, 16))), float)
    assert np.abs(frames("a_b_mix.png")[0] - expected).max() <= 1
    # A size below the images' own is shrunk.
    assert cli("art", "mix", "a.png", "b.png", *weights, "--size", "4x3", "-o", "small.png").code == 0
    assert frames("small.png")[0].shape[:2] == (3, 4)
    assert cli("art", "mix", "a.png", "b.png", *weights, "--size", 16, "--frames", 3, "-o", "film.webp").code == 0
    assert len(frames("film.webp")) == 4


def test_a_dream_of_a_fit_needs_no_image(cli):
    image("a.png")
    assert cli("fit", "a.png", "-s", 1, "--steps", 3, "--save", "a.safetensors").code == 0
    Path("a.png").unlink()
    result = cli("art", "dream", "a.safetensors", "--margin", 1, "--size", "24x18")
    assert result.out == "a.safetensors  24x18, through weights, margin 1, strength 1  a_dream.png\n"
    expected = draw_dream(load_fitted(Path("a.safetensors")), Dream(margin=1.0), (18, 24))
    assert np.abs(frames("a_dream.png")[0] - np.asarray(tensor_to_picture(expected), float)).max() <= 1
    refused = cli("art", "dream", "a.safetensors", "--through", "latents", "-o", "b.png")
    assert (refused.code, "has weights and no latent" in " ".join(refused.err.split())) == (2, True)


def test_a_dream_of_a_latent_takes_a_strength(cli, weights):
    image("a.png")
    dream = ("art", "dream", "a.png", *weights, "--through", "latents", "--size", "16x12")
    assert cli(*dream, "--margin", 0, "--strength", 3, "-o", "a.bmp").code == 0
    function = Upscaler.from_pretrained(weights[1], "cpu").encode(tensor("a.png"))
    expected = np.asarray(tensor_to_picture(draw_dream(function, Dream(3.0), (12, 16))), float)
    assert np.abs(frames("a.bmp")[0] - expected).max() <= 1
    assert cli(*dream, "--frames", 3, "-o", "film.gif").code == 0
    film = frames("film.gif")
    assert len(film) == 4
    # A film begins at the plain image; GIF has 256 colours.
    assert np.abs(film[0] - np.asarray(tensor_to_picture(function.render((12, 16))), float)).mean() < 12


def test_an_image_emerges_in_several_networks(cli):
    image("a.png", (8, 8))
    options = ("art", "emerge", "a.png", "--networks", "siren,notebook", "--steps", 60, "--frames", 5, "--size", 32)
    result = cli(*options, "-o", "film.png")
    assert result.out.startswith("a.png  8x8, 60 steps: siren ")
    assert result.out.count(" dB ") == 2
    film = frames("film.png")
    assert len(film) == 5
    height, width = panels_size(3, (32, 32))
    assert film[0].shape[:2] == (height, width)
    original = np.asarray(Image.open("a.png").resize((32, 32), 0), float)
    for one in film:
        assert np.array_equal(one[:32, :32], original)
    errors = [np.abs(one[:32, 34:66] - original).mean() for one in film]
    assert errors[-1] < errors[0] / 2
    # Times are on the film only if they are asked for, because they make it another one each time.
    assert cli(*options, "-o", "again.png").code == 0
    assert Path("film.png").read_bytes() == Path("again.png").read_bytes()
    assert cli(*options, "--times", "-o", "times.png").code == 0
    assert not np.array_equal(frames("times.png")[-1][32:], film[-1][32:])


EVERY = {
    "cppn": ("cppn", "--frames", 3),
    "zoom": ("zoom", "a.png", "--frames", 3),
    "morph": ("morph", "a.png", "b.png", "--frames", 3, *QUICK),
    "mix": ("mix", "a.png", "b.png", "--frames", 3),
    "dream": ("dream", "a.png", "--frames", 3, *QUICK),
    "emerge": ("emerge", "a.png", "--frames", 3, "--steps", 3, "--networks", "siren"),
}


@pytest.mark.parametrize("name", EVERY)
def test_every_command_makes_the_same_mp4_twice(cli, weights, name):
    av = pytest.importorskip("av")
    pair()
    model = weights if name in ("zoom", "morph", "mix", "dream") else ()
    for output in ("one.mp4", "two.mp4"):
        result = cli("art", *EVERY[name], *model, "--size", 18, "-q", "-o", output)
        assert (result.code, result.out, result.err) == (0, "", "")
    films = []
    for output in ("one.mp4", "two.mp4"):
        with av.open(output) as container:
            films.append(np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]))
    assert len(films[0]) >= 3
    # Pictures first: they say where films differ, bytes do not.
    np.testing.assert_array_equal(films[0], films[1])
    assert Path("one.mp4").read_bytes() == Path("two.mp4").read_bytes()


@pytest.mark.parametrize("name", EVERY)
def test_every_command_names_the_package_that_an_mp4_needs(cli, weights, monkeypatch, name):
    pair()
    monkeypatch.setitem(sys.modules, "av", None)
    model = weights if name in ("zoom", "morph", "mix", "dream") else ()
    result = cli("art", *EVERY[name], *model, "-o", "film.mp4")
    assert result.code == 1
    assert result.complaint.endswith('; pip install "amortized-sr[video]"')
    assert sorted(path.name for path in Path().iterdir()) == ["a.png", "b.png"]


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1)])
@pytest.mark.parametrize("name", ["zoom", "morph", "mix", "dream", "emerge"])
def test_single_pixels_lines_and_constant_images_make_films(cli, weights, name, size):
    Image.new("RGB", size, (90, 90, 90)).save("a.png")
    Image.new("RGB", size, (200, 30, 90)).save("b.png")
    model = weights if name in ("zoom", "morph", "mix", "dream") else ()
    result = cli("art", *EVERY[name], *model, "--size", 20, "-o", "film.webp", "-q")
    assert (result.code, result.err) == (0, "")
    assert frames("film.webp")[0].shape[2] == 3


@pytest.mark.parametrize("name", ["zoom", "morph", "mix", "dream", "emerge"])
def test_values_that_are_not_finite_are_named_and_replaced(cli, weights, name):
    values = np.random.default_rng(0).random((6, 8, 3), dtype=np.float32)
    values[1, 2] = np.nan
    tifffile.imwrite("a.tif", values, photometric="rgb")
    image("b.png")
    model = weights if name in ("zoom", "morph", "mix", "dream") else ()
    arguments = ["a.tif" if word == "a.png" else word for word in EVERY[name]]
    result = cli("art", *arguments, *model, "--size", 16, "-o", "film.webp")
    assert (result.code, result.err) == (
        0,
        "note: a.tif: values that are not finite became 0 (NaN, -inf) and 1 (inf)\n",
    )
    assert all(np.isfinite(frame).all() for frame in frames("film.webp"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["morph", "a.png", "a.png"], "both images are the same, so nothing lies between them"),
        (["morph", "a.png", "same.png"], "both images are the same, so nothing lies between them"),
        (
            ["morph", "a.png", "wide.png"],
            "a.png has 8x6 pixels and wide.png 9x6, so their latents have different sizes; resize one of them first, "
            "or choose --through pixels, weights or codes",
        ),
        (["morph", "a.png", "none.png"], "no such file"),
        (["morph", "a.png", "b.png", "-o", "film.avi"], "is no film by its name; use one of .gif .webp .png .mp4"),
        (["morph", "a.png", "b.png", "--size", "8000"], "pixels are more than a film in WEBP can have"),
        (["morph", "a.png", "b.png", "--size", "2000", "--frames", "400"], "which take 0.8 GB of memory"),
        (["mix", "a.png", "a.png"], "both images are the same"),
        (["mix", "a.png", "wide.png"], "so their latents have different sizes; resize one of them first"),
        (["mix", "a.png", "b.png", "-o", "a.txt"], "cannot write files of type '.txt'"),
        (["mix", "a.png", "b.png", "--size", "99999x99999"], "above the limit of"),
        (["dream", "large.png"], "1025x1024 pixels are above the limit of 1,048,576, whose latents take about 1 GB"),
        (["dream", "a.png", "--size", "9000"], "pixels of the image and its margin are above the limit of 16,777,216"),
        (["dream", "a.png", "--size", "64", "--frames", "90000", "-o", "a.gif"], "fewer or smaller ones, or for .mp4"),
        (["emerge", "none.png"], "no such file"),
        (["emerge", "large.png", "--side", "1024"], "more than can be fitted at once (262,144)"),
        (["zoom", "film.webp"], "animations are not supported here; extract the pictures first"),
    ],
)
def test_what_cannot_be_made_is_a_sentence_and_costs_no_file(cli, weights, arguments, sentence):
    pair()
    Path("same.png").write_bytes(Path("a.png").read_bytes())
    image("wide.png", (9, 6))
    Image.new("L", (1025, 1024)).save("large.png")
    film = [Image.new("L", (4, 4), level) for level in (0, 255)]
    film[0].save("film.webp", save_all=True, append_images=film[1:])
    before = {path: path.read_bytes() for path in Path().iterdir()}
    result = cli("art", *arguments)
    assert result.code == 1
    assert sentence in result.complaint
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["morph", "a.png", "b.png", "--frames", "1"], "'--frames'"),
        (["morph", "a.png", "b.png", "--through", "magic"], "'--through'"),
        (["morph", "a.png", "b.png", "-o", "b.png", "--overwrite"], "b.png is the input"),
        (["morph", "a.png", "b.png", "-o", "there.webp"], "there.webp exists; --overwrite replaces it"),
        (["morph", "a.png", "b.png", "--through", "latents", "--model", "none"], "no weights named 'none'"),
        (["mix", "a.png", "b.png", "--radius", "65"], "radius must be 0 to 64 pixels of the images, got 65"),
        (["mix", "a.png", "b.png", "-o", "none/a.png"], "does not exist; create it first"),
        (["mix", "a.png", "b.png", "-o", "a.png/film.webp"], "does not exist; create it first"),
        (["dream", "a.png", "--strength", "5"], "strength must be 0 to 4, got 5"),
        (["dream", "a.png", "--margin", "9"], "margin must be 0 to 8 sides of the image, got 9"),
        (["dream", "a.png", "--margin", "0", "-o", "a.webp"], "a film shows the plain image only"),
        (["emerge", "a.png", "--networks", "siren,magic"], "--networks must be different ones of notebook, relu"),
        (["emerge", "a.png", "--networks", "siren,siren"], "--networks must be different ones of notebook, relu"),
        (["emerge", "a.png", "--steps", "3"], "3 steps have 4 pictures, fewer than 40 frames; ask for more steps"),
        (["zoom", "a.png", "--stop", "0,0,8,6"], "--start and --stop are the same window, so nothing moves"),
    ],
)
def test_wrong_usage_is_a_sentence_and_costs_no_file(cli, arguments, sentence):
    pair()
    Path("there.webp").write_bytes(b"mine")
    before = {path: path.read_bytes() for path in Path().iterdir()}
    result = cli("art", *arguments)
    assert result.code == 2
    assert sentence in " ".join(result.err.split())
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_an_existing_film_is_replaced_only_if_it_is_asked_for(cli, weights):
    pair()
    Path("film.webp").write_bytes(b"mine")
    options = ("art", "mix", "a.png", "b.png", *weights, "--size", 8, "--frames", 3, "-o", "film.webp")
    assert cli(*options).code == 2
    assert cli(*options, "--overwrite").code == 0
    assert len(frames("film.webp")) == 4


def test_seeds_decide_fits(cli):
    pair()
    dream = ("art", "dream", "a.png", *QUICK, "--size", 16, "-q")
    for seed, name in ((0, "a0"), (0, "b0"), (1, "a1")):
        torch.rand(3)
        assert cli(*dream, "--seed", seed, "-o", f"{name}.png").code == 0
    assert Path("a0.png").read_bytes() == Path("b0.png").read_bytes()
    assert Path("a0.png").read_bytes() != Path("a1.png").read_bytes()
