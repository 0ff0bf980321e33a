"""Saves and loads fitted functions as .safetensors files, without running any code in them."""

import json
from pathlib import Path
from typing import Any, final, get_args

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from amortized_sr.baselines.fitting import FittedImage
from amortized_sr.baselines.networks import CoordinateNetworks
from amortized_sr.choices import NetworkName, Normalization
from amortized_sr.coords import Size
from amortized_sr.image_io import replacing

FORMAT_VERSION = "fitted-1"
"""Version of the layout of the header; all others are refused."""

# Far above any image that can be fitted; a larger header is an accident or an attack.
_MAX_SIDE = 1 << 16
_MAX_REGION = 64


class FittedFileError(ValueError):
    """A file that does not hold a fitted image; the message gives the reason and the remedy."""


@final
class ModelWeightsError(FittedFileError):
    """A weights file of a model in place of a fitted image."""


def save_fitted(path: Path, fitted: FittedImage, facts: dict[str, Any]) -> None:
    """Write the networks of fitted images, and facts about the fit as JSON; an existing file stays if writing fails."""
    settings = {
        "network": fitted.networks.name,
        "coords": fitted.coords,
        "region": fitted.region,
        "size": fitted.size,
        "channels": fitted.channels,
    }
    header = {"format_version": FORMAT_VERSION, "settings": json.dumps(settings), "fit": json.dumps(facts)}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in fitted.networks.state_dict().items()}
    with replacing(path) as file:
        file.write(save(tensors, header))


def load_fitted(path: Path) -> FittedImage:
    """Read the function of a file that `save_fitted` wrote. No code in the file is ever run.

    Raises:
        FittedFileError: If the file is missing or damaged.
        ModelWeightsError: If it holds the weights of a model.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no dict)
    except FileNotFoundError:
        raise FittedFileError(f"{path}: no such file; fit an image and save its function first") from None
    except (SafetensorError, OSError) as error:
        raise FittedFileError(f"{path}: not a readable .safetensors file ({error}); fit the image again") from None
    if "config" in header:
        raise ModelWeightsError(f"{path}: holds the weights of a model, not a fitted image; upscale images with it")
    version = header.get("format_version")
    if version != FORMAT_VERSION:
        raise FittedFileError(
            f"{path}: format_version is {version!r}, a fitted image has {FORMAT_VERSION!r}; fit the image again"
        )
    try:
        network, coords, region, size, channels = _checked(json.loads(header["settings"]))
        biases = tensors["biases.0"]
        networks = CoordinateNetworks(network, len(biases), size, channels, seed=0)
        networks.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise FittedFileError(f"{path}: the header does not fit the tensors ({reason}); fit the image again") from None
    if not all(tensor.isfinite().all() for tensor in networks.state_dict().values()):
        raise FittedFileError(f"{path}: the weights hold NaN or infinity; fit the image again")
    return FittedImage(networks.requires_grad_(False), coords, size, region)


def _checked(settings: dict[str, Any]) -> tuple[NetworkName, Normalization | None, int, Size, int]:
    """Return the header's settings, or raise a `ValueError` if one of them is outside its range."""
    (height, width), sides = settings["size"], range(1, _MAX_SIDE + 1)
    allowed = {
        "network": get_args(NetworkName),
        "coords": (None, *get_args(Normalization)),
        "region": range(1, _MAX_REGION + 1),
        "height": sides,
        "width": sides,
        "channels": (1, 3),
    }
    values = settings | {"height": height, "width": width}
    for name, choices in allowed.items():
        if isinstance(values[name], bool | float) or values[name] not in choices:
            raise ValueError(f"{name} is {values[name]!r}")
    return settings["network"], settings["coords"], settings["region"], (height, width), settings["channels"]
