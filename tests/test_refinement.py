import pytest
import torch
from torch import nn

from amortized_sr.autoencoder_config import AutoencoderConfig
from amortized_sr.coords import WHOLE
from amortized_sr.image_io import read_picture
from amortized_sr.metrics import lr_consistency, psnr
from amortized_sr.model_builder import build_autoencoder, build_model
from amortized_sr.model_config import ModelConfig
from amortized_sr.picture_tensor import add_conditions, picture_to_tensor
from amortized_sr.refinement import RefineSettings, refine, refine_code
from amortized_sr.weights import load_weights


@pytest.fixture(scope="module")
def model():
    return load_weights("photo-tiny").model


@pytest.fixture(scope="module")
def owl(pytestconfig):
    picture = read_picture(pytestconfig.rootpath / "examples" / "owl_32.png", background=(255, 255, 255))
    return picture_to_tensor(picture)


def test_a_refined_picture_shrunk_again_is_nearer_to_the_image(model, owl):
    history = []
    function = model.encode(owl)
    refined = refine(function, RefineSettings(steps=15), lambda step, ratio: history.append((step, ratio.item())))
    before, after = (lr_consistency(one.render((64, 64)), owl).item() for one in (function, refined))
    assert after > before + 1
    assert [step for step, _ in history] == list(range(15))
    assert history[-1][1] > history[0][1]


def test_refinement_changes_the_latent_only_and_leaves_what_it_was_given(model, owl):
    function = model.encode(owl)
    codes, weights = function.latent.codes.clone(), {name: value.clone() for name, value in model.state_dict().items()}
    refined = refine(function, RefineSettings(steps=2))
    assert torch.equal(function.latent.codes, codes)
    assert not torch.equal(refined.latent.codes, codes)
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    assert refined.field is function.field


def test_refinement_leaves_the_tone_to_the_base_image(owl):
    torch.manual_seed(0)
    model = build_model(ModelConfig(encoder_width=8, encoder_blocks=1, head_width=8, keeps_tone=True)).eval()
    codes = refine(model.encode(owl), RefineSettings(steps=3)).latent.codes.unflatten(1, (3, 25))
    assert codes[:, :, 0].abs().max() == 0
    assert codes[:, :, 1:].abs().min() > 0


def test_images_refined_together_equal_images_refined_alone(model, owl):
    images = torch.cat((owl, owl.flip(-1)))
    together = refine(model.encode(images), RefineSettings(steps=3)).render((40, 40))
    for index in range(2):
        alone = refine(model.encode(images[index : index + 1]), RefineSettings(steps=3)).render((40, 40))
        torch.testing.assert_close(together[index : index + 1], alone, atol=1e-4, rtol=0)


def test_a_corrected_image_is_what_refinement_reproduces():
    told = build_model(ModelConfig(encoder_width=8, encoder_blocks=1, conditions=("noise",)))
    torch.nn.init.constant_(told.head.correction.bias, 0.2)
    function = told.encode(add_conditions(torch.rand(1, 3, 12, 12), torch.tensor([[0.1]])))
    assert function.base.image.mean() > 0.6
    refined = refine(function, RefineSettings(steps=15))
    before, after = (lr_consistency(one.render((24, 24)), function.base.image).item() for one in (function, refined))
    assert after > before


def test_refinement_works_where_gradients_are_off(model, owl):
    with torch.inference_mode():
        refined = refine(model.encode(owl), RefineSettings(steps=1))
    assert refined.render((32, 32), WHOLE).isfinite().all()


@pytest.mark.parametrize(("name", "value"), [("steps", 0), ("scale", 1), ("learning_rate", -1.0)])
def test_senseless_settings_are_refused_with_their_value(name, value):
    with pytest.raises(ValueError, match=f"{name}.*got"):
        RefineSettings(**{name: value})


# --- codes of autoencoders ---


@pytest.fixture(scope="module")
def autoencoder():
    torch.manual_seed(0)
    built = build_autoencoder(AutoencoderConfig(code=16, encoder_width=4, hidden=16, decoder_width=8, components=0))
    nn.init.normal_(built.decoder.last.weight, std=0.1)
    return built.eval().requires_grad_(False)


def test_a_refined_code_draws_its_image_better(autoencoder):
    # One that the model can draw, in which many pixels are exactly 0.
    image, history = autoencoder.decode(torch.randn(1, 16)).render((28, 28)).clamp(0, 1), []
    before = autoencoder.decode(autoencoder.encode(image)).render((28, 28))
    settings = RefineSettings(steps=15, learning_rate=1.0)
    refined = refine_code(autoencoder, image, settings, lambda step, ratio: history.append(ratio.item()))
    after = refined.render((28, 28))
    ratios = [psnr(one.clamp(0, 1), image).item() for one in (before, after)]
    assert ratios[1] > ratios[0] + 1
    # The error is that of the picture that is shown, where the image is exactly 0 or 1.
    unclamped = -10 * (before - image).square().mean().log10().item()
    assert unclamped + 0.1 < history[0] <= ratios[0]
    assert len(history) == 15


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 28, 28), (1, 9, 40), (3, 60, 14)])
def test_codes_refined_together_equal_codes_refined_alone(autoencoder, shape):
    images = torch.rand(2, *shape)
    together = refine_code(autoencoder, images, RefineSettings(steps=3, learning_rate=0.1))
    assert together.size == shape[1:]
    drawn = together.render((20, 20))
    assert drawn.shape == (2, shape[0], 20, 20)
    for index in range(2):
        alone = refine_code(autoencoder, images[index : index + 1], RefineSettings(steps=3, learning_rate=0.1))
        torch.testing.assert_close(drawn[index : index + 1], alone.render((20, 20)), atol=1e-5, rtol=0)


def test_a_code_is_refined_where_gradients_are_off_and_the_weights_stay(autoencoder):
    before = {name: value.clone() for name, value in autoencoder.state_dict().items()}
    with torch.inference_mode():
        image = torch.rand(1, 1, 14, 14)
        plain = autoencoder.decode(autoencoder.encode(image)).render((28, 28))
        refined = refine_code(autoencoder, image, RefineSettings(steps=1)).render((28, 28))
    assert not torch.equal(refined, plain)
    torch.testing.assert_close(refined, plain, atol=0.1, rtol=0)
    assert all(torch.equal(value, before[name]) for name, value in autoencoder.state_dict().items())
