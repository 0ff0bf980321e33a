"""The drawing of a latent as an ONNX graph without weights: the two banded matrix products of `sampling`.

The matrices are inputs. They hold the scale, the window and the footprint, so that one graph draws them all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 20
"""Version of the operators of all graphs."""

IR_VERSION = 10
"""Version of the file format of all graphs, which onnxruntime 1.18 and later read."""


def field_graph(colours: int, functions: int, with_base: bool) -> onnx.ModelProto:
    """Return the graph that draws codes.

    Its inputs are `codes` (batch, colours * functions^2, cells_y, cells_x), `size` (height, width), and the matrices
    `field_across` (blocks, pixels, cells * functions) with `field_across_index` (blocks, cells), and the same `_down`.
    With a base image there are also `base` (batch, colours, cells_y, cells_x) and `base_across` and so on, of a single
    function. Its output is `picture` (batch, colours, height, width), not clamped.

    Args:
        colours: Colours of a code.
        functions: Functions of the field, per axis.
        with_base: Whether an interpolated image is added.
    """
    build = _Builder()
    total = _weighted_sum(build, "codes", "field", colours, functions)
    if with_base:
        total = build.node("Add", _weighted_sum(build, "base", "base", colours, 1), total)
    build.node("Identity", total, output="picture")
    inputs = [_value("codes", "batch", colours * functions**2, "cells_y", "cells_x"), *_matrices("field")]
    if with_base:
        inputs += [_value("base", "batch", colours, "cells_y", "cells_x"), *_matrices("base")]
    inputs.append(helper.make_tensor_value_info("size", TensorProto.INT64, [2]))
    outputs = [_value("picture", "batch", colours, "height", "width")]
    return model_of(helper.make_graph(build.nodes, "field", inputs, outputs, build.constants))


def model_of(graph: onnx.GraphProto) -> onnx.ModelProto:
    """Return a graph as a model of the versions above."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="amortized-sr")
    model.ir_version = IR_VERSION
    return model


def _weighted_sum(build: "_Builder", source: str, prefix: str, colours: int, functions: int) -> str:
    """Add the nodes that sum the contributions of all cells, first along x, then along y; return the result's name."""
    across, down = f"{prefix}_across", f"{prefix}_down"
    batch, cells_y, cells_x = (build.extent(source, axis) for axis in (0, 2, 3))
    k, one = build.integers(functions), build.integers(-1)
    height, width = build.entry("size", 0), build.entry("size", 1)
    shape = build.shape(batch, build.integers(colours, functions, functions), cells_y, cells_x)
    # (batch colour y-function x-function cells_y cells_x) -> (batch colour cells_y y-function | cells_x x-function)
    ordered = build.node("Transpose", build.node("Reshape", source, shape), perm=[0, 1, 4, 2, 5, 3])
    lines = build.node("Reshape", ordered, build.shape(one, cells_x, k))
    read = build.node("Gather", lines, build.node("Reshape", f"{across}_index", one), axis=1)
    blocks, pixels, weights = (build.extent(across, axis) for axis in range(3))
    read = build.node("Transpose", build.node("Reshape", read, build.shape(one, blocks, weights)), perm=[1, 0, 2])
    stretched = build.node("MatMul", read, build.node("Transpose", across, perm=[0, 2, 1]))
    stretched = build.node("Transpose", stretched, perm=[1, 0, 2])
    shape = build.shape(one, cells_y, k, build.node("Mul", blocks, pixels))
    stretched = build.first(build.node("Reshape", stretched, shape), width, axis=3)
    read = build.node("Gather", stretched, build.node("Reshape", f"{down}_index", one), axis=1)
    blocks, pixels, weights = (build.extent(down, axis) for axis in range(3))
    drawn = build.node("MatMul", down, build.node("Reshape", read, build.shape(one, blocks, weights, width)))
    shape = build.shape(batch, build.integers(colours), build.node("Mul", blocks, pixels), width)
    return build.first(build.node("Reshape", drawn, shape), height, axis=2)


def _matrices(prefix: str) -> list[onnx.ValueInfoProto]:
    result: list[onnx.ValueInfoProto] = []
    for axis in ("across", "down"):
        names = [f"{prefix}_{axis}_{part}" for part in ("blocks", "pixels", "weights", "cells")]
        result.append(_value(f"{prefix}_{axis}", *names[:3]))
        result.append(helper.make_tensor_value_info(f"{prefix}_{axis}_index", TensorProto.INT64, [names[0], names[3]]))
    return result


def _value(name: str, *shape: str | int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


@final
@dataclass
class _Builder:
    """Nodes and constants of a graph; every method returns the name of a value."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    _known: dict[tuple[str, ...], str] = field(default_factory=dict)

    def node(
        self,
        operator: str,
        *inputs: str,
        output: str | None = None,
        axis: int | None = None,
        perm: Sequence[int] | None = None,
    ) -> str:
        """Add a node."""
        name = output or f"{operator.lower()}_{len(self.nodes)}"
        settings = {key: value for key, value in {"axis": axis, "perm": perm}.items() if value is not None}
        self.nodes.append(helper.make_node(operator, inputs, [name], **settings))
        return name

    def integers(self, *values: int) -> str:
        """Return a constant vector."""
        key = "integers", *map(str, values)
        if key not in self._known:
            self._known[key] = f"integers_{len(self.constants)}"
            self.constants.append(numpy_helper.from_array(np.array(values, np.int64), self._known[key]))
        return self._known[key]

    def extent(self, source: str, axis: int) -> str:
        """Return the extent of a value along an axis, as a vector of one."""
        key = "extent", source, str(axis)
        if key not in self._known:
            name = f"shape_{len(self.nodes)}"
            self.nodes.append(helper.make_node("Shape", [source], [name], start=axis, end=axis + 1))
            self._known[key] = name
        return self._known[key]

    def entry(self, source: str, number: int) -> str:
        """Return one number of a vector, as a vector of one."""
        return self.node("Gather", source, self.integers(number), axis=0)

    def shape(self, *parts: str) -> str:
        """Return vectors as one."""
        return self.node("Concat", *parts, axis=0)

    def first(self, source: str, count: str, axis: int) -> str:
        """Return the first so many of an axis."""
        return self.node("Slice", source, self.integers(0), count, self.integers(axis))
