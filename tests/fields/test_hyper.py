import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from amortized_sr.axes import axes
from amortized_sr.compute import DEFAULT_BOUNDS
from amortized_sr.coords import WHOLE
from amortized_sr.fields.hyper import HyperField, LocalFourier
from amortized_sr.sampling import render_points

KINDS = [(footprint, neighbors) for footprint in ("point", "gauss", "box") for neighbors in (1, 4)]


def basis(footprint, neighbors, frequencies=3, keeps_tone=False):
    functions = LocalFourier(frequencies, neighbors, footprint, keeps_tone=keeps_tone).double()
    with torch.no_grad():
        functions.frequency.copy_(torch.linspace(0.7, 3.4, frequencies))  # not at special places
    return functions


def number(value):
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize(("footprint", "neighbors"), KINDS)
@given(offset=st.floats(-0.5, 0.5, exclude_max=True), cell=st.floats(0.01, 3))
def test_cells_share_every_point_and_every_footprint_completely(footprint, neighbors, offset, cell):
    # The first function is the constant, so its sum over all cells is the sum of the blending weights.
    # Offsets are multiples of 2^-22, as in `sampling`: t and t - 1 are then exact, and half-open cells disjoint.
    places = number(math.floor(offset * 2**22) / 2**22) - torch.arange(-6, 7, dtype=torch.float64)
    weights = basis(footprint, neighbors)(places, number(cell))[:, 0]
    assert weights.sum().item() == pytest.approx(1, abs=1e-6)
    assert (weights >= -1e-12).all()


@pytest.mark.slow
@pytest.mark.parametrize("neighbors", [1, 4])
@given(offset=st.floats(-1.5, 1.5), cell=st.floats(0.01, 2))
def test_the_mean_over_a_box_is_the_mean_of_the_points_in_it(neighbors, offset, cell):
    count = 5000
    points = offset + cell * ((torch.arange(count, dtype=torch.float64) + 0.5) / count - 0.5)
    exact = basis("box", neighbors)(number([offset]), number(cell))[0]
    sampled = basis("point", neighbors)(points, number(0.0)).mean(dim=0)
    torch.testing.assert_close(exact, sampled, atol=2e-3 if neighbors == 1 else 1e-5, rtol=0)


@pytest.mark.parametrize(("footprint", "neighbors"), KINDS)
@given(cell=st.floats(0.01, 3))
def test_only_the_constant_adds_light_where_the_tone_is_kept(footprint, neighbors, cell):
    functions = basis(footprint, neighbors, keeps_tone=True)
    count, reach = 40_000, functions.reach(cell)
    points = reach * (2 * (torch.arange(count, dtype=torch.float64) + 0.5) / count - 1)
    sums = functions(points, number(cell)).mean(dim=0) * 2 * reach
    expected = torch.zeros_like(sums)
    expected[0] = 1
    torch.testing.assert_close(sums, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("wave", [(1.0, 1.0), (0.5, 1.0), (0.5, 0.5), (0.0, 0.5)])
def test_the_other_functions_give_what_the_constant_would_except_tones(wave):
    # Codes that form a wave over the cells; 1 is the highest frequency that a grid of cells has.
    functions = LocalFourier(2, 4, "point", keeps_tone=True).double()
    with torch.no_grad():
        functions.frequency.copy_(torch.tensor([0.76, 1.5]))
    places = (torch.arange(8, dtype=torch.float64) + 0.5) / 8 - 0.5

    def drawn(frequency):
        cells = torch.arange(-1, 2, dtype=torch.float64)
        values = functions(places - cells[:, None], number(0.0))
        return (torch.exp(1j * math.pi * frequency * cells)[:, None, None] * values).sum(dim=0).T

    pictures = torch.einsum("jy,kx->jkyx", drawn(wave[0]), drawn(wave[1])).flatten(0, 1).flatten(1)
    constant, others = pictures[0], pictures[1:].T
    codes = torch.linalg.lstsq(others, constant[:, None], rcond=1e-3, driver="gelsd").solution
    assert (others @ codes - constant[:, None]).norm() < 0.015 * constant.norm()
    assert codes.norm() < 6


@pytest.mark.parametrize("footprint", ["gauss", "box"])
@pytest.mark.parametrize("neighbors", [1, 4])
def test_a_vanishing_footprint_is_a_point(footprint, neighbors):
    offsets = torch.linspace(-1.2, 1.2, 49, dtype=torch.float64)
    at_point = basis("point", neighbors)(offsets, number(0.0))
    torch.testing.assert_close(basis(footprint, neighbors)(offsets, number(0.0)), at_point)


@pytest.mark.parametrize(("footprint", "neighbors"), KINDS)
@given(cell=st.floats(0.01, 3))
def test_everything_vanishes_beyond_the_reach(footprint, neighbors, cell):
    functions = basis(footprint, neighbors)
    beyond = functions.reach(cell) * number([-1.0001, 1.0001])
    assert functions(beyond, number(cell)).abs().max() == 0


def test_a_gaussian_footprint_damps_each_frequency_by_its_transform():
    functions = basis("gauss", 4)
    blur, cell = 0.4, 0.8
    with torch.no_grad():
        functions.blur.fill_(blur)
    offsets = torch.linspace(-0.9, 0.9, 7, dtype=torch.float64)
    ratio = functions(offsets, number(cell)) / basis("point", 4)(offsets, number(cell))
    damping = torch.exp(-0.5 * (math.pi * torch.linspace(0.7, 3.4, 3, dtype=torch.float64) * blur * cell) ** 2)
    expected = torch.cat((number([1.0]), damping, damping)).expand_as(ratio)
    defined = basis("point", 4)(offsets, number(cell)).abs() > 1e-9
    torch.testing.assert_close(ratio[defined], expected[defined])


def test_half_open_cells_meet_without_overlap():
    inside = basis("point", 1)(number([-0.5, 0.5, 0.49999]), number(0.0))[:, 0]
    assert inside.tolist() == [1, 0, 1]


def test_four_neighbours_blend_with_a_continuous_slope():
    offsets = torch.linspace(-1.3, 1.3, 2601, dtype=torch.float64)
    slopes = basis("point", 4)(offsets, number(0.0)).diff(dim=0) / offsets.diff()[:, None]
    assert slopes.diff(dim=0).abs().max() < 0.2  # a kink of the bilinear blend would be 1 at least


@pytest.mark.parametrize(("footprint", "neighbors"), KINDS)
@pytest.mark.parametrize(
    ("grid", "size", "window"),
    [
        ((5, 7), (13, 29), WHOLE),
        ((6, 4), (6, 4), WHOLE),
        ((9, 8), (10, 31), (-0.7, -1.2, 0.4, 0.9)),
        ((2, 70), (3, 90), WHOLE),
    ],
    ids=["enlarged", "same size", "window", "many cells"],
)
def test_a_grid_that_is_drawn_for_a_gradient_has_the_picture_and_the_gradients_of_its_points(
    footprint, neighbors, grid, size, window
):
    field = HyperField(2, 2, neighbors, footprint, finest_cell=0.125).double()
    codes = torch.randn(3, field.code_channels, *grid, dtype=torch.float64, requires_grad=True)
    rows, columns = axes(size, grid, window)
    weights = torch.randn(3, 2, *size, dtype=torch.float64)
    drawn = field.render_grid(codes, rows, columns, DEFAULT_BOUNDS)
    points = render_points(field, codes, rows, columns, DEFAULT_BOUNDS)
    torch.testing.assert_close(drawn, points)
    torch.testing.assert_close(drawn.detach(), field.render_grid(codes.detach(), rows, columns, DEFAULT_BOUNDS))
    inputs = [codes, *field.parameters()]
    for ours, theirs in zip(
        torch.autograd.grad((drawn * weights).sum(), inputs),
        torch.autograd.grad((points * weights).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)
