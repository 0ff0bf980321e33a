import pytest
import torch

from amortized_sr.training.losses import pixel_loss


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
