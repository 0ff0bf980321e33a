"""Folders of ONNX graphs, checked before onnxruntime sees them. Loads no torch.

A graph of a stranger may ask for unbounded work and read other files. So only the layout that `export` writes is
loaded: known operators, no functions, no data outside of the file, the inputs and outputs that are called, and as the
drawing exactly our own graph.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from amortized_sr.model_config import ModelConfig
from amortized_sr.weights_header import WEIGHTS_NAME, WeightsError, WeightsHeader, read_header

if TYPE_CHECKING:
    import onnx

DESCRIPTION = "model.json"
"""The file that says what the graphs are."""

LAYOUT_VERSION = "1"
"""Version of these folders; a reader refuses every other."""

# What torch's exporter makes of the encoders edsr, hybrid and span.
_OPERATORS = {
    *("Add", "Concat", "Constant", "Conv", "ConvTranspose", "Div", "Expand", "Identity", "Mod", "Mul", "Pad"),
    *("ReduceMax", "Relu", "Reshape", "Shape", "Sigmoid", "Slice", "Split", "Squeeze", "Sub", "Unsqueeze"),
}

_LARGEST_FILE = 1 << 30


@final
@dataclass(frozen=True)
class OnnxFiles:
    """The checked graphs of an upscaler.

    Attributes:
        header: Header of the weights that they were made from.
        encoder: The bytes of the encoder.
        field: The bytes of the drawing.
    """

    header: WeightsHeader
    encoder: bytes
    field: bytes


def read_onnx_folder(folder: Path) -> OnnxFiles:
    """Read and check the graphs of an upscaler.

    Raises:
        WeightsError: If the folder is not one that `export` writes for an upscaler.
        ModuleNotFoundError: If the package onnx is not installed.
    """
    if not (folder / DESCRIPTION).is_file():
        raise WeightsError(
            f"{folder} holds no {DESCRIPTION}; write the graphs with: amortized-sr export MODEL -o FOLDER"
        )
    description = _read_description(folder / DESCRIPTION)
    if description.get("layout") != LAYOUT_VERSION:
        raise WeightsError(
            f"{folder / DESCRIPTION}: the layout is {description.get('layout')!r}, this version reads "
            f"{LAYOUT_VERSION!r}; export the model again"
        )
    header = read_header(folder / WEIGHTS_NAME)
    config = header.config
    if not isinstance(config, ModelConfig):
        raise WeightsError(f"{folder}: holds an autoencoder, and onnx draws upscalers here; use the engine torch")
    contents = {name: _read_file(folder / name, description) for name in (WEIGHTS_NAME, "encoder.onnx", "field.onnx")}
    _check_encoder(folder / "encoder.onnx", contents["encoder.onnx"], config)
    _check_field(folder / "field.onnx", contents["field.onnx"], config)
    return OnnxFiles(header, contents["encoder.onnx"], contents["field.onnx"])


def _read_description(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: not a readable description ({error}); export the model again") from None
    if not isinstance(value, dict):
        raise WeightsError(f"{path}: must hold an object, got {type(value).__name__}; export the model again")
    return value


def _read_file(path: Path, description: dict[str, Any]) -> bytes:
    """Return a file that is the one that the description was written for."""
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise WeightsError(f"{path}: has more than {_LARGEST_FILE:,} bytes; export the model again")
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}); export the model again") from None
    known = description.get("sha256")
    if not isinstance(known, dict) or known.get(path.name) != hashlib.sha256(content).hexdigest():
        raise WeightsError(f"{path}: is not the file that {DESCRIPTION} names; export the model again")
    return content


def _check_encoder(path: Path, content: bytes, config: ModelConfig) -> None:
    model = _checked_model(path, content)
    foreign = sorted({node.op_type for node in model.graph.node if node.domain or node.op_type not in _OPERATORS})
    if foreign:
        raise WeightsError(f"{path}: holds the operator {foreign[0]}, which no encoder of ours has; export it again")
    inputs = {"image": config.channels, "strengths": len(config.conditions)}
    outputs = {"codes": config.code_channels, "base": 0 if config.skip == "none" else config.channels}
    for kind, values, expected in (("input", model.graph.input, inputs), ("output", model.graph.output, outputs)):
        _check_values(path, kind, values, {name: count for name, count in expected.items() if count})


def _check_field(path: Path, content: bytes, config: ModelConfig) -> None:
    from amortized_sr.runtime.field_graph import field_graph

    functions = 2 * config.frequencies + 1
    expected = field_graph(config.channels, functions, config.skip != "none")
    if _checked_model(path, content).graph != expected.graph:
        raise WeightsError(f"{path}: is not the graph that draws this model; export it again")


def _checked_model(path: Path, content: bytes) -> "onnx.ModelProto":
    """Return a graph that needs nothing outside of its file and passes the checks of the package onnx."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(content)
        external = any(tensor.data_location == tensor.EXTERNAL for tensor in _tensors(model.graph))
        if external or model.functions or any(opset.domain for opset in model.opset_import):
            raise WeightsError(f"{path}: holds functions, foreign operators or data outside of it; export it again")
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError) as error:
        raise WeightsError(f"{path}: not a valid graph ({str(error).splitlines()[0]}); export it again") from None
    return model


def _tensors(graph: "onnx.GraphProto") -> "Iterator[onnx.TensorProto]":
    """Yield every tensor of a graph: constants of the graph and of its nodes."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)


def _check_values(path: Path, kind: str, values: "Iterable[onnx.ValueInfoProto]", expected: dict[str, int]) -> None:
    """Check the names of inputs or outputs, and their channels."""
    shapes = {value.name: value.type.tensor_type.shape.dim for value in values}
    found = {name: shape[1].dim_value if len(shape) > 1 else 0 for name, shape in shapes.items()}
    if found != expected:
        raise WeightsError(f"{path}: its {kind}s are {found}, this model needs {expected}; export it again")
