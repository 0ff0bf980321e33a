"""A curve is drawn where its numbers lie."""

import numpy as np

from amortized_sr.chart import chart

BLUE = (0, 0, 255)


def blue_rows(picture, column):
    return np.flatnonzero((np.asarray(picture)[:, column] == BLUE).all(axis=-1))


def test_the_levels_are_the_axis():
    picture = chart([(0, 10), (100, 30)], "title", levels=(10, 20, 30), size=(200, 480))
    assert picture.size == (480, 200)
    # The curve is from x = 60 to 460, and from y = 170 to 30.
    for column, row in ((60, 170), (260, 100), (459, 30)):
        assert abs(blue_rows(picture, column).mean() - row) <= 1


def test_few_points_have_dots_and_many_have_none():
    rising = [(step, step) for step in range(201)]
    # At x = 340 lies the point of step 100.
    heights = [len(blue_rows(chart(points, "", levels=(-100, 300)), 340)) for points in (rising[::10], rising)]
    assert heights[0] > heights[1] > 0
