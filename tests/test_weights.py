import dataclasses
import hashlib
import json
import pickle
import resource
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from amortized_sr.autoencoder_config import AutoencoderConfig
from amortized_sr.choices import DecoderName, FieldName
from amortized_sr.model_builder import build, build_model
from amortized_sr.model_config import ModelConfig
from amortized_sr.weights import load_weights, save_weights
from amortized_sr.weights_header import Config, WeightsError, bundled_models, find_weights, sha256

IMAGE = torch.linspace(0, 1, 3 * 6 * 5).reshape(1, 3, 6, 5)


SMALL_AUTOENCODER = AutoencoderConfig(
    channels=3, code=8, encoder_width=4, hidden=8, decoder_width=8, rank=3, functions=6, field_width=8, components=3
)


def random_model(config: Config) -> nn.Module:
    model = build(config)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.1)
    return model.eval()


@torch.inference_mode()
def drawing(model: nn.Module) -> Tensor:
    return model(IMAGE, (17, 20))


def refusal(source: str | Path) -> str:
    """The sentence with which a source of weights is refused."""
    with pytest.raises(WeightsError) as caught:
        load_weights(source)
    message = str(caught.value)
    assert "\n" not in message
    return message


def header_of(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata())


def with_tensors(path: Path, **changes: Tensor | None) -> Path:
    """Write the file again with some tensors replaced, added or, for None, left out."""
    tensors = {**load_file(path), **{name.replace("__", "."): tensor for name, tensor in changes.items()}}
    save_file({name: tensor for name, tensor in tensors.items() if tensor is not None}, path, header_of(path))
    return path


def with_header(path: Path, **changes: str | None) -> Path:
    """Write the file again with some entries of the header replaced, added or, for None, left out."""
    header = {**header_of(path), **changes}
    save_file(load_file(path), path, {name: text for name, text in header.items() if text is not None})
    return path


def with_config(path: Path, **changes: Any) -> Path:
    """Write the file again with some settings replaced or added."""
    return with_header(path, config=json.dumps({**json.loads(header_of(path)["config"]), **changes}))


class TouchWhenLoaded:
    """Unpickling it creates a file, as an attacker's code would do worse."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.canary), "w")


# --- what is saved comes back ---


@pytest.mark.parametrize("field", get_args(FieldName))
@pytest.mark.parametrize("channels", [1, 3])
def test_a_loaded_model_draws_bit_for_bit_what_the_saved_one_did(tmp_path, small_config, field, channels):
    config = dataclasses.replace(small_config, field=field, channels=channels, field_width=8, field_depth=2)
    model = random_model(config)

    save_weights(tmp_path / "a.safetensors", model.state_dict(), config, {})

    assert torch.equal(drawing(load_weights(tmp_path / "a.safetensors").model), drawing(model))


@pytest.mark.parametrize("decoder", get_args(DecoderName))
def test_a_loaded_autoencoder_draws_bit_for_bit_what_the_saved_one_did(tmp_path, decoder):
    config = dataclasses.replace(SMALL_AUTOENCODER, decoder=decoder)
    model = random_model(config)
    assert model.prior is not None
    for buffer in model.prior.buffers():
        nn.init.uniform_(buffer)

    save_weights(tmp_path / "a.safetensors", model.state_dict(), config, {})
    loaded = load_weights(tmp_path / "a.safetensors")

    assert loaded.config == config
    assert torch.equal(drawing(loaded.model), drawing(model))
    assert torch.equal(loaded.model.prior.sample(5, seed=1), model.prior.sample(5, seed=1))


@pytest.mark.slow
def test_a_fresh_process_draws_bit_for_bit_what_the_saved_model_did(tmp_path, small_config):
    model = random_model(small_config)
    save_weights(tmp_path / "a.safetensors", model.state_dict(), small_config, {})
    torch.save(IMAGE, tmp_path / "image.pt")
    script = (
        "import torch; from amortized_sr.weights import load_weights\n"
        "with torch.inference_mode():\n"
        "    drawing = load_weights('a.safetensors').model(torch.load('image.pt'), (17, 20))\n"
        "torch.save(drawing, 'drawing.pt')"
    )

    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)

    assert torch.equal(torch.load(tmp_path / "drawing.pt"), drawing(model))


def test_a_loaded_model_is_ready_for_evaluation(small_weights):
    model = load_weights(small_weights).model

    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_the_configuration_comes_back(small_weights, small_config):
    assert load_weights(small_weights).config == small_config


def test_the_training_facts_come_back(tmp_path, small_config):
    facts = {"data": "mnist", "steps": 1000, "seed": 0, "metrics": {"psnr": 30.5}, "versions": {"torch": "2.10"}}

    save_weights(tmp_path / "a.safetensors", build_model(small_config).state_dict(), small_config, facts)

    assert load_weights(tmp_path / "a.safetensors").facts == facts


def test_the_header_can_be_read_without_this_package(tmp_path, small_config):
    save_weights(tmp_path / "a.safetensors", build_model(small_config).state_dict(), small_config, {"steps": 7})

    header = header_of(tmp_path / "a.safetensors")

    assert header["format_version"] == "1"
    assert json.loads(header["config"]) == json.loads(json.dumps(dataclasses.asdict(small_config)))
    assert json.loads(header["training"]) == {"steps": 7}


def test_weights_of_half_precision_are_loaded_in_float32(small_weights):
    halves = {name: tensor.half() for name, tensor in load_file(small_weights).items()}
    save_file(halves, small_weights, header_of(small_weights))

    state = load_weights(small_weights).model.state_dict()

    assert {tensor.dtype for tensor in state.values()} == {torch.float32}
    assert all(torch.equal(state[name], tensor.float()) for name, tensor in halves.items())


@pytest.mark.parametrize("decoder", get_args(DecoderName))
def test_half_precision_takes_half_the_room_and_is_loaded_in_float32(tmp_path, decoder):
    config = dataclasses.replace(SMALL_AUTOENCODER, decoder=decoder, hidden=200)
    model = random_model(config)
    for path, dtype in ((tmp_path / "a.safetensors", torch.float32), (tmp_path / "b.safetensors", torch.float16)):
        save_weights(path, model.state_dict(), config, {}, dtype)

    whole, half = (load_weights(tmp_path / name) for name in ("a.safetensors", "b.safetensors"))

    assert half.path.stat().st_size < 0.6 * whole.path.stat().st_size
    for name, tensor in half.model.state_dict().items():
        assert torch.equal(tensor, whole.model.state_dict()[name].half().float())
    # Eleven bits of each weight stay; the numbers of both pictures are of the order of 1.
    assert 0 < (drawing(half.model) - drawing(whole.model)).abs().max() < 0.02


def test_half_precision_that_cannot_hold_a_weight_is_refused_and_the_old_file_stays(small_weights, small_config):
    state = build_model(small_config).state_dict()
    state["head.0.bias"][2] = -70_000.0
    before = small_weights.read_bytes()

    with pytest.raises(ValueError, match=r"'head.0.bias' holds 70000, more than the 65504 of torch.float16"):
        save_weights(small_weights, state, small_config, {}, torch.float16)
    assert small_weights.read_bytes() == before

    save_weights(small_weights, state, small_config, {})
    assert load_weights(small_weights).model.state_dict()["head.0.bias"][2] == -70_000


def test_a_folder_of_a_run_stands_for_its_weights(small_weights):
    run = small_weights.rename(small_weights.parent / "model.safetensors").parent

    assert load_weights(run).path == run / "model.safetensors"


def test_every_bundled_model_can_be_loaded_by_its_name():
    assert bundled_models()
    for name, path in bundled_models().items():
        assert load_weights(name).path == path


def test_the_hash_is_the_one_that_other_programs_print(small_weights):
    assert sha256(small_weights) == hashlib.sha256(small_weights.read_bytes()).hexdigest()


# --- what is no weights file ---


def test_an_unknown_name_is_answered_with_the_bundled_ones():
    message = refusal("nosuch")

    assert "no weights named 'nosuch'" in message
    assert f"bundled are {', '.join(bundled_models())}, or give the path" in message


def test_a_missing_file_is_named(tmp_path):
    assert f"no weights named '{tmp_path / 'a.safetensors'}'" in refusal(tmp_path / "a.safetensors")


def test_a_folder_without_weights_is_named(tmp_path):
    assert f"no weights named '{tmp_path}'; the folder holds no model.safetensors" in refusal(tmp_path)


def test_a_name_that_no_file_can_have_is_refused():
    with pytest.raises(WeightsError, match="no weights named 'nnn"):
        find_weights("n" * 300)


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "a.safetensors").touch()

    assert "not a readable .safetensors file" in refusal(tmp_path / "a.safetensors")


def test_a_text_file_is_refused(tmp_path):
    (tmp_path / "a.safetensors").write_text("This is a text.\n" * 50)

    assert "not a readable .safetensors file" in refusal(tmp_path / "a.safetensors")


@pytest.mark.parametrize("kept", [4, 200, 0.5, -1])
def test_a_truncated_file_is_refused(small_weights, kept):
    whole = small_weights.read_bytes()
    small_weights.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])

    assert "not a readable .safetensors file" in refusal(small_weights)


@pytest.mark.parametrize("writer", ["pickle", "torch.save", "torch.save of old"])
def test_a_pickle_named_safetensors_is_refused_and_never_run(tmp_path, writer):
    path, canary = tmp_path / "a.ckpt", tmp_path / "canary"
    state = {"state_dict": {"weight": torch.zeros(2)}, "payload": TouchWhenLoaded(canary)}
    match writer:
        case "pickle":
            path.write_bytes(pickle.dumps(state))
            loaded = pickle.loads(path.read_bytes())
        case "torch.save":
            torch.save(state, path)
            loaded = torch.load(path, weights_only=False)
        case _:
            torch.save(state, path, _use_new_zipfile_serialization=False)
            loaded = torch.load(path, weights_only=False)
    loaded["payload"].close()
    # The trap works: it sprang for those who unpickled it.
    canary.unlink()

    message = refusal(path.rename(tmp_path / "a.safetensors"))

    assert "pickled checkpoints (.ckpt, .pt) are not accepted" in message
    assert not canary.exists()


def test_safetensors_of_another_program_are_refused(tmp_path):
    save_file({"weight": torch.zeros(2)}, tmp_path / "a.safetensors")

    assert "format_version is None" in refusal(tmp_path / "a.safetensors")


# --- what does not fit its own header ---


def test_a_missing_tensor_is_named(small_weights):
    message = refusal(with_tensors(small_weights, encoder__first__weight=None))

    assert "tensor 'encoder.first.weight' is missing (1 in all)" in message


def test_an_extra_tensor_is_named(small_weights):
    assert "tensor 'another' is not part of the model" in refusal(with_tensors(small_weights, another=torch.zeros(1)))


def test_a_tensor_of_the_wrong_shape_is_named_with_both_shapes(small_weights):
    message = refusal(with_tensors(small_weights, encoder__first__bias=torch.zeros(9)))

    assert "tensor 'encoder.first.bias' has shape (9,), the model needs (8,)" in message


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_tensor_with_a_value_that_is_not_finite_is_named(small_weights, value):
    bias = torch.zeros(8)
    bias[3] = value

    message = refusal(with_tensors(small_weights, encoder__first__bias=bias))

    assert "tensor 'encoder.first.bias' holds NaN or infinity" in message


def test_a_value_too_large_for_float32_is_refused(small_weights):
    message = refusal(with_tensors(small_weights, encoder__first__bias=torch.full((8,), 1e300, dtype=torch.float64)))

    assert "tensor 'encoder.first.bias' holds NaN or infinity" in message


def test_nan_in_eight_bit_weights_is_refused(small_weights):
    bias = torch.full((8,), float("nan")).to(torch.float8_e4m3fn)

    assert "holds NaN or infinity" in refusal(with_tensors(small_weights, encoder__first__bias=bias))


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64])
def test_a_tensor_that_is_not_of_floating_point_is_named(small_weights, dtype):
    message = refusal(with_tensors(small_weights, encoder__first__bias=torch.zeros(8, dtype=dtype)))

    assert f"tensor 'encoder.first.bias' has type {dtype}" in message


def test_an_unknown_format_version_is_refused_with_the_known_one(small_weights):
    message = refusal(with_header(small_weights, format_version="2"))

    assert "format_version is '2', this version reads '1'; install the version that wrote it" in message


def test_a_header_without_a_format_version_is_refused(small_weights):
    message = refusal(with_header(small_weights, format_version=None))

    assert "format_version is None, this version reads '1'; it was not written by amortized-sr" in message


@pytest.mark.parametrize("entry", ["config", "training"])
@pytest.mark.parametrize("text", [None, "", "{", "[]", "5", "null", '"text"', "[" * 100_000])
def test_a_header_whose_entries_are_no_json_objects_is_refused(small_weights, entry, text):
    assert "the header's configuration is not valid" in refusal(with_header(small_weights, **{entry: text}))


def test_an_unknown_setting_is_named(small_weights):
    message = refusal(with_config(small_weights, encoder_widht=8))

    assert "unknown setting 'encoder_widht' in the header; install a newer version" in message


@pytest.mark.parametrize(("name", "value"), [("encoder_blocks", -1), ("encoder_width", 0), ("deviation", 0.0)])
def test_a_setting_out_of_bounds_is_named_with_its_bounds(small_weights, name, value):
    assert f"{name} must be between " in refusal(with_config(small_weights, **{name: value}))


WRONG_TYPES = [
    ("channels", 2),
    ("channels", 3.0),
    ("channels", True),
    ("channels", "3"),
    ("encoder", "resnet"),
    ("encoder_width", "8"),
    ("encoder_width", 8.0),
    ("encoder_width", True),
    ("encoder_width", None),
    ("encoder_blocks", [1]),
    ("field", "siren"),
    ("field", 1),
    ("footprint", "circle"),
    ("neighbors", 2),
    ("skip", "lanczos"),
    ("mean", "0.5"),
    ("mean", {}),
    ("deviation", float("nan")),
]


@pytest.fixture(scope="module")
def refused_types(tmp_path_factory) -> dict[str, str]:
    """What a process without the checks of annotations, which come with the tests only, says to `WRONG_TYPES`."""
    folder = tmp_path_factory.mktemp("types")
    config = ModelConfig(encoder_width=8, encoder_blocks=1, head_width=16, frequencies=2)
    for number, change in enumerate(WRONG_TYPES):
        save_weights(folder / f"{number}.safetensors", build_model(config).state_dict(), config, {})
        with_config(folder / f"{number}.safetensors", **dict([change]))
    script = """
import json, pathlib
from amortized_sr.weights import load_weights
said = {}
for path in pathlib.Path().glob("*.safetensors"):
    try:
        said[path.stem] = load_weights(path).config
    except Exception as error:
        said[path.stem] = f"{type(error).__name__}: {error}"
print(json.dumps(said, default=str))
"""
    process = subprocess.run([sys.executable, "-c", script], cwd=folder, check=True, capture_output=True)
    return json.loads(process.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(WRONG_TYPES)), ids=[f"{name}={value}" for name, value in WRONG_TYPES])
def test_a_setting_of_the_wrong_type_is_refused_by_its_name(refused_types, number):
    said = refused_types[str(number)]

    assert said.startswith(f"WeightsError: {number}.safetensors: the header's configuration is not valid (")
    assert f"({WRONG_TYPES[number][0]} must be " in said


# --- what would take all memory ---


def test_an_absurd_width_in_the_header_is_refused(small_weights):
    message = refusal(with_config(small_weights, encoder_width=10**9))

    assert "encoder_width must be between 1 and 1024, got 1000000000" in message


def test_the_largest_model_that_a_header_can_ask_for_is_refused_without_building_it(small_weights):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    message = refusal(with_config(small_weights, encoder_width=1024, encoder_blocks=128, head_width=4096))

    assert "parameters, more than 200,000,000" in message
    # It would be 10 GB.
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < (2**28 if sys.platform == "darwin" else 2**18)


def test_a_header_that_announces_more_data_than_the_file_has_is_refused(tmp_path):
    header = json.dumps({"huge": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).encode()
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))

    assert "not a readable .safetensors file" in refusal(tmp_path / "a.safetensors")


# --- kinds of weights ---


def test_weights_that_name_no_kind_are_an_upscalers(small_weights, small_config):
    assert header_of(small_weights)["kind"] == "upscaler"
    assert load_weights(with_header(small_weights, kind=None)).config == small_config


@pytest.fixture
def autoencoder_weights(tmp_path: Path) -> Path:
    save_weights(tmp_path / "a.safetensors", build(SMALL_AUTOENCODER).state_dict(), SMALL_AUTOENCODER, {})
    return tmp_path / "a.safetensors"


def test_an_unknown_kind_is_named(autoencoder_weights):
    assert "unknown kind 'diffusion' in the header" in refusal(with_header(autoencoder_weights, kind="diffusion"))


@pytest.mark.parametrize("kind", [None, "upscaler"])
def test_an_autoencoder_that_is_called_an_upscaler_is_refused(autoencoder_weights, kind):
    # As by a version that knows no kinds.
    assert "unknown setting 'code' in the header" in refusal(with_header(autoencoder_weights, kind=kind))


def test_an_upscaler_that_is_called_an_autoencoder_is_refused(small_weights):
    assert "unknown setting 'conditions' in the header" in refusal(with_header(small_weights, kind="autoencoder"))


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("decoder", "magic", "decoder must be one of linear, "),
        ("code", "64", "code must be of type int, got '64'"),
        ("code", True, "code must be of type int, got True"),
        ("channels", 2, "channels must be one of 1, 3, got 2"),
        ("components", 1001, "components must be between 0 and 1000, got 1001"),
        ("code_grid", 4, "must be a multiple of 16 for code_grid 4, got 8"),
        ("code", 9, "has shape"),
        ("components", 0, "is not part of the model"),
        ("decoder", "modulated", "is missing"),
    ],
)
def test_a_configuration_that_makes_another_autoencoder_is_refused(autoencoder_weights, name, value, sentence):
    assert sentence in refusal(with_config(autoencoder_weights, **{name: value}))


# --- what is written ---


def test_saving_that_fails_leaves_the_old_file_and_nothing_else(small_weights, small_config):
    before = small_weights.read_bytes()
    state = build_model(small_config).state_dict()

    with pytest.raises(TypeError):
        save_weights(small_weights, state, small_config, {"data": object()})

    assert small_weights.read_bytes() == before
    assert list(small_weights.parent.iterdir()) == [small_weights]
