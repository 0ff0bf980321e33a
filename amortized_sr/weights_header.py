"""Headers of weights files, and the names of bundled weights. Loads no torch."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from safetensors import SafetensorError, safe_open

from amortized_sr.autoencoder_config import AutoencoderConfig
from amortized_sr.choices import ConditionName
from amortized_sr.hub_files import CONFIG_NAME, WEIGHTS_NAME, HubError, fetched_weights, is_repository
from amortized_sr.model_config import ModelConfig

Config = ModelConfig | AutoencoderConfig
"""Records that weights are built from."""

CONFIGS: dict[str, type[Config]] = {"upscaler": ModelConfig, "autoencoder": AutoencoderConfig}
"""The record of each kind of weights; a file that names none holds an upscaler."""

FORMAT_VERSION = "1"
"""Version of the layout of the header; a reader refuses every other."""

DEFAULT_MODEL = "photo-tiny"
"""Name of the bundled weights that are used when none are named."""

DEFAULT_DENOISER = "photo"
"""Name of the bundled weights that remove noise and compression when none are named."""

DEFAULT_AUTOENCODER = "mnist-autoencoder"
"""Name of the bundled weights that codes are made with when none are named."""

DEFAULT_SAMPLER = "mnist-morph"
"""Name of the bundled weights that new images and morphs are drawn with when none are named."""

PAGE_MODELS = [DEFAULT_MODEL, DEFAULT_DENOISER, DEFAULT_SAMPLER]
"""Names of the bundled weights that the page and the server offer when none are named."""

# Other files of this package with the same suffix.
_OTHER_KINDS = {"fitted": "a fitted image, which `render` draws", "latent": "a latent, which a model decodes"}


# Far above any configuration of this package.
_LARGEST_CONFIG = 1 << 16


class WeightsError(ValueError):
    """A weights file that cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class WeightsHeader:
    """Header of a weights file.

    Attributes:
        config: Configuration that the model is built from.
        facts: How it was trained: data, steps, seed, versions, metrics.
        shapes: Shape of each tensor by name.
    """

    config: Config
    facts: dict[str, Any]
    shapes: dict[str, tuple[int, ...]]


def bundled_models() -> dict[str, Path]:
    """Return the names and files of the weights that come with the package.

    Example:
        >>> sorted(bundled_models())
        ['mnist', 'mnist-autoencoder', 'mnist-morph', 'photo', 'photo-tiny']
    """
    folder = Path(str(resources.files("amortized_sr") / "weights_data"))
    return {path.stem: path for path in sorted(folder.glob("*.safetensors"))}


def models_reading(condition: ConditionName) -> list[str]:
    """Return the names of the bundled weights whose encoder reads a condition."""
    configs = {name: read_header(path).config for name, path in bundled_models().items()}
    return [name for name, config in configs.items() if condition in config.conditions]


def sha256(path: Path) -> str:
    """Return the SHA-256 hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def find_weights(source: str | Path, revision: str | None = None) -> Path:
    """Return the file of a bundled name, a path, a folder that holds a `model.safetensors`, or a repository of the hub.

    Args:
        source: Name or path; a repository of the hub is `user/name`.
        revision: Which state of a repository of the hub: a branch, tag or commit.

    Raises:
        WeightsError: If there is no such file.
    """
    path = _local_weights(source)
    if path is not None and revision is None:
        return path
    if path is not None:
        raise WeightsError(f"{source} is not on the hub, so it has no revision {revision!r}; leave the revision out")
    missing = (
        f"no weights named {str(source)!r}; bundled are {', '.join(bundled_models()) or 'none'}, "
        "or give the path of a .safetensors file"
    )
    if not is_repository(str(source)):
        raise WeightsError(missing)
    try:
        return fetched_weights(str(source), revision)
    except HubError as error:
        raise WeightsError(f"{missing}; {error}") from None


def _local_weights(source: str | Path) -> Path | None:
    """Return the file of a bundled name, a path or a folder, or None if this machine has none."""
    bundled = bundled_models()
    if str(source) in bundled:
        return bundled[str(source)]
    path = Path(source)
    if os.path.isfile(path / WEIGHTS_NAME):
        return path / WEIGHTS_NAME
    if os.path.isdir(path):
        pickled = any(os.path.isfile(path / name) for name in ("pytorch_model.bin", "model.pt", "model.pth"))
        hint = "; pickled weights are not read, ask for a .safetensors file" if pickled else ""
        raise WeightsError(f"no weights named {str(source)!r}; the folder holds no {WEIGHTS_NAME}{hint}")
    return path if os.path.isfile(path) else None


def read_header(path: Path) -> WeightsHeader:
    """Read and check the header of a weights file.

    Raises:
        WeightsError: If it cannot be read, or is not one of this version.
    """
    try:
        with safe_open(path, framework="np") as file:
            header = file.metadata() or {}
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 (no dict)
    except (SafetensorError, OSError) as error:
        raise unreadable(path, error) from None
    version = header.get("format_version")
    beside = path.parent / CONFIG_NAME
    # A folder of the hub's layout, written by us or by the hub's own mixin.
    told = beside if path.name == WEIGHTS_NAME and os.path.isfile(beside) else None
    if version is None and told is not None:
        return WeightsHeader(_config_beside(told), {}, shapes)
    if version != FORMAT_VERSION:
        kind = _OTHER_KINDS.get(str(version).partition("-")[0])
        if kind is not None:
            raise WeightsError(f"{path}: the file holds {kind}; give the weights of a model")
        raise WeightsError(
            f"{path}: format_version is {version!r}, this version reads {FORMAT_VERSION!r}; "
            + ("it was not written by amortized-sr" if version is None else "install the version that wrote it")
        )
    try:
        config = _read_config(path, header)
        facts = _read_object(header["training"], "training")
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        if isinstance(error, WeightsError):
            raise
        raise invalid_config(path, error) from None
    if told is not None and _config_beside(told) != config:
        raise WeightsError(f"{told} differs from the header of {path.name} beside it; write the folder again")
    return WeightsHeader(config, facts, shapes)


def check_shapes(path: Path, header: WeightsHeader, expected: Mapping[str, tuple[int, ...]]) -> None:
    """Check the names and shapes of a file's tensors against those of its model.

    Raises:
        WeightsError: If they differ.
    """
    missing, extra = sorted(set(expected) - set(header.shapes)), sorted(set(header.shapes) - set(expected))
    if missing:
        raise WeightsError(f"{path}: tensor {missing[0]!r} is missing ({len(missing)} in all); get the file again")
    if extra:
        raise WeightsError(f"{path}: tensor {extra[0]!r} is not part of the model ({len(extra)} such)")
    for name, shape in expected.items():
        if header.shapes[name] != shape:
            raise WeightsError(f"{path}: tensor {name!r} has shape {header.shapes[name]}, the model needs {shape}")


def not_finite(path: Path, name: str) -> WeightsError:
    """Return the error for a tensor with values that no training leaves."""
    return WeightsError(f"{path}: tensor {name!r} holds NaN or infinity; train again or get the file again")


def unreadable(path: Path, error: Exception) -> WeightsError:
    """Return the error for a file that is not in the format of weights."""
    return WeightsError(
        f"{path}: not a readable .safetensors file ({error}); pickled checkpoints (.ckpt, .pt) are not accepted, "
        "training writes a model.safetensors beside them"
    )


def invalid_config(path: Path, error: Exception) -> WeightsError:
    """Return the error for a header whose configuration makes no model."""
    return WeightsError(f"{path}: the header's configuration is not valid ({error}); get the file again")


def kind_of(config: Config) -> str:
    """Return the kind of weights that a record belongs to."""
    return next(kind for kind, record in CONFIGS.items() if isinstance(config, record))


def _read_config(path: Path, header: dict[str, str]) -> Config:
    kind = header.get("kind", "upscaler")
    if kind not in CONFIGS:
        raise WeightsError(f"{path}: unknown kind {kind!r} in the header; install a newer version")
    values = _read_object(header["config"], "config")
    unknown = sorted(set(values) - _settings(CONFIGS[kind]))
    if unknown:
        raise WeightsError(f"{path}: unknown setting {unknown[0]!r} in the header; install a newer version")
    return _config_of(CONFIGS[kind], values)


def _config_beside(path: Path) -> Config:
    """Return the configuration in a file of the hub's layout, which names no kind: the one that knows all settings."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(_LARGEST_CONFIG + 1)
        if len(text) > _LARGEST_CONFIG:
            raise ValueError(f"it is longer than {_LARGEST_CONFIG:,} characters")
        values = _read_object(text, "the file")
        fewest = min((sorted(set(values) - _settings(record)) for record in CONFIGS.values()), key=len)
        if fewest:
            raise WeightsError(
                f"{path}: unknown setting {fewest[0]!r}; it is of another library, or of a newer version of this one"
            )
        record = next(record for record in CONFIGS.values() if set(values) <= _settings(record))
        return _config_of(record, values)
    except (OSError, TypeError, ValueError, RecursionError) as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(f"{path}: not a valid configuration ({error}); get the folder again") from None


def _config_of(record: type[Config], values: dict[str, Any]) -> Config:
    hints = get_type_hints(record)
    return record(**{name: _checked(name, value, hints[name]) for name, value in values.items()})


def _settings(record: type[Config]) -> set[str]:
    return {field.name for field in dataclasses.fields(record)}


def _read_object(text: str, name: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be an object, got {type(value).__name__}")
    return value


def _checked(name: str, value: Any, hint: Any) -> Any:  # noqa: ANN401 (JSON values, annotations)
    """Return a setting that fits its annotation, which Python itself does not check."""
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise TypeError(f"{name} must be a list, got {value!r}")
        return tuple(_checked(name, part, get_args(hint)[0]) for part in value)
    choices = _choices(hint)
    if choices:
        if not any(type(value) is type(choice) and value == choice for choice in choices):
            raise ValueError(f"{name} must be one of {', '.join(map(str, choices))}, got {value!r}")
    elif type(value) not in ((int, float) if hint is float else (hint,)):
        raise TypeError(f"{name} must be of type {hint.__name__}, got {value!r}")
    return value


def _choices(hint: Any) -> list[Any]:  # noqa: ANN401 (an annotation)
    """Return the values of a Literal, or of a union of them."""
    if get_origin(hint) is Union:
        return [choice for part in get_args(hint) for choice in _choices(part)]
    return list(get_args(hint)) if get_origin(hint) is Literal else []
