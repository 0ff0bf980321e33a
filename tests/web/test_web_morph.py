"""Digits as codes, and pictures between them: the page's modules in node equal torch, and bad weights are refused."""

import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from node_driver import CORE, WEB, complaints_about, node, pictures, pixels_of
from PIL import Image
from torch import nn

from amortized_sr.autoencoder_config import AutoencoderConfig
from amortized_sr.coder import Coder
from amortized_sr.coords import WHOLE
from amortized_sr.decoders import GridDecoder
from amortized_sr.model_builder import build_autoencoder
from amortized_sr.weights import save_weights
from amortized_sr.weights_header import find_weights

# Places between two digits, sizes (height, width) and windows: enlarged, the frame's own size, shrunk, far in.
MORPHS = [
    (0.0, (112, 112), WHOLE),
    (0.25, (224, 224), WHOLE),
    (0.5, (28, 28), WHOLE),
    (0.75, (9, 13), WHOLE),
    (1.0, (100, 60), (-0.5, 0.1, 0.2, 0.15)),
]


def digit(number: int) -> Image.Image:
    """Return a digit of the page."""
    with Image.open(WEB / "examples" / "digits_28.png") as sheet:
        return sheet.crop((28 * number, 0, 28 * number + 28, 28))


def check_equal(weights: Path, digits: list[Image.Image], folder: Path) -> list[np.ndarray]:
    places = [pixels_of(one, folder / str(number)) for number, one in enumerate(digits)]
    morph = [[share, *size, window] for share, size, window in MORPHS]
    answer = node({"core": str(CORE), "weights": str(weights), "digits": places, "morph": morph})
    arrays = pictures(answer, [size for _, size, _ in MORPHS])

    coder = Coder.from_pretrained(weights, "cpu")
    codes = coder.encode(digits)
    for (share, size, window), array in zip(MORPHS, arrays, strict=True):
        (picture,) = coder.pictures(torch.lerp(codes[:1], codes[1:], share))
        expected = np.asarray(picture.render(size, window).convert("RGB")).astype(int)
        assert abs(array[..., :3] - expected).max() <= 1, (share, size)
        assert (array[..., 3] == 255).all()
    return arrays


@pytest.mark.parametrize("model", ["mnist-morph", "mnist-autoencoder"])
def test_pictures_between_two_digits_equal_those_of_torch(model, tmp_path):
    arrays = check_equal(find_weights(model), [digit(2), digit(7)], tmp_path)

    # The ends are the digits, roughly.
    assert (
        abs(np.asarray(Image.fromarray(arrays[0]).convert("L").resize((28, 28))) - np.asarray(digit(2), int)).mean()
        < 20
    )
    # What is drawn depends on the place.
    assert arrays[0][::4, ::4].astype(int).std() > 20


@pytest.mark.parametrize(
    "digits",
    [
        [Image.effect_noise((112, 112), 90), Image.effect_noise((40, 90), 90)],
        [Image.effect_noise((5, 3), 90), Image.radial_gradient("L").convert("RGB").rotate(9, fillcolor="orange")],
    ],
    ids=["larger", "smaller and coloured"],
)
def test_pictures_of_any_size_are_brought_to_the_frame_as_in_python(digits, tmp_path):
    check_equal(find_weights("mnist-morph"), digits, tmp_path)


@pytest.mark.parametrize(
    "settings",
    [
        {"decoder": "linear", "grid": 5, "decoder_blocks": 0, "frequencies": 1},
        {"decoder": "linear", "channels": 3, "frame": 30, "mean": 0.4},
        {"decoder": "modulated", "grid": 6, "rank": 3, "components": 0},
        {"decoder": "modulated", "grid": 1, "frame": 8, "channels": 3},
    ],
    ids=str,
)
def test_every_setting_of_the_autoencoder_equals_torch(settings, tmp_path):
    small = {
        "frame": 16,
        "code": 6,
        "encoder_width": 5,
        "hidden": 9,
        "grid": 2,
        "decoder_width": 7,
        "decoder_blocks": 1,
    }
    config = AutoencoderConfig(**{**small, "components": 2, "finest_cell": 0.2, "deviation": 0.3, **settings})
    model = build_autoencoder(config)
    assert isinstance(model.decoder, GridDecoder)
    nn.init.normal_(model.decoder.last.weight, std=0.3)
    save_weights(tmp_path / "model.safetensors", model.state_dict(), config, {})
    noise = np.random.default_rng(0).integers(0, 256, (2, 20, 14, 3), dtype=np.uint8)

    arrays = check_equal(tmp_path / "model.safetensors", [Image.fromarray(one) for one in noise], tmp_path)

    assert arrays[0][..., :3].astype(int).std() > 2


def test_the_sheet_holds_the_first_digit_of_each_kind_of_the_test_set(shared_data):
    images = read_idx(shared_data / "data" / "MNIST" / "raw" / "t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    labels = read_idx(shared_data / "data" / "MNIST" / "raw" / "t10k-labels-idx1-ubyte.gz", 8)

    for number in range(10):
        assert (np.asarray(digit(number)) == images[labels.tolist().index(number)]).all()


def read_idx(path: Path, start: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress(path.read_bytes())[start:], np.uint8)


# --- weights that are refused ---


def with_config(content: bytes, **settings: object) -> bytes:
    end = 8 + struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:end])
    facts = header["__metadata__"]
    header["__metadata__"] = {**facts, "config": json.dumps({**json.loads(facts["config"]), **settings})}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[end:]


REFUSED = {
    "an upscaler": (lambda good: find_weights("photo-tiny").read_bytes(), "hold an upscaler, and an autoencoder is"),
    "another decoder": (lambda good: with_config(good, decoder="film"), "the decoder film; this page runs linear"),
    "a grid of codes": (lambda good: with_config(good, code_grid=2), "code_grid 2; this page reads 1 only"),
    "a table of waves without end": (
        lambda good: with_config(good, decoder="modulated", grid=33),
        "grid 33, more than the 32",
    ),
    "a setting of upscalers": (lambda good: with_config(good, footprint="box"), "unknown setting footprint"),
    "no frame": (lambda good: with_config(good, frame=3), "frame 3, which no model has"),
    "another frame": (lambda good: with_config(good, frame=4), "has shape"),
    "too many numbers": (lambda good: with_config(good, code=65536), "numbers, more than 200000000"),
    "no mixture": (lambda good: with_config(good, components=0), "is not part of the model"),
    "another kind of unfolding": (lambda good: with_config(good, decoder="modulated"), "lack the tensor"),
    "a cut file": (lambda good: good[:-4], "its tensors end at byte"),
    "not a number": (lambda good: good[:-4] + b"\xff" * 4, "holds NaN or infinity"),
}


@pytest.fixture(scope="module")
def complaints(tmp_path_factory) -> dict[str, str | None]:
    """What the page says about each bad file, and about the good one that they were made from."""
    folder = tmp_path_factory.mktemp("weights")
    config = AutoencoderConfig(
        frame=8, code=6, encoder_width=4, hidden=8, grid=2, decoder_width=8, decoder_blocks=1, components=2
    )  # fmt: skip
    good = folder / "good.safetensors"
    save_weights(good, build_autoencoder(config).state_dict(), config, {})
    bad = {name: make(good.read_bytes()) for name, (make, _) in REFUSED.items()}
    return complaints_about(good, bad, kind="autoencoder")


def test_the_weights_that_the_bad_ones_were_made_from_are_read(complaints):
    assert complaints["good"] is None


@pytest.mark.parametrize("name", REFUSED)
def test_bad_weights_are_refused_with_a_sentence(complaints, name):
    sentence = complaints[name]
    assert sentence is not None
    assert REFUSED[name][1] in sentence
    assert sentence.endswith(".")
