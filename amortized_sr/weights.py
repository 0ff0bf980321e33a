"""Weights file <-> model: one .safetensors with the configuration and the training facts in its header."""

import dataclasses
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from amortized_sr.image_io import replacing
from amortized_sr.model_builder import AnyModel, build
from amortized_sr.weights_header import (
    FORMAT_VERSION,
    Config,
    WeightsError,
    WeightsHeader,
    check_shapes,
    find_weights,
    invalid_config,
    kind_of,
    not_finite,
    read_header,
    sha256,
    unreadable,
)

# Far above any model of this package; a larger header is an accident or an attack.
_MAX_PARAMETERS = 200_000_000


@dataclass(frozen=True)
class TrainedModel:
    """A model with the facts in its file.

    Attributes:
        model: The model, in evaluation mode, on the CPU, in float32.
        config: Configuration that it was built from.
        facts: How it was trained: data, steps, seed, versions, metrics.
        path: Where it came from.
    """

    model: AnyModel
    config: Config
    facts: dict[str, Any]
    path: Path

    @cached_property
    def digest(self) -> str:
        """SHA-256 hash of the file."""
        return sha256(self.path)


def save_weights(
    path: Path | str,
    state: dict[str, Tensor],
    config: Config,
    facts: dict[str, Any],
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write a model's weights with its configuration and training facts in the header.

    Args:
        path: The file; one already there stays whole if writing fails.
        state: The model's state dict.
        config: Configuration that the model was built from.
        facts: Facts about the training, as JSON values.
        dtype: Precision of the file: `torch.float32`, or `torch.float16` for half the size. Models are loaded in
            float32 from both.

    Raises:
        ValueError: If the precision cannot hold a value.
    """
    tensors = {name: _converted(name, tensor, dtype) for name, tensor in state.items()}
    header = {
        "format_version": FORMAT_VERSION,
        "kind": kind_of(config),
        "config": json.dumps(dataclasses.asdict(config)),
        "training": json.dumps(facts, sort_keys=True),
    }
    with replacing(Path(path)) as file:
        file.write(save(tensors, header))


def _converted(name: str, tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """Return a tensor in the precision of a file, or raise a ValueError if finite values would become infinite."""
    values = tensor.detach().cpu().to(dtype).contiguous()
    if (values.isinf() & tensor.detach().cpu().isfinite()).any():
        largest = float(tensor.detach().abs().max())
        raise ValueError(
            f"tensor {name!r} holds {largest:g}, more than the {torch.finfo(dtype).max:g} of {dtype}; save in float32"
        )
    return values


def load_weights(source: str | Path, revision: str | None = None) -> TrainedModel:
    """Load a model from a bundled name, a local `.safetensors` file, a folder, or a repository `user/name` of the hub.

    Everything is checked before anything is built: the header, the configuration, and the names, shapes and values
    of all tensors. No code in the file is ever run.

    Raises:
        WeightsError: If the file is missing, damaged, or does not fit its own configuration.

    Example:
        >>> load_weights("mnist").config.channels
        1
    """
    path = find_weights(source, revision)
    header = read_header(path)
    _check_shapes(path, header)
    try:
        with safe_open(path, framework="pt") as file:
            state = {name: _checked_values(path, name, file.get_tensor(name)) for name in header.shapes}
    except (SafetensorError, OSError) as error:
        raise unreadable(path, error) from None
    model = build(header.config)
    model.load_state_dict(state)
    return TrainedModel(model.eval().requires_grad_(False), header.config, header.facts, path)


def _check_shapes(path: Path, header: WeightsHeader) -> None:
    """Build the model without memory, to learn the names and shapes of its tensors."""
    try:
        with torch.device("meta"):
            model = build(header.config)
    except (AssertionError, TypeError, ValueError, RuntimeError) as error:
        raise invalid_config(path, error) from None
    count = sum(parameter.numel() for parameter in model.parameters())
    if count > _MAX_PARAMETERS:
        raise WeightsError(f"{path}: the header asks for {count:,} parameters, more than {_MAX_PARAMETERS:,}")
    check_shapes(path, header, {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()})


def _checked_values(path: Path, name: str, tensor: Tensor) -> Tensor:
    """Return a tensor in float32, in which all its values must be finite."""
    if not tensor.is_floating_point():
        raise WeightsError(f"{path}: tensor {name!r} has type {tensor.dtype}, not a floating point type")
    values = tensor.float()
    if not values.isfinite().all():
        raise not_finite(path, name)
    return values
