from typing import get_args

import pytest
import torch

from amortized_sr import Upscaler
from amortized_sr.baselines.fitting import FitSettings
from amortized_sr.benchmark.evaluation import evaluate
from amortized_sr.benchmark.faults import CLEAN, Faults
from amortized_sr.benchmark.machine import describe_machine, peak_memory
from amortized_sr.benchmark.methods import MethodError, MethodSettings, method, render_on_cpu
from amortized_sr.choices import Interpolation, NetworkName
from amortized_sr.refinement import RefineSettings

QUICK = MethodSettings(fit=FitSettings(steps=2, region=1), refine=RefineSettings(steps=1))


@pytest.mark.parametrize(
    "name",
    [
        *get_args(Interpolation),
        *("fit", *(f"fit:{network}" for network in get_args(NetworkName))),
        *("amortized", "amortized:mnist", "amortized+refine", "amortized:mnist+refine"),
        *("amortized+tta", "amortized:mnist+tta+refine"),
    ],
)
def test_every_method_renders_any_size(name):
    images = torch.rand(2, 3, 6, 7)
    made = method(name, QUICK).make(images, CLEAN)
    rendered = render_on_cpu(made.function, (13, 9))
    assert rendered.shape == (2, 3, 13, 9)
    assert rendered.isfinite().all()
    assert (made.parameters == 0) == (name in get_args(Interpolation))


def test_parameters_are_those_of_one_images_function():
    counts = {method("fit:notebook", QUICK).make(torch.rand(count, 1, 5, 5), CLEAN).parameters for count in (1, 3)}
    # 2 -> 20, seven times 20 -> 20, 20 -> 1, with biases.
    assert counts == {2 * 20 + 20 + 7 * (400 + 20) + 20 + 1}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "cubic",
            "fit:mlp",
            "fit:",
            "siren",
            "amortized:",
            "amortized+",
            "amortized+refine+tta",
            "bicubic+refine",
            "bm3d+bicubic",
            "amortized+tta+auto",
            "",
        ),
        *("autoencoder:", "autoencoders", "pca", "pca:", "pca:x", "pca:-1", "pca:64+refine"),
    ],
)
def test_unknown_methods_are_refused_with_those_there_are(name):
    with pytest.raises(ValueError, match=r"no method .*; there are nearest"):
        method(name, QUICK)


def test_the_numbers_of_an_image_are_those_that_stand_for_it(digit_autoencoder):
    grey, colour = torch.rand(2, 1, 8, 8), torch.rand(2, 3, 8, 8)
    training = torch.rand(30, 1, 28, 28)

    def numbers(name, images):
        return method(name, QUICK, lambda: training).make(images, CLEAN).numbers

    assert [numbers("bicubic", images) for images in (grey, colour)] == [64, 192]
    assert numbers("fit:notebook", grey) == method("fit:notebook", QUICK).make(grey, CLEAN).parameters
    # 7x7 weights of the `mnist` field for each pixel, and the image below.
    assert numbers("amortized:mnist", grey) == 64 * (49 + 1)
    # A grey model sees three grey images.
    for refined in ("", "+refine"):
        name = f"autoencoder:{digit_autoencoder}{refined}"
        assert [numbers(name, images) for images in (grey, colour)] == [16, 48]
    assert [numbers("pca:5", images) for images in (grey, colour)] == [5, 15]


def test_a_refined_autoencoder_draws_another_picture(digit_autoencoder):
    images = torch.rand(2, 3, 8, 9)
    names = (f"autoencoder:{digit_autoencoder}", f"autoencoder:{digit_autoencoder}+refine")
    plain, refined = (render_on_cpu(method(name, QUICK).make(images, CLEAN).function, (13, 9)) for name in names)
    assert plain.shape == refined.shape == (2, 3, 13, 9)
    assert 0 < (plain - refined).abs().max() < 0.1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pca:4", "needs the training images of a data set"),
        ("autoencoder:mnist", "holds no autoencoder; name the method amortized:mnist"),
        ("amortized:SMALL", "holds an autoencoder; name the method autoencoder:"),
        ("autoencoder:SMALL+tta", "an autoencoder has no self-ensemble; leave .tta out"),
        ("amortized+auto", "measures the noise for a model that reads it, and photo-tiny does not; omit .auto"),
    ],
)
def test_methods_that_lack_what_they_need_are_refused_with_the_remedy(name, words, digit_autoencoder):
    with pytest.raises(MethodError, match=words):
        method(name.replace("SMALL", str(digit_autoencoder)), QUICK)


def drawn(name, images, faults, settings=QUICK):
    return render_on_cpu(method(name, settings).make(images, faults).function, images.shape[-2:])


def test_a_model_is_told_the_strengths_that_it_reads_or_measures_the_noise(told_weights):
    images = torch.full((1, 3, 64, 64), 0.5) + 25 / 255 * torch.randn(1, 3, 64, 64)
    name = f"amortized:{told_weights}"
    upscaler = Upscaler.from_pretrained(told_weights, precision="fp32")

    def expected(noise, jpeg):
        return upscaler.encode(images, noise=noise, jpeg=jpeg).render((64, 64))

    assert torch.equal(drawn(name, images, CLEAN), expected("off", "off"))
    assert torch.equal(drawn(name, images, Faults(25.0, 40)), expected(25, 40))
    assert torch.equal(drawn(f"{name}+auto", images, Faults(25.0)), expected("auto", "off"))
    assert not torch.equal(expected("auto", "off"), expected("off", "off"))
    # A model that reads nothing draws the noise that it sees.
    assert torch.equal(drawn("amortized", images, Faults(25.0, 40)), drawn("amortized", images, CLEAN))


def test_strong_noise_is_no_mistake_of_units(told_weights):
    bright = 1 + 75 / 255 * torch.randn(1, 3, 32, 32)
    bright[0, 0, 0, 0] = 2.4
    assert drawn(f"amortized:{told_weights}", bright, Faults(75.0)).isfinite().all()


def test_unknown_weights_are_refused_with_those_there_are():
    with pytest.raises(ValueError, match="no weights named 'tiny'; bundled are"):
        method("amortized:tiny", QUICK)


@pytest.mark.slow
def test_an_evaluation_says_what_it_cost():
    image = torch.rand(2, 1, 8, 8)
    result = evaluate(method("bicubic", QUICK), image, torch.rand(2, 1, 16, 16), (16, 16), "plain")
    assert len(result.predictions) == 2
    for prediction in result.predictions:
        assert prediction.encode_seconds > 0
        assert prediction.draw_seconds > 0
    seconds = [prediction.encode_seconds + prediction.draw_seconds for prediction in result.predictions]
    assert seconds == pytest.approx([result.seconds] * 2)
    for prediction in result.predictions:
        assert prediction.picture.min() >= 0
        assert prediction.picture.max() <= 1


@pytest.mark.slow
def test_peak_memory_sees_what_is_gone_again():
    with peak_memory() as peak:
        block = torch.ones(20, 1024, 1024)
        del block
    if peak.mebibytes is None:
        pytest.skip("this system cannot reset its memory mark")
    assert 60 < peak.mebibytes < 400


def test_the_machine_has_a_name():
    assert torch.__version__ in describe_machine()
