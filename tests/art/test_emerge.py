"""Fits kept at the steps of a film: in order, better and better, ending with the fit itself."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from amortized_sr.art.emerge import emerge, film_steps
from amortized_sr.baselines.fitting import FitSettings, fit


@given(st.data())
def test_a_film_has_every_frame_at_a_step_of_its_own_and_later_ones_are_farther_apart(data):
    steps = data.draw(st.integers(1, 3000))
    frames = data.draw(st.integers(2, min(240, steps + 1)))
    kept = film_steps(steps, frames)
    assert len(kept) == frames
    assert (kept[0], kept[-1]) == (0, steps)
    gaps = [b - a for a, b in itertools.pairwise(kept)]
    assert min(gaps) >= 1
    # Rounding may shorten a gap by one.
    assert all(b >= a - 1 for a, b in itertools.pairwise(gaps))


@pytest.mark.parametrize(
    ("steps", "frames", "sentence"),
    [
        (10, 12, "10 steps have 11 pictures, fewer than 12 frames; ask for more steps"),
        (1000, 241, "must be 2 to 240, got 241"),
        (10, 1, "must be 2 to 240, got 1"),
    ],
)
def test_films_without_steps_are_refused(steps, frames, sentence):
    with pytest.raises(ValueError, match=sentence):
        film_steps(steps, frames)


def test_stages_end_with_the_fit_and_do_not_change_later():
    image, settings = torch.rand(1, 3, 8, 8), FitSettings(region=1)
    done = []
    stages = emerge(image, "siren", settings, [0, 2, 20], done.append)
    assert [stage.step for stage in stages] == [0, 2, 20]
    assert done == list(range(21))
    whole = fit(image, FitSettings("siren", steps=20, region=1))
    torch.testing.assert_close(stages[-1].function.render((8, 8)), whole.render((8, 8)))
    for stage in stages:
        error = (stage.function.render((8, 8)) - image).square().mean()
        assert stage.psnr == pytest.approx(float(-10 * torch.log10(error)), abs=1e-2)
    assert stages[0].psnr < stages[1].psnr < stages[2].psnr
    assert stages[0].seconds <= stages[1].seconds <= stages[2].seconds


def test_a_constant_image_has_no_infinite_psnr():
    stages = emerge(torch.full((1, 1, 1, 4), 0.5), "siren", FitSettings(region=1), [0, 200], lambda step: None)
    assert 20 < stages[-1].psnr <= 200


def test_a_training_that_diverges_is_a_sentence():
    settings = FitSettings(learning_rate=1e30, region=1)
    with pytest.raises(ValueError, match=r"the training of relu diverged after \d+ steps"):
        emerge(torch.rand(1, 3, 4, 4), "relu", settings, [0, 5, 30], lambda step: None)
