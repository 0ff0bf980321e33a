"""Mixes of latents: nothing lost, nothing added, and the parts that are asked for."""

import itertools

import pytest
import torch

from amortized_sr.art.mix import mixed, radii
from amortized_sr.resize import blur
from amortized_sr.upscaler import Upscaler


@pytest.fixture
def ends(small_weights):
    upscaler = Upscaler.from_pretrained(small_weights, "cpu", precision="fp32")
    return [upscaler.encode(torch.rand(1, 3, 12, 10)) for _ in range(2)]


def test_a_radius_of_zero_is_the_coarse_image_and_an_image_with_itself_is_itself(ends):
    coarse, fine = ends
    size = (24, 20)
    torch.testing.assert_close(mixed(coarse, fine, 0).render(size), coarse.render(size), atol=1e-5, rtol=0)
    torch.testing.assert_close(mixed(coarse, coarse, 3).render(size), coarse.render(size), atol=1e-5, rtol=0)
    assert (coarse.render(size) - fine.render(size)).abs().mean() > 0.1


def test_codes_and_base_image_are_split_by_the_same_blur(ends):
    coarse, fine = ends
    result = mixed(coarse, fine, 1.5).latent
    for name in ("codes", "image"):
        one, other, made = (getattr(latent, name) for latent in (coarse.latent, fine.latent, result))
        torch.testing.assert_close(made - other, blur(one - other, 1.5), atol=1e-5, rtol=0)


def test_a_large_radius_leaves_only_a_mean_colour_of_the_coarse_image(ends):
    coarse, fine = ends
    result = mixed(coarse, fine, 64).latent.image
    difference = result - fine.latent.image
    assert difference.std(dim=(2, 3)).max() < 0.02
    assert (coarse.latent.image - fine.latent.image).std(dim=(2, 3)).min() > 0.2


def test_a_film_begins_at_the_coarse_image_and_grows_by_one_factor():
    steps = radii(8, 5)
    assert (steps[0], steps[-1]) == (0, 8)
    factors = [b / a for a, b in itertools.pairwise(steps[1:])]
    assert factors == pytest.approx([factors[0]] * 3)
    assert radii(8, 2) == [0, 8]
    with pytest.raises(ValueError, match="at least 2 frames, got 1"):
        radii(8, 1)
    with pytest.raises(ValueError, match="with radius 0 a film shows the coarse image only"):
        radii(0, 3)


@pytest.mark.parametrize("radius", [-1, 65, float("nan"), float("inf")])
def test_a_radius_without_meaning_is_refused(ends, radius):
    with pytest.raises(ValueError, match="radius must be 0 to 64 pixels of the images, got"):
        mixed(*ends, radius)


def test_latents_of_different_sizes_are_refused(small_weights, ends):
    other = Upscaler.from_pretrained(small_weights, "cpu").encode(torch.rand(1, 3, 10, 12))
    with pytest.raises(ValueError, match="images of 10x12 and 12x10 pixels have latents of different sizes"):
        mixed(ends[0], other, 2)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1)])
def test_single_pixels_and_constant_lines_mix(small_weights, size):
    upscaler = Upscaler.from_pretrained(small_weights, "cpu")
    ends = [upscaler.encode(torch.full((1, 3, *size), value)) for value in (0.0, 1.0)]
    assert mixed(*ends, 2).render((4, 4)).isfinite().all()
