import math

import pytest
import torch

from amortized_sr.training.losses import pixel_loss, shown_loss


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
    losses = [shown_loss("mse", prediction[i : i + 1], target[i : i + 1]).item() for i in range(6)]
    assert losses == pytest.approx([0.0004, 0.16, 0.0004, 0.16, 0.81, 0.81], rel=1e-5)
    assert shown_loss("mse", prediction, target).item() == pytest.approx(sum(losses) / 6, rel=1e-5)


def test_no_wrong_value_loses_its_gradient():
    target = torch.tensor([0.0, 0.0, 1.0, 1.0]).view(1, 1, 4, 1)
    prediction = torch.tensor([-3.0, 0.2, 4.0, 0.9]).view(1, 1, 4, 1).requires_grad_()
    for name in ("mse", "log_mse"):
        (gradient,) = torch.autograd.grad(shown_loss(name, prediction, target), prediction)
        # Each one is pulled towards its target.
        assert ((gradient * (prediction - target)).detach() > 0).all()


def test_the_logarithmic_loss_is_the_mean_of_the_images_logarithms():
    target = torch.zeros(2, 1, 4, 4)
    prediction = torch.tensor([0.1, 0.5]).view(2, 1, 1, 1).expand_as(target)
    assert shown_loss("log_mse", prediction, target).item() == pytest.approx(
        (math.log(0.01) + math.log(0.25)) / 2, rel=1e-4
    )
    assert shown_loss("log_mse", target, target).isfinite()
