"""Weights files -> arrays, checked as `weights` does."""

from pathlib import Path
from typing import assert_never

import numpy as np
from jaxtyping import Float32
from safetensors import SafetensorError, safe_open

from amortized_sr.model_config import ModelConfig
from amortized_sr.weights_header import WeightsError, WeightsHeader, check_shapes, not_finite, unreadable


def read_tensors(path: Path, header: WeightsHeader, config: ModelConfig) -> dict[str, Float32[np.ndarray, "..."]]:
    """Return the tensors of a file in float32, after checking their names, shapes and values.

    Raises:
        WeightsError: If they do not fit the configuration, or are damaged.
    """
    check_shapes(path, header, expected_shapes(config))
    tensors: dict[str, Float32[np.ndarray, ...]] = {}
    try:
        with safe_open(path, framework="np") as file:
            for name in header.shapes:
                values = file.get_tensor(name)
                if values.dtype not in (np.float16, np.float32, np.float64):
                    raise WeightsError(f"{path}: numpy has no arithmetic for {name!r} of type {values.dtype}")
                tensors[name] = values.astype(np.float32)
                if not np.isfinite(tensors[name]).all():
                    raise not_finite(path, name)
    except (SafetensorError, OSError, TypeError, AttributeError) as error:
        raise unreadable(path, error) from None
    return tensors


def expected_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of the tensors of a model with the field `hyper`."""
    width, codes = config.encoder_width, config.code_channels
    planes = config.channels + len(config.conditions)
    layers = {"encoder.first": (width, planes, 3), "encoder.last": (width, width, 3)} | _block_shapes(config)
    hidden, head = config.head_width, "head.codes" if config.corrects else "head"
    if hidden == 0:
        layers[f"{head}.0"] = (codes, width, 3)
    else:
        layers |= {
            f"{head}.0": (hidden, width, 3),
            f"{head}.2": (hidden, hidden, 1),
            f"{head}.4": (codes, hidden, 1),
        }
    if config.corrects:
        layers["head.correction"] = (config.channels, width, 3)
    shapes: dict[str, tuple[int, ...]] = {"mean": (), "deviation": (), "field.basis.frequency": (config.frequencies,)}
    if config.footprint == "gauss":
        shapes["field.basis.blur"] = ()
    for name, (outputs, inputs, side) in layers.items():
        shapes |= {f"{name}.weight": (outputs, inputs, side, side), f"{name}.bias": (outputs,)}
    if config.encoder == "hybrid":
        # A transposed convolution has its inputs first, and a bias for each output.
        shapes |= {"encoder.up.weight": (config.half_width, width, 2, 2), "encoder.up.bias": (width,)}
    return shapes


def _block_shapes(config: ModelConfig) -> dict[str, tuple[int, int, int]]:
    """Return outputs, inputs and side of the kernels of what an encoder has between its first and its last layer."""
    width, count = config.encoder_width, config.encoder_blocks

    def blocks(name: str, count: int, width: int, parts: tuple[str, ...]) -> dict[str, tuple[int, int, int]]:
        names = [f"encoder.{name}.{number}.{part}" for number in range(count) for part in parts]
        return dict.fromkeys(names, (width, width, 3))

    match config.encoder:
        case "edsr":
            return blocks("blocks", count, width, ("first", "second"))
        case "hybrid":
            return (
                blocks("before", count // 2, width, ("first", "second"))
                | {"encoder.down": (config.half_width, width, 2)}
                | blocks("blocks", config.half_blocks, config.half_width, ("first", "second"))
                | blocks("after", count - count // 2, width, ("first", "second"))
            )
        case "span":
            merge = {"encoder.merge": (width, 4 * width, 1)}
            return blocks("blocks", count, width, ("first", "second", "third")) | merge
        case _:
            assert_never(config.encoder)
