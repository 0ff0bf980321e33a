import pytest
import torch

from amortized_sr.baselines.principal_components import PrincipalComponents
from amortized_sr.data.mnist import read_mnist
from amortized_sr.metrics import psnr


def test_images_in_a_plane_need_two_components():
    base, first, second = torch.rand(1, 36), torch.rand(1, 36), torch.rand(1, 36)
    images = base + torch.rand(50, 1) * first + torch.rand(50, 1) * second
    images = (images / images.max()).unflatten(1, (1, 6, 6))
    errors = [
        (PrincipalComponents.of(images, count).reconstruct(images).image - images).abs().max().item()
        for count in (1, 2, 36)
    ]
    assert errors[0] > 0.05
    assert errors[1] < 1e-5
    assert errors[2] < 1e-5


def test_more_components_than_pixels_or_images_are_refused_with_the_number():
    for count in (0, 5, 10):
        with pytest.raises(ValueError, match=f"from 1 to 4, got {count}"):
            PrincipalComponents.of(torch.zeros(4, 1, 3, 3), count)


@pytest.mark.slow
def test_digits_have_the_known_errors(shared_data):
    train, targets = (
        torch.stack([torch.from_numpy(store[index].copy()).permute(2, 0, 1) for index in range(len(store))]) / 255
        for store in (read_mnist(shared_data / "data", train) for train in (True, False))
    )
    # Computed with scikit-learn on the same digits.
    for count, known in ((16, 16.31), (32, 18.56), (64, 21.49), (128, 25.11)):
        drawn = PrincipalComponents.of(train, count).reconstruct(targets).image
        assert psnr(drawn.clamp(0, 1), targets).mean().item() == pytest.approx(known, abs=0.02)
