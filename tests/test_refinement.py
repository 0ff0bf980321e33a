import pytest
import torch

from amortized_sr.coords import WHOLE
from amortized_sr.image_io import read_picture
from amortized_sr.metrics import lr_consistency
from amortized_sr.picture_tensor import picture_to_tensor
from amortized_sr.refinement import RefineSettings, refine
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


def test_images_refined_together_equal_images_refined_alone(model, owl):
    images = torch.cat((owl, owl.flip(-1)))
    together = refine(model.encode(images), RefineSettings(steps=3)).render((40, 40))
    for index in range(2):
        alone = refine(model.encode(images[index : index + 1]), RefineSettings(steps=3)).render((40, 40))
        torch.testing.assert_close(together[index : index + 1], alone, atol=1e-4, rtol=0)


def test_refinement_works_where_gradients_are_off(model, owl):
    with torch.inference_mode():
        refined = refine(model.encode(owl), RefineSettings(steps=1))
    assert refined.render((32, 32), WHOLE).isfinite().all()


@pytest.mark.parametrize(("name", "value"), [("steps", 0), ("scale", 1), ("learning_rate", -1.0)])
def test_senseless_settings_are_refused_with_their_value(name, value):
    with pytest.raises(ValueError, match=f"{name}.*got"):
        RefineSettings(**{name: value})
