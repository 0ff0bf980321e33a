"""The graphs of models, compared with torch; `scripts/check_onnx.py` compares those of the bundled ones."""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from filelock import FileLock
from PIL import Image

from amortized_sr import AutoencoderConfig, ModelConfig, Upscaler, build_autoencoder, build_model, save_weights
from amortized_sr.axes import Rendering, axes
from amortized_sr.compute import Compute
from amortized_sr.model_builder import build
from amortized_sr.runtime.grid import Bands, interpolation, sinusoids
from amortized_sr.strength import Strength
from amortized_sr.weights import load_weights
from amortized_sr.weights_header import WeightsError

onnx = pytest.importorskip("onnx", reason="needs the extra export")
ort = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
pytest.importorskip("onnxscript", reason="needs the extra export")

from amortized_sr.export.networks import FixedScale  # noqa: E402 (needs the extra)
from amortized_sr.runtime.field_graph import field_graph, model_of  # noqa: E402
from amortized_sr.runtime.onnx_engine import OnnxEngine  # noqa: E402

TINY = ModelConfig(
    conditions=("noise", "jpeg"), encoder="hybrid", encoder_width=8, encoder_blocks=2, half_width=8, half_blocks=1,
    head_width=8, keeps_tone=True,
)  # fmt: skip


def randomised(config):
    """Return a model whose layers all do something."""
    torch.manual_seed(1)
    model = build(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


EXPORT = """
import sys, torch
from pathlib import Path
from amortized_sr import load_weights
from amortized_sr.export.folder import write_onnx_folder
for path in map(Path, sys.argv[1:]):
    write_onnx_folder(load_weights(path), path.with_suffix(""), [2] if path.stem == "tiny" else [])
"""

CONFIGS = {
    "tiny": TINY,
    "grey": ModelConfig(channels=1, encoder="span", encoder_width=8, encoder_blocks=1, head_width=8, skip="none"),
    "code": AutoencoderConfig(code=8, components=0, encoder_width=8, hidden=16, decoder_width=8),
}


@pytest.fixture(scope="module")
def graphs(tmp_path_factory):
    """Return the folder of the graphs of small models, written by a process of its own.

    Shape annotations are checked in this one, and checks of symbolic shapes would fix them.
    """
    # Of several processes of tests, the first one writes.
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "graphs"
    with FileLock(f"{folder}.lock"):
        if folder.exists():
            return folder
        folder.mkdir()
        paths = [folder / f"{name}.safetensors" for name in CONFIGS]
        for path, config in zip(paths, CONFIGS.values(), strict=True):
            save_weights(path, randomised(config).state_dict(), config, {})
        done = subprocess.run([sys.executable, "-c", EXPORT, *paths], capture_output=True, text=True, timeout=300)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return folder


def session(path):
    onnx.checker.check_model(onnx.load(path), full_check=True)
    return ort.InferenceSession(path, providers=["CPUExecutionProvider"])


def run(graph, **inputs):
    names = [output.name for output in graph.get_outputs()]
    arrays = {name: value.numpy() if isinstance(value, torch.Tensor) else value for name, value in inputs.items()}
    return {name: torch.from_numpy(value) for name, value in zip(names, graph.run(None, arrays), strict=True)}


@torch.inference_mode()
def test_encoders_equal_torch_at_any_size_and_batch(graphs):
    model = load_weights(graphs / "tiny").model
    graph = session(graphs / "tiny" / "encoder.onnx")
    for batch, height, width in ((1, 1, 1), (1, 12, 14), (2, 9, 7), (3, 1, 30)):
        image, strengths = torch.rand(batch, 3, height, width), torch.rand(batch, 2)
        planes = torch.cat((image, strengths[:, :, None, None].expand(-1, -1, height, width)), dim=1)
        latent = model.encode(planes).latent
        told = run(graph, image=image, strengths=strengths)
        torch.testing.assert_close(told["codes"], latent.codes, rtol=0, atol=5e-6)
        torch.testing.assert_close(told["base"], latent.image, rtol=0, atol=5e-6)


@torch.inference_mode()
def test_autoencoders_have_an_encoder_and_a_decoder(graphs):
    model = load_weights(graphs / "code").model
    image, side = torch.rand(3, 1, 28, 28), torch.full((3, 1), 0.5)
    told = run(session(graphs / "code" / "encoder.onnx"), image=image, side=side)
    planes = torch.cat(((image - model.mean) / model.deviation, torch.full_like(image, -1.0)), dim=1)
    torch.testing.assert_close(told["code"], model.encoder(planes), rtol=0, atol=5e-6)
    decoded = run(session(graphs / "code" / "decode.onnx"), code=told["code"])
    torch.testing.assert_close(decoded["codes"], model.decoder(told["code"]), rtol=0, atol=5e-6)


def matrices(name, kernel, axis):
    bands = Bands.of(kernel, axis)
    return {name: bands.matrix, f"{name}_index": bands.blocks.index}


@torch.inference_mode()
@pytest.mark.parametrize(
    "settings", [{}, {"neighbors": 1, "skip": "none", "footprint": "point"}, {"skip": "bilinear"}, {"keeps_tone": True}]
)
@pytest.mark.parametrize("window", [(-1.0, -1.0, 1.0, 1.0), (-0.3, 0.1, 0.55, 0.4)])
def test_one_graph_draws_any_size_and_window(settings, window, tmp_path):
    model = randomised(ModelConfig(encoder_width=8, encoder_blocks=1, head_width=8, **settings))
    (tmp_path / "field.onnx").write_bytes(field_graph(3, 5, model.skip is not None).SerializeToString())
    graph = session(tmp_path / "field.onnx")
    basis = model.field.basis
    blur = None if basis.blur is None else float(basis.blur)
    kernel = sinusoids(basis.frequency.numpy(), blur, basis.finest_cell, basis.neighbors, basis.keeps_tone)
    for size, grid in (
        ((17, 10), (11, 7)),
        ((22, 14), (11, 7)),
        ((41, 26), (11, 7)),
        ((352, 224), (11, 7)),
        ((5, 9), (1, 1)),
    ):
        function = model.encode(torch.rand(2, 3, *grid))
        latent = function.latent
        rows, columns = axes(size, grid, window)
        inputs = {"codes": latent.codes, "size": np.array(size)}
        inputs |= matrices("field_down", kernel, rows) | matrices("field_across", kernel, columns)
        if model.skip is not None:
            base = interpolation(settings.get("skip", "bicubic"))
            inputs |= {
                "base": latent.image,
                **matrices("base_down", base, rows),
                **matrices("base_across", base, columns),
            }
        drawn = function.render(size, window).clamp(0, 1)
        torch.testing.assert_close(run(graph, **inputs)["picture"].clamp(0, 1), drawn, rtol=0, atol=1e-6)


@torch.inference_mode()
@pytest.mark.parametrize("settings", [{}, {"channels": 1}, {"neighbors": 1, "skip": "none"}, {"footprint": "box"}])
def test_a_fixed_scale_is_the_general_drawing(settings):
    """Convolutions and a shuffle of pixels draw what the two banded products draw, edges included."""
    model = randomised(ModelConfig(encoder_width=8, encoder_blocks=1, head_width=8, **settings))
    image = torch.rand(2, model.channels, 7, 5)
    for scale in (1, 2, 3, 4, 5):
        drawn = model(image, (7 * scale, 5 * scale)).clamp(0, 1)
        torch.testing.assert_close(FixedScale(model, scale)(image), drawn, rtol=0, atol=2e-6)


@pytest.fixture
def written(graphs):
    return graphs / "tiny"


@pytest.fixture
def folder(written, tmp_path):
    """Return a copy that may be damaged."""
    copy = tmp_path / "graphs"
    copy.mkdir()
    for path in written.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    (tmp_path / "grey.onnx").write_bytes((written.parent / "grey" / "encoder.onnx").read_bytes())
    return copy


@pytest.fixture
def picture(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (11, 9, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "small.png")
    return tmp_path / "small.png"


def test_the_script_beside_the_graphs_needs_nothing_of_ours(written, picture, tmp_path):
    hide = "import sys; sys.modules.update(dict.fromkeys(('amortized_sr', 'torch'))); import runpy; "
    hide += "path = sys.argv.pop(1); sys.argv[0] = path; runpy.run_path(path, run_name='__main__')"
    told = [0.05, 0.3]
    for scale, size in ((3.7, (41, 33)), (2, (22, 18))):
        target = tmp_path / f"{scale}.png"
        command = [sys.executable, "-c", hide, written / "run.py", picture, target, str(scale), *map(str, told)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        model = load_weights(written).model
        image = torch.from_numpy(np.array(Image.open(picture))).movedim(-1, 0)[None] / 255
        planes = torch.cat((image, torch.tensor(told)[None, :, None, None].expand(-1, -1, 11, 9)), dim=1)
        ours = (model(planes, size)[0].clamp(0, 1) * 255).round().movedim(0, -1).numpy()
        drawn = np.asarray(Image.open(target)).astype(int)
        assert drawn.shape == ours.shape
        assert np.abs(drawn - ours).max() <= 1


def test_the_script_is_short(written):
    lines = (written / "run.py").read_text().split('"""', 2)[2].splitlines()
    assert len([line for line in lines if line.strip()]) <= 60


@torch.inference_mode()
def test_the_graph_of_one_scale_needs_an_image_only(written):
    image = torch.rand(1, 3, 6, 8)
    model = load_weights(written).model
    drawn = model(torch.cat((image, torch.zeros(1, 2, 6, 8)), dim=1), (12, 16)).clamp(0, 1)
    graph = ort.InferenceSession(written / "x2.onnx", providers=["CPUExecutionProvider"])
    torch.testing.assert_close(run(graph, image=image)["picture"], drawn, rtol=0, atol=2e-6)


@pytest.mark.parametrize("colours", ["RGB", "L", "RGBA"])
@pytest.mark.parametrize("scale", ["2.6", "0.5"])
def test_the_engine_draws_as_torch_does(cli, written, picture, tmp_path, colours, scale):
    Image.open(picture).convert(colours).save(picture)
    drawn = {}
    for engine in ("onnx", "torch"):
        target = tmp_path / f"{engine}.png"
        options = ["--model", written, "--engine", engine, "--denoise", "20", "--dejpeg", "30", "--precision", "fp32"]
        assert cli("upscale", picture, "-s", scale, "-o", target, *options).code == 0
        drawn[engine] = np.asarray(Image.open(target)).astype(int)
    assert np.abs(drawn["onnx"] - drawn["torch"]).max() <= 1


def test_a_grey_model_draws_each_colour(graphs):
    rows = np.random.default_rng(0).random((1, 3, 8, 6), np.float32)
    rendering, read = Rendering((20, 15), (8, 6)), lambda first, stop: rows[:, :, first:stop]
    strips = OnnxEngine(graphs / "grey", Compute()).draw_rows(read, rendering, [Strength()])
    drawn = np.concatenate(list(strips), axis=2)
    ours = Upscaler.from_pretrained(graphs / "grey", "cpu", precision="fp32")
    ours = ours.upscale(torch.from_numpy(rows), size=(20, 15))
    np.testing.assert_allclose(drawn.clip(0, 1), ours.numpy(), rtol=0, atol=2e-6)


def named_again(folder, name, content):
    """Replace a file, and its hash in the description, as somebody would who wants it to be run."""
    (folder / name).write_bytes(content)
    description = json.loads((folder / "model.json").read_text())
    description["sha256"][name] = hashlib.sha256(content).hexdigest()
    (folder / "model.json").write_text(json.dumps(description))


def changed_graph(folder, name, change):
    model = onnx.load(folder / name)
    change(model)
    named_again(folder, name, model.SerializeToString())


def endless(model):
    """Put a loop into a graph."""
    body = onnx.helper.make_graph([], "body", [], [])
    model.graph.node.append(onnx.helper.make_node("Loop", ["", ""], ["looped"], body=body))


def outside(model):
    """Let a tensor's data be read from another file."""
    outside_of(model.graph.initializer[0])


def outside_of(tensor):
    tensor.ClearField("raw_data")
    tensor.ClearField("float_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def hidden(model):
    """Let the data of a node's own constant be read from another file."""
    tensor = onnx.helper.make_tensor("t", onnx.TensorProto.FLOAT, [1], [0.0])
    outside_of(tensor)
    model.graph.node.append(onnx.helper.make_node("Constant", [], ["more"], value=tensor))


def shapeless(model):
    model.graph.input[0].type.tensor_type.ClearField("shape")


def custom(model):
    model.opset_import.add(domain="com.stranger", version=1)
    model.graph.node.append(onnx.helper.make_node("Anything", ["image"], ["x"], domain="com.stranger"))


def rewritten(folder, **values):
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def other_network(folder):
    named_again(folder, "encoder.onnx", (folder.parents[0] / "grey.onnx").read_bytes())


FAULTS = {
    "no folder of ours": (lambda f: (f / "model.json").unlink(), "holds no model.json; write the graphs with"),
    "a newer layout": (lambda f: rewritten(f, layout="2"), "the layout is '2', this version reads '1'"),
    "not JSON": (lambda f: (f / "model.json").write_text("{"), "not a readable description"),
    "no object": (lambda f: (f / "model.json").write_text("[]"), "must hold an object"),
    "a missing graph": (lambda f: (f / "field.onnx").unlink(), "field.onnx: cannot be read"),
    "a changed graph": (lambda f: (f / "encoder.onnx").write_bytes(b"x"), "is not the file that model.json names"),
    "hashes that are none": (lambda f: rewritten(f, sha256=[]), "is not the file that model.json names"),
    "no graph": (lambda f: named_again(f, "encoder.onnx", b"\xff\xff\xff"), "not a valid graph"),
    "a foreign operator": (lambda f: changed_graph(f, "encoder.onnx", endless), "operator Loop|not a valid graph"),
    "data of other files": (lambda f: changed_graph(f, "encoder.onnx", outside), "data outside of it"),
    "data of other files in a node": (lambda f: changed_graph(f, "encoder.onnx", hidden), "data outside of it"),
    "an input without a shape": (lambda f: changed_graph(f, "encoder.onnx", shapeless), "its inputs are|valid graph"),
    "custom operators": (lambda f: changed_graph(f, "encoder.onnx", custom), "foreign operators"),
    "another drawing": (
        lambda f: named_again(f, "field.onnx", field_graph(3, 7, True).SerializeToString()),
        "is not the graph that draws this model",
    ),
    "another network": (other_network, "its inputs are"),
    "a stranger's drawing": (
        lambda f: named_again(f, "field.onnx", model_of(onnx.helper.make_graph([], "g", [], [])).SerializeToString()),
        "not a valid graph|is not the graph",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_graphs_that_are_not_ours_are_refused_in_a_sentence(fault, folder):
    damage, sentence = FAULTS[fault]
    damage(folder)
    with pytest.raises(WeightsError, match=sentence):
        OnnxEngine(folder, Compute())


def test_what_has_no_graphs_is_refused(cli, tmp_path, picture, written):
    done = cli("upscale", picture, "-s", "2", "--engine", "onnx", "-o", tmp_path / "out.png")
    assert done.code == 2
    assert "amortized-sr export MODEL -o FOLDER" in done.err
    done = cli("upscale", picture, "-s", "2", "--engine", "onnx", "--model", written, "--tta", "-o", tmp_path / "o.png")
    assert done.code == 2
    assert "no self-ensemble" in done.err
    config = ModelConfig(field="film", encoder_width=8, encoder_blocks=1)
    save_weights(tmp_path / "film.safetensors", build_model(config).state_dict(), config, {})
    done = cli("export", tmp_path / "film.safetensors", "-o", tmp_path / "film")
    assert done.code != 0
    assert "graphs are made of models with the field hyper" in done.err
    config = AutoencoderConfig(code=8, components=0, decoder="film")
    save_weights(tmp_path / "code.safetensors", build_autoencoder(config).state_dict(), config, {})
    assert "with the field hyper" in cli("export", tmp_path / "code.safetensors", "-o", tmp_path / "film").err
    assert not (tmp_path / "film").exists()
    for arguments in (["photo-tiny", "--format", "safetensors"], ["x.ckpt", "--format", "onnx"], ["mnist", "--half"]):
        assert cli("export", *arguments).code == 2
    done = cli("export", "mnist", "-o", tmp_path)
    assert (done.code, "is not empty; --overwrite replaces files" in done.complaint) == (2, True)


def test_a_picture_above_the_memory_is_refused_by_name(cli, written, picture, tmp_path):
    Image.new("RGB", (600, 600)).save(picture)
    options = ["--model", written, "--engine", "onnx", "--memory", "64M", "-o", tmp_path / "out.png"]
    done = cli("upscale", picture, "-s", "2", *options)
    assert done.code == 1
    assert "the engine onnx encodes an image as a whole, and 600x600 pixels take" in done.complaint
    assert not (tmp_path / "out.png").exists()


def test_the_command_writes_folders_of_the_hub(cli, tmp_path):
    pytest.importorskip("huggingface_hub", reason="needs the extra hub")
    done = cli("export", "mnist", "--format", "hub", "-o", tmp_path / "mnist")
    assert done.code == 0
    assert load_weights(tmp_path / "mnist").digest == load_weights("mnist").digest
