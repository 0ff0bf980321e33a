"""Morphs: their ends are the images, what lies between is what each way says, and senseless ones are sentences."""

import pytest
import torch

from amortized_sr.art.morph import (
    between_latents,
    between_weights,
    through_codes,
    through_latents,
    through_pixels,
    through_weights,
)
from amortized_sr.baselines.fitting import FitSettings, fit
from amortized_sr.coder import Coder
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.upscaler import Upscaler

QUICK = FitSettings("siren", steps=12, region=1)


def images(height=6, width=5):
    return torch.rand(1, 3, height, width), torch.rand(1, 3, height, width)


@pytest.fixture
def upscaler(small_weights):
    return Upscaler.from_pretrained(small_weights, "cpu", precision="fp32")


def test_pixels_fade():
    first, last = images()
    morph = through_pixels(first, last, 5)
    ends = [InterpolatedImage.like_pillow(end, "bicubic").render((12, 10)) for end in (first, last)]
    for number in range(5):
        expected = torch.lerp(ends[0], ends[1], number / 4)
        torch.testing.assert_close(morph.function(number).render((12, 10)), expected, atol=1e-5, rtol=0)


def test_latents_of_the_default_field_fade_too_because_it_is_linear_in_them(upscaler):
    first, last = images()
    morph = through_latents(upscaler, first, last, 5)
    ends = [upscaler.encode(end).render((13, 11)) for end in (first, last)]
    assert (ends[0] - InterpolatedImage.like_pillow(first, "bicubic").render((13, 11))).abs().max() > 0.01
    for number in range(5):
        expected = torch.lerp(ends[0], ends[1], number / 4)
        torch.testing.assert_close(morph.function(number).render((13, 11)), expected, atol=1e-5, rtol=0)


def test_weights_begin_and_end_at_the_fits_and_do_not_fade_between():
    first, last = images(8, 8)
    morph = through_weights(first, last, 5, QUICK, "seed")
    ends = [fit(end, QUICK).render((16, 16)) for end in (first, last)]
    for number, expected in ((0, ends[0]), (4, ends[1])):
        torch.testing.assert_close(morph.function(number).render((16, 16)), expected)
    between = morph.function(2).render((16, 16))
    assert (between - torch.lerp(ends[0], ends[1], 0.5)).abs().mean() > 0.01


def test_the_second_fit_begins_where_it_is_told():
    first, last = images(8, 8)
    reports = {start: [] for start in ("first", "seed")}
    for start, seen in reports.items():
        through_weights(first, last, 2, QUICK, start, lambda step, seen=seen: seen.append(float(step.psnr)))
        assert len(seen) == 2 * 13
    whole, again = reports["first"], reports["seed"]
    assert whole[:13] == again[:13]
    one = fit(first, QUICK)
    at_first = -10 * torch.log10((one.render((8, 8)) - last).square().mean())
    assert whole[13] == pytest.approx(float(at_first), abs=1e-3)
    assert again[13] == pytest.approx(fit_reports(last)[0], abs=1e-3)
    assert abs(whole[13] - again[13]) > 0.01


def fit_reports(image):
    seen = []
    fit(image, QUICK, lambda step: seen.append(float(step.psnr)))
    return seen


def test_codes_of_an_autoencoder_go_from_one_image_to_the_other(small_autoencoder):
    _, model = small_autoencoder
    coder = Coder(model, "cpu")
    codes = coder.encode(torch.rand(2, 1, 8, 8))
    morph = through_codes(coder, codes, 4, "sphere", (8, 6))
    for number, code in ((0, codes[:1]), (3, codes[1:])):
        torch.testing.assert_close(morph.function(number).render((9, 9)), coder.decode(code).render((9, 9)))
    assert morph.function(1).size == (8, 6)
    halves = [morph.function(number).render((9, 9)) for number in range(4)]
    # A decoder is not linear: the middle is no fade.
    assert (halves[1] - torch.lerp(halves[0], halves[3], 1 / 3)).abs().max() > 1e-3


def test_what_has_nothing_between_is_refused(upscaler, small_autoencoder):
    first, last = images()
    _, other = images(7, 5)
    with pytest.raises(ValueError, match="both images are the same, so nothing lies between them"):
        through_pixels(first, first.clone(), 5)
    with pytest.raises(ValueError, match="at least 2 frames, its ends, got 1"):
        through_latents(upscaler, first, last, 1)
    with pytest.raises(ValueError, match=r"images of one size are needed, got \(1, 3, 6, 5\) and \(1, 3, 7, 5\)"):
        through_pixels(first, other, 5)
    with pytest.raises(ValueError, match="images of 5x6 and 5x7 pixels have latents of different sizes; resize one"):
        between_latents(upscaler.encode(first), upscaler.encode(other), 0.5)
    # A siren's frequencies grow with its image, and so does its width.
    small, large = (fit(torch.rand(1, 3, side, side), QUICK) for side in (4, 24))
    with pytest.raises(ValueError, match="no weights in common"):
        between_weights(small, large, 0.5)
    with pytest.raises(ValueError, match="no weights in common"):
        fit(torch.rand(1, 3, 24, 24), QUICK, start=small)
    coder = Coder(small_autoencoder[1], "cpu")
    with pytest.raises(ValueError, match="both images are the same"):
        through_codes(coder, coder.encode(torch.rand(1, 1, 8, 8)).repeat(2, 1), 3)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1)])
def test_single_pixels_and_lines_have_morphs(upscaler, size):
    first, last = torch.zeros(1, 3, *size), torch.ones(1, 3, *size)
    for morph in (
        through_pixels(first, last, 3),
        through_latents(upscaler, first, last, 3),
        through_weights(first, last, 3, QUICK),
    ):
        assert morph.function(1).render((5, 6)).isfinite().all()
