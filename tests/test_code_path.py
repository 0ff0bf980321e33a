"""Paths between two codes: ends, shapes, and what each kind promises."""

import pytest
import torch

from amortized_sr.code_path import code_path
from amortized_sr.mixture import GaussianMixture


@pytest.fixture
def ring() -> GaussianMixture:
    """Narrow Gaussians on a half circle in a plane: a line between its ends leaves them."""
    angle = torch.linspace(0, torch.pi, 9)
    mixture = GaussianMixture(9, 2)
    mixture.share.fill_(1 / 9)
    mixture.mean.copy_(4 * torch.stack((angle.cos(), angle.sin()), dim=1))
    mixture.factor.copy_(torch.tensor([0.7, 0.0, 0.7]).expand(9, 3))
    return mixture


def lengths(path: torch.Tensor) -> torch.Tensor:
    return (path[1:] - path[:-1]).norm(dim=1)


@pytest.mark.parametrize(("name", "frames"), [("line", 2), ("line", 11), ("sphere", 2), ("sphere", 11), ("prior", 2)])
def test_a_path_has_its_ends_and_as_many_frames_as_asked_for(ring, name, frames):
    start, stop = torch.tensor([4.0, 0.1]), torch.tensor([-3.9, 0.3])
    path = code_path(name, start, stop, frames, ring)
    assert path.shape == (frames, 2)
    assert path.dtype == start.dtype
    assert torch.equal(path[0], start)
    assert torch.equal(path[-1], stop)


@pytest.mark.parametrize("name", ["line", "sphere", "prior"])
def test_inference_mode_changes_no_path(ring, name):
    ends = torch.tensor([4.0, 0.1], dtype=torch.float64), torch.tensor([-3.9, 0.3], dtype=torch.float64)
    usual = code_path(name, *ends, 3, ring)
    with torch.inference_mode():
        # Codes that are made in this mode take no part in gradients.
        inside = code_path(name, *(end + 0 for end in ends), 3, ring)
    assert torch.equal(inside, usual)


@pytest.mark.parametrize("name", ["line", "sphere", "prior"])
def test_between_equal_codes_nothing_moves(ring, name):
    code = torch.tensor([1.0, 2.0])
    assert torch.allclose(code_path(name, code, code, 5, ring), code.expand(5, 2), atol=1e-6)


@pytest.mark.parametrize("name", ["line", "prior"])
def test_frames_are_evenly_spaced(ring, name):
    steps = lengths(code_path(name, torch.tensor([4.0, 0.0]), torch.tensor([-4.0, 0.0]), 9, ring))
    # A chord of the optimised curve is a little shorter than its arc.
    assert steps.max() / steps.min() < (1.001 if name == "line" else 1.05)


def test_the_sphere_turns_the_direction_and_the_distance_evenly():
    around = GaussianMixture(1, 2)
    around.share.fill_(1)
    around.mean.copy_(torch.tensor([[1.0, 1.0]]))
    around.factor.copy_(torch.tensor([[1.0, 0.0, 1.0]]))
    path = code_path("sphere", torch.tensor([3.0, 1.0]), torch.tensor([1.0, 5.0]), 3, around)
    # From distance 2 and direction 0 to distance 4 and a quarter turn: 3 and an eighth.
    assert torch.allclose(path[1], 1 + 3 * torch.tensor([0.5, 0.5]).sqrt())
    opposite = code_path("sphere", torch.tensor([3.0, 1.0]), torch.tensor([-1.0, 1.0]), 9, around)
    assert torch.allclose((opposite - 1).norm(dim=1), torch.full((9,), 2.0))
    from_centre = code_path("sphere", torch.tensor([1.0, 1.0]), torch.tensor([3.0, 1.0]), 3, around)
    assert torch.allclose(from_centre[1], torch.tensor([2.0, 1.0]))


def test_the_path_through_the_mixture_goes_round_where_the_line_leaves_it(ring):
    ends = torch.tensor([4.0, 0.0]), torch.tensor([-4.0, 0.0])
    line, prior = (code_path(name, *ends, 25, ring) for name in ("line", "prior"))
    assert prior[12, 1] > 2
    assert ring.log_density(prior).min() > ring.log_density(line).min() + 5
    # Not longer than the half circle.
    assert lengths(prior).sum() < torch.pi * 4


def test_the_path_through_the_mixture_does_not_depend_on_the_number_of_frames(ring):
    ends = torch.tensor([4.0, 0.0]), torch.tensor([-4.0, 0.0])
    assert torch.equal(code_path("prior", *ends, 5, ring), code_path("prior", *ends, 9, ring)[::2])


def test_what_makes_no_path_is_refused(ring):
    code = torch.zeros(2)
    with pytest.raises(ValueError, match="at least 2 frames, its ends, got 1"):
        code_path("line", code, code, 1, ring)
    for name in ("sphere", "prior"):
        with pytest.raises(ValueError, match=f"the path {name} needs a distribution of codes.*use line"):
            code_path(name, code, code, 3, None)
        with pytest.raises(ValueError, match="train it to the end"):
            code_path(name, code, code, 3, GaussianMixture(2, 2))
