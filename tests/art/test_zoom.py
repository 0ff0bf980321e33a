"""The windows of a zoom: exact ends, equal factors, a point that stays."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from windows import windows

from amortized_sr.art.zoom import zoom_windows
from amortized_sr.coords import WHOLE, check_window


@given(start=windows(), stop=windows(), frames=st.integers(2, 9))
def test_ends_are_exact_every_window_is_inside_and_each_changes_by_the_same_factor(start, stop, frames):
    path = zoom_windows(start, stop, frames)
    assert len(path) == frames
    assert (path[0], path[-1]) == (start, stop)
    for window in path:
        check_window(window)
    for axis in (0, 1):
        extents = [window[axis + 2] - window[axis] for window in path]
        factor = (extents[-1] / extents[0]) ** (1 / (frames - 1))
        for one, other in itertools.pairwise(extents):
            assert other / one == pytest.approx(factor, rel=1e-6)


def test_the_point_at_the_same_place_in_both_windows_stays_there():
    start, stop = WHOLE, (0.2, -0.9, 0.4, -0.7)
    # It divides the first interval as the last one.
    place = 1.2 / 1.8
    y = -1 + 2 * place
    for y0, _, y1, _ in zoom_windows(start, stop, 7):
        assert (y - y0) / (y1 - y0) == pytest.approx(place)


def test_windows_of_one_size_move_evenly():
    path = zoom_windows((-1.0, -1.0, 0.0, 0.0), (0.0, -0.5, 1.0, 0.5), 5)
    assert [window[0] for window in path] == pytest.approx([-1, -0.75, -0.5, -0.25, 0])
    assert [window[1] for window in path] == pytest.approx([-1, -0.875, -0.75, -0.625, -0.5])


def test_a_zoom_back_is_the_same_path():
    start, stop = WHOLE, (-0.3, 0.1, -0.1, 0.3)
    for one, other in zip(zoom_windows(start, stop, 6), zoom_windows(stop, start, 6)[::-1], strict=True):
        assert one == pytest.approx(other)


def test_a_path_needs_two_frames_and_windows_inside_the_image():
    with pytest.raises(ValueError, match="at least 2 frames, got 1"):
        zoom_windows(WHOLE, WHOLE, 1)
    with pytest.raises(ValueError, match="window must be"):
        zoom_windows(WHOLE, (0.0, 0.0, 1.5, 1.0), 3)
