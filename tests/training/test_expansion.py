import torch
from torch import nn
from torch.nn.utils import parametrize

from amortized_sr.model_builder import build_model
from amortized_sr.model_config import ModelConfig
from amortized_sr.training.expansion import expand_convolutions, merge_convolutions, merged_state
from amortized_sr.training.super_resolution import SuperResolutionTask

SMALL = ModelConfig(channels=1, encoder_width=4, encoder_blocks=1, head_width=6, frequencies=1)


def test_an_expanded_convolution_starts_as_what_it_was():
    model, image = build_model(SMALL), torch.rand(1, 1, 6, 6)
    before = model(image, (13, 11))
    expand_convolutions(model, 2)
    torch.testing.assert_close(model(image, (13, 11)), before)


def test_the_chain_is_the_chain_of_its_convolutions():
    convolution = nn.Conv2d(3, 5, 3, bias=False)
    expand_convolutions(convolution, 2)
    direct, contract, middle, expand = (
        getattr(convolution.parametrizations.weight, f"original{index}") for index in range(4)
    )
    assert middle.shape == (10, 6, 3, 3)
    image = torch.rand(2, 3, 8, 8)
    wide = nn.functional.conv2d(nn.functional.conv2d(image, expand[..., None, None]), middle)
    chained = nn.functional.conv2d(wide, contract[..., None, None])
    torch.testing.assert_close(convolution(image), nn.functional.conv2d(image, direct) + chained)


def test_merging_leaves_the_plain_model_and_what_it_draws():
    model, image = build_model(SMALL), torch.rand(1, 1, 6, 6)
    names = list(model.state_dict())
    expand_convolutions(model, 3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    drawn = model(image, (12, 12))
    merge_convolutions(model)
    assert not any(parametrize.is_parametrized(part) for part in model.modules())
    assert sorted(model.state_dict()) == sorted(names)
    torch.testing.assert_close(model(image, (12, 12)), drawn)


def test_every_link_gets_a_gradient():
    task = SuperResolutionTask(SMALL, expansion=2)
    with torch.no_grad():
        # The last layer starts near zero, which would leave next to nothing for the others.
        [*task.model.head.children()][-1].weight.normal_()
    task.model(torch.rand(1, 1, 6, 6), (9, 9)).square().mean().backward()
    assert sum("original" in name for name, _ in task.named_parameters()) == 4 * 5
    for name, parameter in task.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_a_trained_state_is_merged_for_users():
    task = SuperResolutionTask(SMALL, expansion=2)
    image = torch.rand(1, 1, 7, 5)
    plain = build_model(SMALL)
    plain.load_state_dict(merged_state(SMALL, 2, task.model.state_dict()))
    torch.testing.assert_close(plain(image, (14, 10)), task.model(image, (14, 10)))
