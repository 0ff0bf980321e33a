"""The engine without torch draws what torch draws."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file, save_file
from torch import nn

from amortized_sr.compute import Compute
from amortized_sr.model_builder import build_model
from amortized_sr.model_config import ModelConfig
from amortized_sr.pictures.conversion import Drawing
from amortized_sr.pictures.drawing import draw
from amortized_sr.runtime.engine import NumpyEngine
from amortized_sr.runtime.images import TorchNeededError
from amortized_sr.runtime.weights import expected_shapes
from amortized_sr.strength import Strength
from amortized_sr.upscaler import Upscaler
from amortized_sr.weights import load_weights, save_weights
from amortized_sr.weights_header import WeightsError

pytestmark = pytest.mark.usefixtures("folder")

SMALL = ModelConfig(encoder_width=8, encoder_blocks=2, head_width=16)
CONFIGS = {
    "hybrid": dataclasses.replace(SMALL, encoder="hybrid", encoder_blocks=3, half_width=12, half_blocks=2),
    "span": dataclasses.replace(SMALL, encoder="span"),
    "no blocks, one layer in the head": dataclasses.replace(SMALL, encoder_blocks=0, head_width=0),
    "points, one neighbour": dataclasses.replace(SMALL, footprint="point", neighbors=1, skip="none"),
    "grey, bilinear": dataclasses.replace(SMALL, channels=1, skip="bilinear", frequencies=3),
    "kept tone": dataclasses.replace(SMALL, keeps_tone=True),
    "kept tone, points": dataclasses.replace(SMALL, keeps_tone=True, footprint="point", neighbors=1),
    "no sinusoids": dataclasses.replace(SMALL, frequencies=0),
}
TOLD = {
    "noise and jpeg": dataclasses.replace(SMALL, conditions=("noise", "jpeg")),
    "grey": dataclasses.replace(SMALL, conditions=("jpeg",), channels=1, head_width=0),
    "nothing below": dataclasses.replace(SMALL, conditions=("noise",), skip="none"),
    "hybrid": dataclasses.replace(CONFIGS["hybrid"], conditions=("noise", "jpeg")),
}


def weights_of(config: ModelConfig, path: Path) -> Path:
    """A random model whose codes show in 8 bits."""
    model = build_model(config)
    # The last layer of the codes, and the correction.
    for layer in [layer for layer in model.head.modules() if isinstance(layer, nn.Conv2d)][-2:]:
        nn.init.normal_(layer.weight, std=0.1)
    save_weights(path, model.state_dict(), config, {})
    return path


def pixels_of(height: int, width: int, channels: int, dtype: str = "uint8") -> np.ndarray:
    """A smooth picture with noise, whose alpha, if it has one, runs from nothing to all."""
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(0).random((height, width, channels))
    values = (np.sin(y / 3)[..., None] + np.cos(x / 5)[..., None] + 2) / 4 * 0.8 + 0.2 * noise
    if channels in (2, 4):
        values[..., -1] = np.linspace(-1, 2, height * width).reshape(height, width).clip(0, 1)
    return (values * np.iinfo(dtype).max).astype(dtype)


def differences(weights: str | Path, pixels: np.ndarray, size: tuple[int, int], **drawing: object) -> np.ndarray:
    """How far the two engines are apart, in steps of the depth."""
    engines = (
        NumpyEngine.from_pretrained(weights, Compute("cpu")),
        Upscaler.from_pretrained(weights, "cpu", precision="fp32"),
    )
    drawn = [np.concatenate(list(draw(engine, pixels, size, Drawing(**drawing)))) for engine in engines]
    assert drawn[0].shape[:2] == size
    assert drawn[0].dtype == drawn[1].dtype
    return np.abs(drawn[0].astype(int) - drawn[1])


def assert_equal_but_for_roundings(steps: np.ndarray, deep: bool = False) -> None:
    """At most one step, in a ten-thousandth of the values and three more; a step of 16 bits is a 257th of one of 8."""
    assert steps.max() <= 1
    assert (steps > 0).sum() <= (0.05 if deep else 1e-4) * steps.size + 3


@pytest.mark.parametrize("model", ["photo-tiny", "mnist"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("shape", "size"),
    [((1, 1), (3, 5)), ((1, 9), (8, 72)), ((13, 21), (13, 21)), ((24, 17), (89, 63)), ((20, 30), (9, 80))],
)
def test_pixels_are_those_of_torch(model, channels, shape, size):
    assert_equal_but_for_roundings(differences(model, pixels_of(*shape, channels), size))


@pytest.mark.parametrize("channels", [1, 4])
def test_sixteen_bits_are_those_of_torch(channels):
    steps = differences("photo-tiny", pixels_of(16, 11, channels, "uint16"), (64, 44))

    assert_equal_but_for_roundings(steps, deep=True)


@pytest.mark.parametrize("drawing", [{"tone_gamma": 0.45}, {"neutral": True}, {"background": (9, 99, 199)}], ids=str)
def test_tones_neutral_pictures_and_backgrounds_are_those_of_torch(drawing):
    assert_equal_but_for_roundings(differences("photo-tiny", pixels_of(12, 12, 4), (30, 31), **drawing))


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_every_model_that_it_has_is_drawn_as_by_torch(config):
    weights = weights_of(config, Path("model.safetensors"))

    steps = differences(weights, pixels_of(19, 23, 3), (50, 83))

    assert_equal_but_for_roundings(steps)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("strength", [Strength(), Strength(noise=25.0, jpeg_step=12.5)], ids=["clean", "faulty"])
@pytest.mark.parametrize("config", TOLD.values(), ids=TOLD)
def test_strengths_and_corrections_are_those_of_torch(config, strength, channels):
    weights = weights_of(config, Path("model.safetensors"))

    steps = differences(weights, pixels_of(13, 18, channels), (39, 40), strength=strength)

    assert_equal_but_for_roundings(steps)


def test_the_strength_is_seen():
    # The test above can fail.
    engine = NumpyEngine.from_pretrained(weights_of(TOLD["hybrid"], Path("model.safetensors")), Compute())
    strengths = Strength(), Strength(noise=25.0)
    one, other = (next(draw(engine, pixels_of(9, 9, 3), (9, 9), Drawing(strength=s))).astype(int) for s in strengths)

    assert np.abs(one - other).max() > 1


def test_strips_of_a_large_picture_have_no_seams():
    assert_equal_but_for_roundings(differences("photo-tiny", pixels_of(40, 12, 3), (1200, 500)))


def test_other_weights_are_seen():
    # The tests above can fail.
    pixels = pixels_of(16, 16, 3)
    engines = (NumpyEngine.from_pretrained(name, Compute()) for name in ("photo-tiny", "mnist"))
    one, other = (next(draw(engine, pixels, (64, 64))).astype(int) for engine in engines)

    with pytest.raises(AssertionError):
        assert_equal_but_for_roundings(np.abs(one - other))


@pytest.mark.parametrize(
    "config",
    [ModelConfig(), *CONFIGS.values(), *TOLD.values()],
    ids=["default", *CONFIGS, *(f"told {n}" for n in TOLD)],
)
def test_expected_tensors_are_those_of_the_model(config):
    with torch.device("meta"):
        state = build_model(config).state_dict()

    assert expected_shapes(config) == {name: tuple(tensor.shape) for name, tensor in state.items()}


@pytest.mark.parametrize("damage", ["missing", "extra", "shape", "nan", "integers", "cut"])
def test_damaged_weights_are_refused_with_the_words_of_torch(damage):
    path = weights_of(SMALL, Path("model.safetensors"))
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length)
    tensors, name = load_file(path), "encoder.last.bias"
    if damage == "missing":
        del tensors[name]
    elif damage == "extra":
        tensors["more"] = np.zeros(3, np.float32)
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-9])
    else:
        changed = {
            "shape": np.zeros(9, np.float32),
            "nan": np.full(8, np.nan, np.float32),
            "integers": np.zeros(8, int),
        }
        tensors[name] = changed[damage]
    if damage != "cut":
        save_file(tensors, path, json.loads(header)["__metadata__"])

    with pytest.raises(WeightsError) as by_torch:
        load_weights(path)
    with pytest.raises(WeightsError) as by_numpy:
        NumpyEngine.from_pretrained(path, Compute())

    if damage != "integers":
        assert str(by_numpy.value) == str(by_torch.value)


@pytest.mark.parametrize(
    ("changes", "compute", "said"),
    [
        ({"field": "concat"}, {}, "has the field hyper, not concat"),
        ({"footprint": "box"}, {}, "has the footprints point and gauss, not box"),
        ({}, {"device": "cuda"}, "computes on the CPU, not on cuda"),
        ({}, {"precision": "bf16"}, "computes in fp32, not in bf16"),
    ],
    ids=str,
)
def test_what_it_lacks_is_a_sentence(changes, compute, said):
    path = weights_of(dataclasses.replace(SMALL, **changes), Path("model.safetensors"))

    with pytest.raises(TorchNeededError, match=r"the engine numpy ") as error:
        NumpyEngine.from_pretrained(path, Compute(**compute))
    assert said in str(error.value)


@pytest.mark.slow
def test_a_process_that_draws_with_numpy_loads_no_torch_and_writes_the_same():
    Image.fromarray(pixels_of(30, 40, 4)).save("a.png")
    code = (
        "import sys; from amortized_sr.cli import main\n"
        "try: main(['upscale', 'a.png', '-s', '3.7', '-o', 'numpy.png'])\n"
        "except SystemExit as left: sys.exit(left.code or 'torch' in sys.modules or 'tifffile' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

    drawn = next(
        draw(Upscaler.from_pretrained("photo-tiny", "cpu", precision="fp32"), pixels_of(30, 40, 4), (111, 148))
    )

    with Image.open("numpy.png") as written:
        assert_equal_but_for_roundings(np.abs(np.asarray(written).astype(int) - drawn))
