import math

import pytest
import torch

from amortized_sr.analysis.charts import CHARTS, IMAGE_SIDE, chart, chart_image


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_black_and_white_and_its_image_has_8_bits(name):
    image = chart_image(chart(name))
    assert image.shape == (1, 1, IMAGE_SIDE, IMAGE_SIDE)
    assert image.min() < 0.1
    assert image.max() > 0.9
    torch.testing.assert_close(image * 255, (image * 255).round(), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", CHARTS)
def test_means_over_parts_average_to_the_mean_over_the_whole(name):
    truth = chart(name)
    for size in ((1, 1), (16, 16), (37, 23), (64, 64)):
        fine = truth.render((2 * size[0], 2 * size[1]))
        torch.testing.assert_close(torch.nn.functional.avg_pool2d(fine, 2), truth.render(size), atol=1e-5, rtol=0)
    torch.testing.assert_close(truth.render((1, 1)).squeeze(), truth.image.mean(), atol=1e-5, rtol=0)


def test_rings_grow_finer_to_half_a_ring_per_pixel_in_the_corners():
    picture = chart("zone plate").image[0, 0].double()
    squares = len(picture) // IMAGE_SIDE
    # Along the diagonal a pixel is as long as sqrt(2) of its sides.
    diagonal = picture.diagonal()[len(picture) // 2 :]
    crossings = ((diagonal - 0.5).sign().diff() != 0).nonzero().flatten().double() / squares * math.sqrt(2)
    frequency = 0.5 / crossings.diff()
    assert frequency[-1].item() == pytest.approx(0.5, rel=0.05)
    middle = frequency[(crossings[1:] > IMAGE_SIDE / 2 * math.sqrt(2) / 2).nonzero()[0, 0]]
    assert middle.item() == pytest.approx(0.25, rel=0.1)
