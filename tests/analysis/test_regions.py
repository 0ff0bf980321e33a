"""What docs/regions.md claims of the bundled model, and what cannot be measured."""

import math

import pytest
import torch

from amortized_sr import Upscaler
from amortized_sr.analysis.charts import IMAGE_SIDE, chart, chart_image
from amortized_sr.analysis.regions import (
    CONSISTENT_SCALES,
    SCALES,
    by_footprint,
    by_points,
    interpolated,
    measure_regions,
    quality_table,
    sampling_table,
)
from amortized_sr.baselines.fitting import FitSettings, fit
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.resize import square_kernel

SIZE = (IMAGE_SIDE, IMAGE_SIDE)


@pytest.mark.slow
def test_boxes_are_consistent_and_flicker_less_than_points_on_the_zone_plate():
    plate = chart("zone plate")
    function = Upscaler.from_pretrained(device="cpu", precision="fp32").encode(chart_image(plate))
    names = by_footprint("model", function)
    point, box = (measure_regions(names[f"model, {footprint}"], plate, SIZE) for footprint in ("point", "box"))
    for scale in CONSISTENT_SCALES:
        assert box.consistency[scale] >= point.consistency[scale] + 6
    assert box.flicker < 0.5 * point.flicker
    assert box.aliased[0.25] < 0.5 * point.aliased[0.25]
    for scale in (0.25, 0.5):
        assert box.psnr[scale] > point.psnr[scale] + 6


@pytest.mark.slow
def test_the_truth_measured_against_itself_is_equal_and_tables_have_a_row_for_each_function():
    plate = chart("zone plate")
    found = measure_regions(plate, plate, SIZE)
    assert set(found.psnr.values()) == {200.0}
    assert min(found.consistency.values()) > 100
    for table in (quality_table({"truth": found, "again": found}), sampling_table({"truth": found, "again": found})):
        caption, lines = table
        assert caption
        assert [line[0] for line in lines] == ["function", "truth", "again"]
        assert len({len(line) for line in lines}) == 1
    assert quality_table({"truth": found})[1][1][1 : 1 + len(SCALES)] == ["equal"] * len(SCALES)


@pytest.mark.slow
def test_a_constant_is_measured_without_a_division_by_zero():
    flat = torch.full((1, 1, 16, 20), 0.5)
    truth = InterpolatedImage(flat, square_kernel())
    for function in (truth, *interpolated(flat).values()):
        found = measure_regions(function, truth, (16, 20))
        assert min(found.psnr.values()) > 100
        assert max(found.aliased.values()) < 1e-5
        assert found.flicker < 1e-6


def test_a_fitted_network_is_asked_for_points_and_for_means():
    fitted = fit(torch.rand(1, 1, 16, 16), FitSettings("siren", steps=3, region=2))
    functions = by_points("fit", fitted)
    assert set(functions) == {"fit, points", "fit, 2x2"}
    fine = functions["fit, points"].render((32, 32))
    torch.testing.assert_close(
        torch.nn.functional.avg_pool2d(fine, 2), functions["fit, 2x2"].render((16, 16)), atol=1e-5, rtol=0
    )
    assert (functions["fit, points"].render((16, 16)) - functions["fit, 2x2"].render((16, 16))).abs().max() > 1e-4


@pytest.mark.parametrize("size", [(1, 1), (1, 64), (64, 12), (18, 64)])
def test_images_that_are_small_or_have_no_quarter_are_refused(size):
    image = InterpolatedImage(torch.rand(1, 1, *size), square_kernel())
    with pytest.raises(ValueError, match=f"multiples of 4 and at least 16, got {size[1]}x{size[0]}"):
        measure_regions(image, image, size)


def test_colours_that_are_no_numbers_are_refused():
    image = InterpolatedImage(torch.full((1, 1, 16, 16), math.nan), square_kernel())
    with pytest.raises(ValueError, match="the rendering holds NaN or infinity"):
        measure_regions(image, image, (16, 16))
