"""The nodes for ComfyUI, loaded as ComfyUI loads a folder, through a stand-in for its interface."""

import asyncio
import importlib.util
import inspect
import sys
import types
from pathlib import Path

import pytest
import torch

from amortized_sr import Upscaler

FOLDER = Path(__file__).parents[2] / "integrations" / "comfyui"


@pytest.fixture(scope="module")
def nodes():
    stub = Path(__file__).with_name("comfy_stub.py")
    with pytest.MonkeyPatch.context() as patch:
        for name, path in (("comfy_api.latest", stub), ("nodes_of_ours", FOLDER / "__init__.py")):
            patch.setitem(sys.modules, "comfy_api", types.ModuleType("comfy_api"))
            spec = importlib.util.spec_from_file_location(name, path)
            module = importlib.util.module_from_spec(spec)
            patch.setitem(sys.modules, name, module)
            spec.loader.exec_module(module)
        extension = asyncio.run(module.comfy_entrypoint())
        yield dict(zip(("encode", "render"), asyncio.run(extension.get_node_list()), strict=True))


@pytest.fixture
def image():
    torch.manual_seed(0)
    return (torch.rand(2, 12, 10, 3) * 255).round() / 255


def drawn(nodes, function, **settings):
    defaults = {part.id: part.settings["default"] for part in nodes["render"].define_schema().inputs[1:]}
    (picture,) = nodes["render"].execute(function, **defaults | settings).result
    return picture


def encoded(nodes, image, model="photo-tiny", noise=0.0, jpeg=0):
    (function,) = nodes["encode"].execute(image, model, noise, jpeg).result
    return function


def test_every_input_is_an_argument_and_the_sockets_fit(nodes):
    for node in nodes.values():
        schema = node.define_schema()
        assert list(inspect.signature(node.execute).parameters) == [part.id for part in schema.inputs]
        assert schema.description
    assert nodes["encode"].define_schema().outputs[0].kind == nodes["render"].define_schema().inputs[0].kind
    models = nodes["encode"].define_schema().inputs[1].settings
    assert models["default"] in models["options"]
    assert "mnist-morph" not in models["options"]


def test_both_nodes_together_upscale(nodes, image):
    picture = drawn(nodes, encoded(nodes, image), scale=2.6)
    assert picture.shape == (2, 31, 26, 3)
    assert picture.device.type == "cpu"
    upscaled = Upscaler.from_pretrained().upscale(image.movedim(-1, 1), size=(31, 26))
    assert torch.equal(picture, upscaled.movedim(1, -1))


def test_a_window_is_the_part_of_the_whole(nodes, image):
    function = encoded(nodes, image)
    whole = drawn(nodes, function, scale=4)
    part = drawn(nodes, function, scale=4, left=0.2, right=0.7, top=0.25, bottom=0.75)
    torch.testing.assert_close(part, whole[:, 12:36, 8:28], rtol=0, atol=2e-6)
    assert drawn(nodes, function, width=7, height=5, right=0.5).shape == (2, 5, 7, 3)


def test_transparency_is_left_out_and_grey_models_give_colours(nodes, image):
    with_alpha = torch.cat((image, torch.zeros_like(image[..., :1])), dim=-1)
    assert torch.equal(drawn(nodes, encoded(nodes, with_alpha)), drawn(nodes, encoded(nodes, image)))
    assert drawn(nodes, encoded(nodes, image, "mnist"), scale=2).shape == (2, 24, 20, 3)


def test_strengths_reach_the_model(nodes, image):
    clean, told = encoded(nodes, image, "photo"), encoded(nodes, image, "photo", noise=40.0)
    assert (drawn(nodes, told) - drawn(nodes, clean)).abs().mean() > 0.02
    with pytest.raises(ValueError, match="photo"):
        encoded(nodes, image, noise=40.0)


def test_an_empty_window_is_refused(nodes, image):
    with pytest.raises(ValueError, match="left must be below right"):
        drawn(nodes, encoded(nodes, image), left=0.5, right=0.5)
