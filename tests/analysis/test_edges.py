"""Edges lie where the curvature changes its sign."""

import math

import numpy as np
import pytest
import torch
from formula import Formula

from amortized_sr.analysis.edges import edge_lines
from amortized_sr.analysis.points import derivatives, sample_positions
from amortized_sr.interpolated_image import InterpolatedImage

SAMPLES = 2


def lines_of(function, threshold=0.1):
    found = derivatives(function, sample_positions(function.size, SAMPLES))
    return edge_lines(found.gradient.numpy(), found.laplacian.numpy(), threshold)


def in_pixels(lines):
    return (lines + 0.5) / SAMPLES - 0.5


def test_the_edge_of_a_smooth_step_is_found_between_the_pixels():
    lines = in_pixels(lines_of(Formula(lambda y, x: torch.tanh(x - 3.37), (6, 8))))
    assert len(lines) == 11  # one for each two rows of samples
    assert np.abs(lines[..., 1] - 3.37).max() < 0.02
    assert sorted(lines[..., 0].min(axis=1)) == pytest.approx(np.arange(11) / 2 - 0.25)


def test_the_edge_of_a_disc_is_a_closed_circle():
    def disc(y, x):
        return torch.tanh(2 * (torch.hypot(y - 8, x - 8) - 5))

    lines = in_pixels(lines_of(Formula(disc, (17, 17))))
    radius = np.hypot(lines[..., 0] - 8, lines[..., 1] - 8)
    # The curvature of the circle itself moves the zero a little inwards or outwards.
    assert np.abs(radius - 5).max() < 0.15
    length = np.hypot(*np.moveaxis(lines[:, 0] - lines[:, 1], -1, 0)).sum()
    assert length == pytest.approx(2 * math.pi * radius.mean(), rel=0.02)
    # Every end is the end of exactly two lines.
    _, counts = np.unique(lines.reshape(-1, 2).round(6), axis=0, return_counts=True)
    assert set(counts.tolist()) == {2}


def test_weak_edges_are_left_out_by_the_threshold():
    def two(y, x):
        return torch.tanh(2 * (x - 3.3)) + 0.1 * torch.tanh(2 * (x - 12.3))

    function = Formula(two, (4, 16))
    assert {round(x) for x in in_pixels(lines_of(function, 0.05))[..., 1].flatten()} >= {3, 12}
    assert {round(x) for x in in_pixels(lines_of(function, 0.5))[..., 1].flatten()} == {3}


@pytest.mark.parametrize("image", [torch.rand(1, 1, 6, 8), torch.full((1, 1, 6, 8), 0.4)], ids=["bilinear", "flat"])
def test_where_nothing_is_curved_there_are_no_edges(image):
    assert len(lines_of(InterpolatedImage.like_pillow(image, "bilinear"))) == 0


def test_a_saddle_is_two_lines_that_do_not_cross():
    laplacian = np.array([[1.0, -1.0], [-1.0, 1.0]])
    lines = edge_lines(np.ones((2, 2, 2)), laplacian, 0.0)
    assert len(lines) == 2
    assert {tuple(point) for point in lines.reshape(-1, 2)} == {(0.0, 0.5), (0.5, 1.0), (1.0, 0.5), (0.5, 0.0)}
