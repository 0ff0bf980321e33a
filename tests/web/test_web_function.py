"""The page's modules in node: renderings equal torch's, and bad weights are refused with a sentence."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from node_driver import CORE, complaints_about, node, pictures, pixels_of
from PIL import Image
from torch import nn

from amortized_sr import Upscaler
from amortized_sr.coords import WHOLE
from amortized_sr.jpeg_strength import condition_of_step, step_of_quality
from amortized_sr.model_builder import build_model
from amortized_sr.model_config import ModelConfig
from amortized_sr.picture_tensor import tensor_to_picture
from amortized_sr.weights import save_weights
from amortized_sr.weights_header import find_weights

ROOT = Path(__file__).resolve().parents[2]

# Sizes (height, width) and windows: whole, enlarged, shrunk, along one axis only, far in, at edges, one pixel.
RENDERINGS = [
    ((256, 256), WHOLE),
    ((200, 310), WHOLE),
    ((20, 30), WHOLE),
    ((20, 200), WHOLE),
    ((200, 20), WHOLE),
    ((1, 1), WHOLE),
    ((64, 64), WHOLE),
    ((100, 300), (0.5, 0.5, 0.6, 1.0)),
    ((150, 150), (-1.0, -1.0, -0.9, -0.85)),
    ((77, 20), (0.123, -0.77, 0.8, 0.2)),
    ((150, 150), (0.501, 0.501, 0.502, 0.502)),
    ((120, 90), (-0.3, -0.2, 0.1, 0.4)),
]


def drawn(picture: Image.Image, weights: Path, folder: Path, side: int = 128, **more: object) -> list[np.ndarray]:
    renderings = [[*size, window, 0] for size, window in RENDERINGS]
    job = {"core": str(CORE), "weights": str(weights), "side": side, **pixels_of(picture, folder / "pixels")}
    return pictures(node({**job, "renderings": renderings, **more}), [size for size, _ in RENDERINGS])


def check_equal(arrays: list[np.ndarray], picture: Image.Image, weights: Path, noise: int = 0, jpeg: int = 0) -> None:
    function = Upscaler.from_pretrained(weights, "cpu", precision="fp32").encode(picture, noise=noise, jpeg=jpeg)
    for (size, window), array in zip(RENDERINGS, arrays, strict=True):
        expected = np.asarray(function.render(size, window).convert("RGB")).astype(int)
        difference = abs(array[..., :3] - expected)
        assert difference.max() <= 1, (size, window)
        assert (difference > 0).mean() < 0.005, (size, window)
        assert (array[..., 3] == 255).all()


@pytest.mark.parametrize("model", ["photo-tiny", "mnist"])
@pytest.mark.parametrize("name", ["kitten_64.png", "digit_28.png"])
def test_renderings_equal_those_of_torch(model, name, tmp_path):
    # A digit is grey: three equal channels. `mnist` draws the photograph's channels one by one.
    with Image.open(ROOT / "examples" / name) as picture:
        picture.load()

    check_equal(drawn(picture, find_weights(model), tmp_path), picture, find_weights(model))


@pytest.mark.parametrize(
    "settings",
    [
        {"footprint": "box", "neighbors": 4, "skip": "bicubic"},
        {"footprint": "box", "neighbors": 1, "skip": "bilinear"},
        {"footprint": "point", "neighbors": 1, "skip": "bicubic", "head_width": 0},
        {"footprint": "point", "neighbors": 4, "skip": "none", "frequencies": 0},
        {"footprint": "gauss", "neighbors": 4, "skip": "bilinear", "conditions": ("noise", "jpeg"), "channels": 1},
        {"footprint": "gauss", "neighbors": 1, "encoder_blocks": 0, "encoder_width": 5, "frequencies": 4},
        {"keeps_tone": True, "footprint": "gauss", "neighbors": 4},
        {"keeps_tone": True, "footprint": "box", "neighbors": 4},
        {"keeps_tone": True, "footprint": "point", "neighbors": 1},
        {"encoder": "hybrid", "encoder_blocks": 2, "half_width": 16, "half_blocks": 1, "conditions": ("noise",)},
        {"encoder": "hybrid", "encoder_blocks": 1, "encoder_width": 7, "half_width": 9, "half_blocks": 2},
        {"encoder": "hybrid", "encoder_blocks": 3, "half_width": 8, "half_blocks": 0, "channels": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_every_setting_of_the_field_equals_torch_and_tiles_leave_no_seam(settings, dtype, tmp_path):
    config = ModelConfig(**{"encoder_width": 12, "encoder_blocks": 1, "head_width": 10, "finest_cell": 0.2, **settings})
    model = build_model(config)
    for last in (model.head, getattr(model.head, "codes", model.head)):
        nn.init.normal_([*last.children()][-1].weight, std=0.1)
    save_weights(tmp_path / "model.safetensors", model.state_dict(), config, {}, dtype)
    values = np.random.default_rng(0).integers(0, 256, (11, 14, 3), dtype=np.uint8)
    picture = Image.fromarray(values)

    # Tiles smaller than their halo.
    arrays = drawn(picture, tmp_path / "model.safetensors", tmp_path, side=4)

    check_equal(arrays, picture, tmp_path / "model.safetensors")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("strengths", [{"noise": 15, "jpeg": 0}, {"noise": 1, "jpeg": 40}, {"jpeg": 100}], ids=str)
def test_a_model_with_dials_encodes_again_as_torch_does(channels, mode, strengths, tmp_path):
    config = ModelConfig(
        channels=channels, encoder_width=8, encoder_blocks=1, head_width=16, conditions=("noise", "jpeg")
    )  # fmt: skip
    model = build_model(config)
    for parameter in model.head.parameters():
        nn.init.normal_(parameter, std=0.1)
    path = tmp_path / "model.safetensors"
    save_weights(path, model.state_dict(), config, {})
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (11, 14, 3), dtype=np.uint8)).convert(mode)

    arrays = drawn(picture, path, tmp_path, side=4, before={"noise": 75, "jpeg": 5}, strengths=strengths)
    check_equal(arrays, picture, path, **strengths)

    # The dials change what is drawn, the image below the field too.
    untold = drawn(picture, path, tmp_path, side=4, before=strengths)
    check_equal(untold, picture, path)
    assert abs(untold[0].astype(int) - arrays[0]).max() > 8


@pytest.mark.parametrize("quality", [1, 3, 33, 49, 50, 51, 90, 100])
def test_qualities_mean_what_they_mean_in_python(quality):
    numbers = json.loads(node({"conditions": [{"noise": 30, "jpeg": quality}, {}]}))

    assert numbers[0] == pytest.approx([30 / 255, condition_of_step(step_of_quality(quality))], abs=1e-12)
    assert numbers[1] == [0, 0]


def test_left_of_the_split_is_the_interpolated_image(tmp_path):
    picture = Image.open(ROOT / "examples" / "kitten_64.png")
    job = {"core": str(CORE), "weights": str(find_weights("photo-tiny")), **pixels_of(picture, tmp_path / "pixels")}

    result = node({**job, "side": 128, "renderings": [[128, 128, WHOLE, 50]]})

    array = np.frombuffer(result, np.uint8).reshape(128, 128, 4)[..., :3].astype(int)
    function = Upscaler.from_pretrained(device="cpu", precision="fp32").encode(picture, noise="off", jpeg="off")
    ours = np.asarray(function.render((128, 128))).astype(int)
    assert function.function.base is not None
    bicubic = np.asarray(tensor_to_picture(function.function.base.render((128, 128)))).astype(int)
    assert abs(array - bicubic)[:, :50].max() <= 1
    assert abs(array - ours)[:, 50:].max() <= 1
    assert abs(ours - bicubic)[:, :50].max() > 8


def test_the_png_is_the_rendering(tmp_path):
    picture = Image.open(ROOT / "examples" / "kitten_64.png")
    path = tmp_path / "out.png"

    drawn(picture, find_weights("photo-tiny"), tmp_path, png={"path": str(path), "size": [201, 130], "step": 64})

    expected = np.asarray(
        Upscaler.from_pretrained(device="cpu", precision="fp32")
        .encode(picture, noise="off", jpeg="off")
        .render((201, 130))
    ).astype(int)
    with Image.open(path) as written:
        assert written.mode == "RGB"
        assert abs(np.asarray(written).astype(int) - expected).max() <= 1


def test_a_browser_without_simd_or_memory_gets_a_sentence(tmp_path):
    # A module with an instruction that no browser knows.
    (tmp_path / "unknown.wasm").write_bytes(b"\0asm\1\0\0\0\1\4\1\x60\0\0\3\2\1\0\12\5\1\3\0\xff\x0b")

    result = json.loads(node({"lacking": str(tmp_path / "unknown.wasm"), "core": str(CORE)}))

    assert "no WebAssembly with SIMD" in result[0]
    assert "not enough memory for this picture" in result[1]
    assert result[2:] == [True, True]


# --- weights that are refused ---


def file_of(header: object, data: bytes, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def changed(header: dict, name: str, **entries: object) -> dict:
    return {**header, name: {**header[name], **entries}}


def configured(header: dict, **settings: object) -> dict:
    config = {**json.loads(header["__metadata__"]["config"]), **settings}
    return changed(header, "__metadata__", config=json.dumps(config))


def without(header: dict, name: str) -> dict:
    return {key: value for key, value in header.items() if key != name}


REFUSED = {
    "an empty file": (lambda h, d: b"", "not a readable .safetensors file: it has 0 bytes"),
    "a picture": (lambda h, d: b"\x89PNG\r\n\x1a\n" + bytes(100), "its header would have"),
    "a header longer than the file": (lambda h, d: file_of(h, d, 10**7), "its header would have 10000000 bytes"),
    "a header of 2^63 bytes": (lambda h, d: file_of(h, d, 2**63), "its header would have"),
    "a header that is no JSON": (lambda h, d: file_of(b"{'a': 1}", d), "its header is not JSON"),
    "a header that is no UTF-8": (lambda h, d: file_of(b'{"\xff": 1}', d), "its header is not JSON"),
    "a header that is a list": (lambda h, d: file_of([], d), "its header is not an object"),
    "a tensor that is a number": (lambda h, d: file_of({**h, "mean": 1}, d), "mean has no place"),
    "a cut file": (lambda h, d: file_of(h, d[:-4]), "its tensors end at byte"),
    "more data than tensors": (lambda h, d: file_of(h, d + bytes(4)), "its tensors end at byte"),
    "places that overlap": (
        lambda h, d: file_of(changed(h, "mean", data_offsets=h["deviation"]["data_offsets"]), d),
        "leave a gap or overlap",
    ),
    "a place before the data": (lambda h, d: file_of(changed(h, "mean", data_offsets=[-4, 0]), d), "leave a gap"),
    "a place that is no number": (lambda h, d: file_of(changed(h, "mean", data_offsets=["0", 4]), d), "has no place"),
    "an infinite shape": (lambda h, d: file_of(changed(h, "mean", shape=[2**60]), d), "mean has shape"),
    "whole numbers": (lambda h, d: file_of(changed(h, "mean", dtype="I32"), d), "type I32; this page reads F32"),
    "a type of another size": (lambda h, d: file_of(changed(h, "mean", dtype="F16"), d), "mean has 4 bytes"),
    "a type named like a method": (lambda h, d: file_of(changed(h, "mean", dtype="toString"), d), "type toString"),
    "no configuration": (lambda h, d: file_of(without(h, "__metadata__"), d), "format_version undefined"),
    "a configuration that is no JSON": (
        lambda h, d: file_of(changed(h, "__metadata__", config="{"), d),
        "hold no configuration",
    ),
    "another version": (lambda h, d: file_of(changed(h, "__metadata__", format_version="2"), d), "format_version 2"),
    "an autoencoder": (lambda h, d: find_weights("mnist-autoencoder").read_bytes(), "hold an autoencoder, and an up"),
    "another field": (lambda h, d: file_of(configured(h, field="concat"), d), "the field concat; this page draws"),
    "another encoder": (lambda h, d: file_of(configured(h, encoder="span"), d), "the encoder span; this page runs"),
    "an unknown setting": (lambda h, d: file_of(configured(h, colour=1), d), "unknown setting colour"),
    "a setting named like a method": (lambda h, d: file_of(configured(h, toString=1), d), "unknown setting toString"),
    "a billion blocks": (lambda h, d: file_of(configured(h, encoder_blocks=10**9), d), "encoder_blocks 1000000000"),
    "half a block": (lambda h, d: file_of(configured(h, encoder_blocks=0.5), d), "encoder_blocks 0.5"),
    "too many numbers": (
        lambda h, d: file_of(configured(h, encoder_blocks=128, encoder_width=1024), d),
        "numbers, more than 200000000",
    ),
    "fewer blocks than tensors": (lambda h, d: file_of(configured(h, encoder_blocks=0), d), "is not part of the model"),
    "more blocks than tensors": (lambda h, d: file_of(configured(h, encoder_blocks=2), d), "lack the tensor"),
    "not a number": (lambda h, d: file_of(h, b"\xff" * len(d)), "holds NaN or infinity"),
}  # fmt: skip


@pytest.fixture(scope="module")
def complaints(tmp_path_factory) -> dict[str, str | None]:
    """What the page says about each bad file, and about the good one that they were made from."""
    folder = tmp_path_factory.mktemp("weights")
    config = ModelConfig(encoder_width=8, encoder_blocks=1, head_width=8)
    good = folder / "good.safetensors"
    save_weights(good, build_model(config).state_dict(), config, {})
    content = good.read_bytes()
    end = 8 + struct.unpack("<Q", content[:8])[0]
    header, data = json.loads(content[8:end]), content[end:]
    return complaints_about(good, {name: make(header, data) for name, (make, _) in REFUSED.items()})


def test_the_weights_that_the_bad_ones_were_made_from_are_read(complaints):
    assert complaints["good"] is None


@pytest.mark.parametrize("name", REFUSED)
def test_bad_weights_are_refused_with_a_sentence(complaints, name):
    sentence = complaints[name]
    assert sentence is not None
    assert REFUSED[name][1] in sentence
    assert sentence.endswith(".")
