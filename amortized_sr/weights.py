"""Weights file <-> model: one .safetensors with the configuration and the training facts in its header."""

import dataclasses
import hashlib
import json
import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from amortized_sr.config import ModelConfig, build_model
from amortized_sr.image_io import replacing
from amortized_sr.model import AmortizedSR

FORMAT_VERSION = "1"
"""Version of the layout of the header; a reader refuses every other."""

DEFAULT_MODEL = "photo-tiny"
"""Name of the bundled weights that are used when none are named."""

# Far above any model of this package; a larger header is an accident or an attack.
_MAX_PARAMETERS = 200_000_000


class WeightsError(ValueError):
    """A weights file that cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class TrainedModel:
    """A model with what its file says about it.

    Attributes:
        model: The model, in evaluation mode, on the CPU, in float32.
        config: What it was built from.
        facts: How it was trained: data, steps, seed, versions, metrics.
        path: Where it came from.
    """

    model: AmortizedSR
    config: ModelConfig
    facts: dict[str, Any]
    path: Path


def bundled_models() -> dict[str, Path]:
    """Return the names and files of the weights that come with the package."""
    folder = Path(str(resources.files("amortized_sr") / "weights_data"))
    return {path.stem: path for path in sorted(folder.glob("*.safetensors"))}


def sha256(path: Path) -> str:
    """Return the SHA-256 hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def save_weights(path: Path, state: dict[str, Tensor], config: ModelConfig, facts: dict[str, Any]) -> None:
    """Write a model's weights with its configuration and training facts in the header.

    Args:
        path: The file; one already there stays whole if writing fails.
        state: The model's state dict; written in float32.
        config: What the model was built from.
        facts: What there is to know about the training, as JSON values.
    """
    tensors = {name: tensor.detach().cpu().float().contiguous() for name, tensor in state.items()}
    header = {
        "format_version": FORMAT_VERSION,
        "config": json.dumps(dataclasses.asdict(config)),
        "training": json.dumps(facts, sort_keys=True),
    }
    with replacing(path) as file:
        file.write(save(tensors, header))


def load_weights(source: str | Path) -> TrainedModel:
    """Load a model from a bundled name or a local `.safetensors` file.

    Everything is checked before anything is built: the header, the configuration, and the names, shapes and values
    of all tensors. No code in the file is ever run.

    Raises:
        WeightsError: If the file is missing, damaged, or does not fit its own configuration.
    """
    path = find_weights(source)
    try:
        with safe_open(path, framework="pt") as file:
            config, facts = _read_header(path, file.metadata() or {})
            model = _build_empty(path, config)
            expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 (no dict)
            _compare(path, expected, found)
            tensors = {name: file.get_tensor(name) for name in expected}
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path}: not a readable .safetensors file ({error}); pickled checkpoints (.ckpt, .pt) are not accepted, "
            "training writes a model.safetensors beside them"
        ) from None
    state = {name: _checked_values(path, name, tensor) for name, tensor in tensors.items()}
    model = build_model(config)
    model.load_state_dict(state)
    return TrainedModel(model.eval().requires_grad_(False), config, facts, path)


def find_weights(source: str | Path) -> Path:
    """Return the file of a bundled name or a path.

    Raises:
        WeightsError: If there is neither.
    """
    bundled = bundled_models()
    if str(source) in bundled:
        return bundled[str(source)]
    path = Path(source)
    if os.path.isfile(path / "model.safetensors"):
        return path / "model.safetensors"
    if not os.path.isfile(path):
        raise WeightsError(
            f"no weights named {str(source)!r}; bundled are {', '.join(bundled) or 'none'}, "
            "or give the path of a .safetensors file"
        )
    return path


def _read_header(path: Path, header: dict[str, str]) -> tuple[ModelConfig, dict[str, Any]]:
    version = header.get("format_version")
    if version != FORMAT_VERSION:
        raise WeightsError(
            f"{path}: format_version is {version!r}, this version reads {FORMAT_VERSION!r}; "
            + ("it was not written by amortized-sr" if version is None else "install the version that wrote it")
        )
    try:
        values = json.loads(header["config"])
        if not isinstance(values, dict):
            raise TypeError(f"config must be an object, got {type(values).__name__}")
        unknown = sorted(set(values) - {field.name for field in dataclasses.fields(ModelConfig)})
        if unknown:
            raise WeightsError(f"{path}: unknown setting {unknown[0]!r} in the header; install a newer version")
        _check_types(values)
        facts = json.loads(header["training"])
        if not isinstance(facts, dict):
            raise TypeError(f"training must be an object, got {type(facts).__name__}")
        return ModelConfig(**values), facts
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(f"{path}: the header's configuration is not valid ({error}); get the file again") from None


def _check_types(values: dict[str, Any]) -> None:
    """Check each setting against its annotation, which Python itself does not do."""
    hints = get_type_hints(ModelConfig)
    for name, value in values.items():
        hint = hints[name]
        if get_origin(hint) is Literal:
            if not any(type(value) is type(choice) and value == choice for choice in get_args(hint)):
                raise ValueError(f"{name} must be one of {', '.join(map(str, get_args(hint)))}, got {value!r}")
        elif type(value) not in ((int, float) if hint is float else (hint,)):
            raise TypeError(f"{name} must be of type {hint.__name__}, got {value!r}")


def _build_empty(path: Path, config: ModelConfig) -> AmortizedSR:
    """Build the model without memory, to learn its names and shapes whatever the header asks for."""
    try:
        with torch.device("meta"):
            model = build_model(config)
    except (AssertionError, TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{path}: the header's configuration is not valid ({error}); get the file again") from None
    count = sum(parameter.numel() for parameter in model.parameters())
    if count > _MAX_PARAMETERS:
        raise WeightsError(f"{path}: the header asks for {count:,} parameters, more than {_MAX_PARAMETERS:,}")
    return model


def _compare(path: Path, expected: dict[str, tuple[int, ...]], found: dict[str, tuple[int, ...]]) -> None:
    missing, extra = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    if missing:
        raise WeightsError(f"{path}: tensor {missing[0]!r} is missing ({len(missing)} in all); get the file again")
    if extra:
        raise WeightsError(f"{path}: tensor {extra[0]!r} is not part of the model ({len(extra)} such)")
    for name, shape in expected.items():
        if found[name] != shape:
            raise WeightsError(f"{path}: tensor {name!r} has shape {found[name]}, the model needs {shape}")


def _checked_values(path: Path, name: str, tensor: Tensor) -> Tensor:
    """Return a tensor in float32, in which all its values must be finite."""
    if not tensor.is_floating_point():
        raise WeightsError(f"{path}: tensor {name!r} has type {tensor.dtype}, not a floating point type")
    values = tensor.float()
    if not values.isfinite().all():
        raise WeightsError(f"{path}: tensor {name!r} holds NaN or infinity; train again or get the file again")
    return values
