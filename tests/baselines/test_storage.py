import json
from typing import get_args

import pytest
import torch
from safetensors.torch import load_file, save_file

from amortized_sr.baselines.fitting import FitSettings, fit
from amortized_sr.baselines.storage import FORMAT_VERSION, FittedFileError, ModelWeightsError, load_fitted, save_fitted
from amortized_sr.choices import NetworkName
from amortized_sr.weights_header import bundled_models


@pytest.fixture
def saved(tmp_path):
    fitted = fit(torch.rand(1, 3, 6, 9), FitSettings(network="fourier", coords="centered", steps=2, region=2))
    path = tmp_path / "fitted.safetensors"
    save_fitted(path, fitted, {"psnr": 12.5})
    return path, fitted


@pytest.mark.parametrize("network", get_args(NetworkName))
def test_what_is_kept_draws_the_same_picture_bit_for_bit(tmp_path, network):
    fitted = fit(torch.rand(2, 1, 7, 5), FitSettings(network=network, coords="standardized", steps=3, seed=4))
    save_fitted(tmp_path / "f.safetensors", fitted, {})
    again = load_fitted(tmp_path / "f.safetensors")
    assert torch.equal(again.render((20, 13)), fitted.render((20, 13)))
    assert (again.size, again.channels) == ((7, 5), 1)


def test_region_and_coordinates_are_kept(saved):
    path, fitted = saved
    assert torch.equal(load_fitted(path).render((11, 8)), fitted.render((11, 8)))


def rewrite(path, **changes):
    settings = {"network": "fourier", "coords": "centered", "region": 2, "size": [6, 9], "channels": 3} | changes
    save_file(load_file(path), path, {"format_version": FORMAT_VERSION, "settings": json.dumps(settings), "fit": "{}"})


@pytest.mark.parametrize(
    "changes",
    [
        {"network": "siren"},
        {"network": "resnet"},
        {"coords": "polar"},
        {"region": 0},
        {"region": 10**9},
        {"size": [6, 10**9]},
        {"size": [30, 90]},
        {"size": 5},
        {"channels": 4},
    ],
)
def test_a_header_that_does_not_fit_its_tensors_is_refused(saved, changes):
    rewrite(saved[0])
    load_fitted(saved[0])
    rewrite(saved[0], **changes)
    with pytest.raises(FittedFileError, match="the header does not fit the tensors"):
        load_fitted(saved[0])


def test_other_files_are_refused_with_what_they_are(tmp_path, saved):
    with pytest.raises(FittedFileError, match="no such file"):
        load_fitted(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("no tensors")
    with pytest.raises(FittedFileError, match="not a readable"):
        load_fitted(tmp_path / "text.safetensors")
    with pytest.raises(ModelWeightsError, match="holds the weights of a model, not a fitted image"):
        load_fitted(bundled_models()["mnist"])
    save_file(load_file(saved[0]), tmp_path / "other.safetensors", {"format_version": "fitted-0"})
    with pytest.raises(FittedFileError, match="format_version is 'fitted-0'"):
        load_fitted(tmp_path / "other.safetensors")
    tensors = load_file(saved[0])
    tensors["biases.1"][0] = torch.nan
    save_file(tensors, saved[0])
    rewrite(saved[0])
    with pytest.raises(FittedFileError, match="NaN"):
        load_fitted(saved[0])
