"""Random networks as pictures: the same at every size, symmetric as asked, and walks without a seam."""

import colorsys
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image

from amortized_sr.art.cppn import CppnSettings, _colours, random_image, walk
from amortized_sr.art.poster import write_poster
from amortized_sr.choices import ActivationName, SymmetryName
from amortized_sr.coords import pixel_window
from amortized_sr.image_io import ImageError


def points(count=200):
    return 2 * torch.rand(count, 2, dtype=torch.float64) - 1


@pytest.mark.parametrize("symmetry", get_args(SymmetryName))
def test_a_seed_decides_the_picture_whatever_else_was_drawn(symmetry):
    settings = CppnSettings(symmetry=symmetry, seed=3)
    first = random_image(settings, (9, 12)).render((9, 12))
    torch.rand(5)
    assert torch.equal(first, random_image(settings, (9, 12)).render((9, 12)))
    other = random_image(CppnSettings(symmetry=symmetry, seed=4), (9, 12)).render((9, 12))
    assert (first - other).abs().mean() > 0.02
    assert first.std() > 0.01
    assert 0 <= first.min() <= first.max() <= 1


def test_every_size_shows_the_same_picture_and_windows_are_crops():
    image = random_image(CppnSettings(width=8), (10, 16))
    small, large = image.render((10, 16)), image.render((80, 128))
    # A pixel is the mean of few points, so that means of finer pixels differ a little.
    assert (torch.nn.functional.avg_pool2d(large, 8) - small).abs().mean() < 0.02
    crop = image.render((20, 30), pixel_window((8, 16, 28, 46), (80, 128)))
    torch.testing.assert_close(crop, large[:, :, 8:28, 16:46], atol=1e-4, rtol=0)


def test_proportions_do_not_stretch_the_picture():
    square, wide = (random_image(CppnSettings(), size) for size in ((8, 8), (8, 16)))
    inner = points() * torch.tensor([1.0, 0.5])
    torch.testing.assert_close(wide(inner), square(inner * torch.tensor([1.0, 2.0])), atol=1e-5, rtol=0)


def test_symmetries_are_symmetric_and_others_are_not():
    place = points()
    flipped = place * torch.tensor([1.0, -1.0])
    mirror, radius = (random_image(CppnSettings(symmetry=name), (8, 8)) for name in ("mirror", "radius"))
    torch.testing.assert_close(mirror(place), mirror(flipped), atol=1e-5, rtol=0)
    assert (radius(place) - radius(flipped)).abs().max() > 0.05
    polar = random_image(CppnSettings(symmetry="polar", folds=4), (8, 8))
    turned = torch.stack((place[:, 1], -place[:, 0]), dim=1)
    torch.testing.assert_close(polar(place), polar(turned), atol=1e-4, rtol=0)
    assert (radius(place) - radius(turned)).abs().max() > 0.05


@pytest.mark.parametrize("name", get_args(ActivationName))
def test_every_activation_makes_a_picture_of_its_own(name):
    drawn = random_image(CppnSettings(activations=(name,)), (12, 12)).render((12, 12))
    assert drawn.isfinite().all()
    assert drawn.std() > 0.005
    assert not torch.equal(drawn, random_image(CppnSettings(), (12, 12)).render((12, 12)))


def test_hues_are_those_of_the_standard_library():
    values = torch.rand(50, 3, dtype=torch.float64)
    expected = torch.tensor([colorsys.hsv_to_rgb(*one) for one in values.tolist()], dtype=torch.float64)
    torch.testing.assert_close(_colours(values, "hsv"), expected)
    assert random_image(CppnSettings(palette="grey"), (3, 3)).render((3, 3)).shape == (1, 1, 3, 3)


def test_a_walk_has_even_steps_and_no_seam():
    image = random_image(CppnSettings(), (8, 8))
    steps = walk(image, 12)
    latents = torch.stack([one.latent for one in steps])
    torch.testing.assert_close(latents[0], image.latent)
    distances = (latents - latents.roll(-1, dims=0)).norm(dim=1)
    torch.testing.assert_close(distances, distances[:1].expand(12))
    assert distances[0] > 0.1
    assert torch.equal(steps[5].weights[0], image.weights[0])
    with pytest.raises(ValueError, match="at least 2 frames, got 1"):
        walk(image, 1)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"depth": 0}, "depth must be 1 to 64"),
        ({"width": 5000}, "width 1 to 1024, got 6 and 5000"),
        ({"activations": ()}, "activations must be some of tanh, sine, gauss, softplus, got none"),
        ({"folds": 0}, "folds must be 1 to 64, got 0"),
        ({"extent": 0.0}, "extent must be a positive number, got 0"),
        ({"extent": float("nan")}, "extent must be a positive number, got nan"),
    ],
)
def test_settings_that_make_no_picture_are_refused(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        CppnSettings(**settings)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_strips_of_a_poster_are_the_whole(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr("amortized_sr.art.poster._STRIP_PIXELS", 300)
    image, done = random_image(CppnSettings(width=6), (60, 40)), []
    write_poster(tmp_path / f"poster{suffix}", image, (60, 40), done.append)
    assert done == [7, 14, 21, 28, 35, 42, 49, 56, 60]
    with Image.open(tmp_path / f"poster{suffix}") as opened:
        written = np.asarray(opened, dtype=float)
    expected = image.render((60, 40))[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(written - expected).max() < 0.51


def test_posters_that_no_file_can_hold_are_refused_before_anything_is_drawn(tmp_path):
    image = random_image(CppnSettings(), (1, 1))
    with pytest.raises(ImageError, match="are above the limit of"):
        write_poster(tmp_path / "huge.png", image, (70_000, 70_000), print)
    with pytest.raises(ImageError, match="does not exist; create it first"):
        write_poster(tmp_path / "none" / "a.png", image, (4, 4), print)
    assert list(tmp_path.iterdir()) == []
