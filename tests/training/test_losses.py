import math

import pytest
import torch

from amortized_sr.training.losses import incoherence, mean_error, pixel_loss, shown_error, variation


def test_losses_have_their_known_values():
    prediction, target = torch.full((2, 1, 4, 4), 0.5), torch.full((2, 1, 4, 4), 0.25)
    assert pixel_loss("l1", prediction, target).item() == pytest.approx(0.25)
    assert pixel_loss("mse", prediction, target).item() == pytest.approx(0.0625)


def test_the_root_of_the_mean_square_is_taken_of_each_image():
    target = torch.zeros(2, 1, 4, 4)
    prediction = torch.tensor([0.1, 0.5]).view(2, 1, 1, 1).expand_as(target).clone().requires_grad_()

    loss = pixel_loss("rmse", prediction, target)
    loss.backward()

    assert loss.item() == pytest.approx(0.3, 1e-3)
    # Easy images pull as hard as difficult ones.
    pulls = prediction.grad.flatten(1).sum(dim=1)
    assert pulls[0].item() == pytest.approx(pulls[1].item(), 1e-3)


def test_a_perfect_prediction_has_a_finite_gradient():
    for name in ("l1", "mse", "rmse"):
        prediction = torch.rand(1, 1, 3, 3, requires_grad=True)
        pixel_loss(name, prediction, prediction.detach().clone()).backward()
        assert prediction.grad.isfinite().all()


def test_what_clamping_hides_counts_a_twentieth_and_everything_else_in_full():
    target = torch.tensor([0.0, 0.0, 1.0, 1.0, 0.5, 0.5]).view(6, 1, 1, 1)
    prediction = torch.tensor([-0.4, 0.4, 1.4, 0.6, -0.4, 1.4]).view(6, 1, 1, 1)
    errors = shown_error(prediction, target)
    assert errors.tolist() == pytest.approx([0.0004, 0.16, 0.0004, 0.16, 0.81, 0.81], rel=1e-5)
    assert mean_error("mse", errors).item() == pytest.approx(errors.mean().item(), rel=1e-5)


def test_a_margin_moves_the_aim_below_black_and_nowhere_else():
    target = torch.tensor([0.0, 0.0, 0.0, 0.5, 1.0]).view(5, 1, 1, 1)
    prediction = torch.tensor([0.0, -0.1, -0.3, 0.4, 0.9]).view(5, 1, 1, 1)
    errors = shown_error(prediction, target, margin=0.1)
    assert errors.tolist() == pytest.approx([0.01, 0.0, 0.0001, 0.01, 0.01], abs=1e-8)


def test_no_wrong_value_loses_its_gradient():
    target = torch.tensor([0.0, 0.0, 1.0, 1.0]).view(1, 1, 4, 1)
    prediction = torch.tensor([-3.0, 0.2, 4.0, 0.9]).view(1, 1, 4, 1).requires_grad_()
    for name in ("mse", "log_mse"):
        loss = mean_error(name, shown_error(prediction, target, margin=0.1))
        (gradient,) = torch.autograd.grad(loss, prediction)
        # Each one is pulled towards its target.
        assert ((gradient * (prediction - target)).detach() > 0).all()


def test_the_logarithmic_loss_is_the_mean_of_the_images_logarithms():
    target = torch.zeros(2, 1, 4, 4)
    prediction = torch.tensor([0.1, 0.5]).view(2, 1, 1, 1).expand_as(target)
    errors = shown_error(prediction, target)
    assert mean_error("log_mse", errors).item() == pytest.approx((math.log(0.01) + math.log(0.25)) / 2, rel=1e-4)
    assert mean_error("log_mse", shown_error(target, target)).isfinite()


def stroke(bead=0.0, slope=0.4, side=56):
    """A slanted stroke, four pixels wide, whose brightness may change along it."""
    y, x = torch.meshgrid(torch.arange(side) - side / 2, torch.arange(side) - side / 2, indexing="ij")
    across = (x + slope * y) / math.hypot(1, slope)
    along = (y - slope * x) / math.hypot(1, slope)
    return (torch.sigmoid(2 * (2 - across.abs())) * (1 - bead * (1 + torch.sin(along)) / 2))[None, None]


def test_a_step_varies_by_its_height_and_its_length():
    picture = torch.zeros(2, 1, 9, 11)
    picture[0, :, :, 5:] = 1
    picture[1, :, 4:, :] = 0.5
    assert variation(picture).tolist() == pytest.approx([8 / 80, 0.5 * 10 / 80], rel=1e-2)


@pytest.mark.parametrize("slope", [0, 0.4, 1, 2.5])
def test_beads_on_a_stroke_are_incoherent_and_the_stroke_itself_is_not(slope):
    smooth, beads = (incoherence(stroke(bead, slope)[..., 8:-8, 8:-8]).item() for bead in (0, 0.3))
    assert 0 <= smooth < 0.05 * beads


def test_incoherence_is_the_same_for_turned_pictures_and_for_equal_colours():
    picture = torch.rand(3, 1, 20, 20)
    expected = incoherence(picture)
    torch.testing.assert_close(incoherence(picture.mT), expected)
    torch.testing.assert_close(incoherence(picture.flip(-1)), expected)
    torch.testing.assert_close(incoherence(picture.expand(-1, 3, -1, -1)), expected)


def test_a_flat_picture_has_finite_gradients():
    picture = torch.full((1, 1, 8, 8), 0.5, requires_grad=True)
    (variation(picture) + incoherence(picture)).sum().backward()
    assert picture.grad.isfinite().all()
