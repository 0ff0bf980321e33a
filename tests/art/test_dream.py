"""Dreams: the plain image inside its borders, its own continuation outside, and strengths."""

import itertools

import pytest
import torch

from amortized_sr.art import dream as module
from amortized_sr.art.dream import Dream, draw_dream, render_beyond, stronger, swelling
from amortized_sr.baselines.fitting import FitSettings, fit
from amortized_sr.coords import WHOLE
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.upscaler import Upscaler

OUTSIDE = (-3.0, -3.0, 3.0, 3.0)


@pytest.fixture
def amortized(small_weights):
    return Upscaler.from_pretrained(small_weights, "cpu", precision="fp32").encode(torch.rand(1, 3, 6, 5))


@pytest.fixture(scope="module")
def fitted():
    return fit(torch.rand(1, 3, 6, 5), FitSettings("siren", steps=30, region=1))


@pytest.mark.parametrize("kind", ["amortized", "fitted"])
def test_inside_its_borders_a_dream_is_the_plain_image(request, kind):
    image = request.getfixturevalue(kind)
    plain = image.render((18, 15))
    torch.testing.assert_close(draw_dream(image, Dream(), (18, 15)), plain, atol=1e-5, rtol=0)
    # A margin of one side: the middle third.
    wide = draw_dream(image, Dream(margin=1.0), (54, 45))
    torch.testing.assert_close(wide[:, :, 18:36, 15:30], plain, atol=1e-4, rtol=0)
    # And there is something around it.
    assert wide[:, :, :18].std() > 0.01


def test_an_interpolated_image_goes_on_with_its_edges():
    values = torch.rand(1, 1, 4, 4)
    drawn = render_beyond(InterpolatedImage.like_pillow(values, "nearest"), (12, 12), OUTSIDE)
    torch.testing.assert_close(drawn, torch.nn.functional.pad(values, (4,) * 4, mode="replicate"))


def test_a_latent_repeats_its_edge_cells_outside(amortized):
    wide = draw_dream(amortized, Dream(margin=2.0), (5 * 6 * 4, 5 * 5 * 4))
    # One cell is 4 pixels; far outside, left of the image, nothing changes from cell to cell.
    corner = wide[:, :, 20:40, :32]
    torch.testing.assert_close(corner[..., 4:8], corner[..., 12:16], atol=1e-4, rtol=0)


def test_a_fit_goes_on_without_repeating_itself(fitted):
    wide = draw_dream(fitted, Dream(margin=2.0), (5 * 6 * 4, 5 * 5 * 4))
    assert (wide[..., 4:8] - wide[..., 12:16]).abs().mean() > 0.02


def test_strength_scales_what_the_image_wrote(amortized, fitted):
    size = (12, 10)
    assert amortized.base is not None
    base, plain = amortized.base.render(size), amortized.render(size)
    for strength in (0, 0.5, 3):
        drawn = draw_dream(amortized, Dream(strength=strength), size)
        torch.testing.assert_close(drawn, base + strength * (plain - base), atol=1e-4, rtol=0)
        grey = draw_dream(fitted, Dream(strength=strength), size)
        torch.testing.assert_close(grey, 0.5 + strength * (fitted.render(size) - 0.5), atol=1e-4, rtol=0)
    assert stronger(fitted, 2.0) is not fitted


def test_a_film_begins_at_the_plain_image_and_shrinks_it_by_one_factor():
    film = swelling(Dream(3.0, 1.5), 4)
    assert (film[0], film[-1]) == (Dream(), Dream(3.0, 1.5))
    assert [one.strength for one in film] == pytest.approx([1, 5 / 3, 7 / 3, 3])
    halves = [one.window[2] for one in film]
    assert [b / a for a, b in itertools.pairwise(halves)] == pytest.approx([4 ** (1 / 3)] * 3)
    assert film[0].window == WHOLE
    with pytest.raises(ValueError, match="shows the plain image only"):
        swelling(Dream(), 4)
    with pytest.raises(ValueError, match="at least 2 frames, got 1"):
        swelling(Dream(2.0), 1)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"strength": 4.1}, "strength must be 0 to 4, got 4.1"),
        ({"strength": float("nan")}, "strength must be 0 to 4, got nan"),
        ({"margin": -0.1}, "margin must be 0 to 8 sides of the image, got -0.1"),
        ({"margin": 9}, "margin must be 0 to 8 sides of the image, got 9"),
    ],
)
def test_values_without_meaning_are_refused(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        Dream(**values)


def test_large_images_are_drawn_whole_and_shrunk_and_bounded(amortized, monkeypatch):
    # Three pixels of the image for each one that is drawn.
    assert render_beyond(amortized, (6, 5), OUTSIDE).shape == (1, 3, 6, 5)
    monkeypatch.setattr(module, "_MAX_PIXELS", 18 * 15 - 1)
    with pytest.raises(ValueError, match=r"15x18 pixels of the image and its margin are above the limit of 269, which"):
        render_beyond(amortized, (6, 5), OUTSIDE)


@pytest.mark.parametrize("size", [(1, 1), (1, 7)])
def test_single_pixels_and_lines_dream(small_weights, size):
    image = torch.full((1, 3, *size), 0.5)
    upscaler = Upscaler.from_pretrained(small_weights, "cpu")
    for one in (upscaler.encode(image), fit(image, FitSettings("siren", steps=3))):
        assert draw_dream(one, Dream(2.0, 1.0), (4, 4)).isfinite().all()
