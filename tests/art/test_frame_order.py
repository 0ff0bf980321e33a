"""The order of a film's pictures, and how many of them are kept."""

import pytest
from PIL import Image

from amortized_sr.art import frame_order
from amortized_sr.art.frame_order import in_order, there_and_back


@pytest.mark.parametrize(("kept", "times"), [(1 << 26, 1), (0, 2)])
def test_pictures_come_in_order_and_are_drawn_again_only_where_too_many_would_be_kept(monkeypatch, kept, times):
    monkeypatch.setattr(frame_order, "_KEPT_PIXELS", kept)
    drawn = []

    def draw(number):
        drawn.append(number)
        return Image.new("L", (4, 4), number)

    order = there_and_back(5)
    assert order == [0, 1, 2, 3, 4, 3, 2, 1]
    assert [picture.getpixel((0, 0)) for picture in in_order(draw, order)] == order
    assert sorted(drawn) == sorted([0, 4, *[1, 2, 3] * times])


def test_some_pictures_are_kept_where_all_are_too_many(monkeypatch):
    monkeypatch.setattr(frame_order, "_KEPT_PIXELS", 2 * 16)
    drawn = []

    def draw(number):
        drawn.append(number)
        return Image.new("L", (4, 4), number)

    assert len(list(in_order(draw, there_and_back(9)))) == 16
    # The first two of those that return are kept.
    assert sorted(drawn) == sorted([*range(9), *range(3, 8)])
