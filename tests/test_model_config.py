import dataclasses

import pytest

from amortized_sr.model_builder import build_model
from amortized_sr.model_config import ModelConfig


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("encoder_width", 0),
        ("encoder_blocks", -1),
        ("head_width", 100_000),
        ("frequencies", 33),
        ("field_depth", 0),
        ("deviation", 0.0),
        ("mean", 1.5),
    ],
)
def test_values_that_no_model_can_have_are_refused_with_their_bounds(name, value):
    with pytest.raises(ValueError, match=rf"{name} must be between .* and .*, got {value}"):
        ModelConfig(**{name: value})


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"field": "film"}, "keeps_tone needs the field hyper, .* got film, 48 and 2; set it to false"),
        ({"head_width": 0}, "got hyper, 0 and 2"),
        ({"frequencies": 0}, "got hyper, 48 and 0"),
        ({"skip": "none"}, "leaves the tone to the interpolated image; set skip to bicubic or bilinear"),
    ],
)
def test_only_a_field_that_adds_to_an_image_can_keep_its_tone(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        ModelConfig(keeps_tone=True, **settings)


def test_a_configuration_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ModelConfig().channels = 1


@pytest.mark.parametrize("frequencies", [0, 1, 4])
def test_a_code_holds_one_weight_per_colour_and_product_of_functions(frequencies):
    model = build_model(ModelConfig(frequencies=frequencies, encoder_blocks=0, encoder_width=4))
    assert model.field.code_channels == 3 * (2 * frequencies + 1) ** 2


def test_without_a_head_width_a_single_convolution_makes_the_codes():
    assert len(list(build_model(ModelConfig(head_width=0, encoder_blocks=0)).head.children())) == 1
