"""The strength of JPEG compression: steps, qualities and tables of real files."""

import io

import pytest
from PIL import Image

from amortized_sr.jpeg_strength import condition_of_step, nearest_quality, step_of_quality, step_of_table


@pytest.mark.parametrize("quality", [1, 5, 10, 35, 49, 50, 51, 75, 90, 95, 100])
def test_the_step_of_a_quality_is_that_of_a_file_that_libjpeg_writes(quality):
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        assert step_of_table(image.quantization[0]) == step_of_quality(quality)


def test_qualities_come_back_from_their_steps_and_lower_ones_have_larger_steps():
    steps = [step_of_quality(quality) for quality in range(1, 101)]
    assert steps == sorted(steps, reverse=True)
    # The lowest three share the largest steps that a table can hold in part, so that a few are too near to tell.
    for quality in range(5, 101):
        assert step_of_quality(nearest_quality(step_of_quality(quality))) == step_of_quality(quality)


def test_no_compression_is_zero_and_the_strongest_stays_at_one():
    assert condition_of_step(0.0) == 0
    assert condition_of_step(step_of_quality(1)) <= 1
    assert condition_of_step(step_of_quality(10)) > condition_of_step(step_of_quality(90)) > 0


@pytest.mark.parametrize("quality", [0, 101, -5])
def test_other_qualities_are_refused(quality):
    with pytest.raises(ValueError, match=f"from 1 to 100, got {quality}"):
        step_of_quality(quality)
