"""Weights files -> arrays, checked as `weights` does."""

from pathlib import Path

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
    """Return the names and shapes of the tensors of a model with the field `hyper` that reads colours only."""
    width, codes = config.encoder_width, config.channels * (2 * config.frequencies + 1) ** 2
    layers = {"encoder.first": (width, config.channels, 3), "encoder.last": (width, width, 3)}
    parts = ("first", "second") if config.encoder == "edsr" else ("first", "second", "third")
    for number in range(config.encoder_blocks):
        layers |= {f"encoder.blocks.{number}.{part}": (width, width, 3) for part in parts}
    if config.encoder == "span":
        layers["encoder.merge"] = (width, 4 * width, 1)
    hidden = config.head_width
    if hidden == 0:
        layers["head.0"] = (codes, width, 3)
    else:
        layers |= {"head.0": (hidden, width, 3), "head.2": (hidden, hidden, 1), "head.4": (codes, hidden, 1)}
    shapes: dict[str, tuple[int, ...]] = {"mean": (), "deviation": (), "field.basis.frequency": (config.frequencies,)}
    if config.footprint == "gauss":
        shapes["field.basis.blur"] = ()
    for name, (outputs, inputs, side) in layers.items():
        shapes |= {f"{name}.weight": (outputs, inputs, side, side), f"{name}.bias": (outputs,)}
    return shapes
